"""Learns the full head, and with it the embedder's upper layers: what of a prompt tells its level.

A prompt is its windows; its logit is that of its most telling window, softly (`pooled` of the product): a long text of
which one sentence is grave is grave, and of a harmless one every window must be.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from douane.detect.meaning.model import QUESTIONS, SOFTNESS
from douane.detect.meaning.windows import cut
from training.meaning.encoder import Encoder, Weights, cosine_schedule

UPPER = 6
EPOCHS = 4
AT_ONCE = 16
_RATE = 2e-3
"""Of the whole numbers: in steps of a weight. Scales move a hundredth of it, biases and norms a tenth."""
_RATE_OF_HEAD = 3e-3
_SHARPNESS = 20.0
_DROPPED = 0.1
_WEIGHTS = (0.5, 1.0, 0.7)
_OF_POSITIVES = (1.0, 1.5, 1.0)


class Full(NamedTuple):
    """What was learnt: the head (a row for each question), its bias, and the embedder's tensors by name."""

    head: np.ndarray
    bias: list[float]
    tensors: dict[str, bytes]
    judge: Callable[[Sequence[int]], np.ndarray]


class Texts:
    """The prompts as what the lower layers say of their windows."""

    def __init__(self, encoder: Encoder, weights: Weights, texts: Sequence[str]) -> None:
        self._encoder = encoder
        tokens = [[weights.tokens(one) for a, b in cut(text) if (one := text[a:b].strip())] for text in texts]
        order = sorted(
            ((number, window) for number, windows in enumerate(tokens) for window in range(len(windows))),
            key=lambda place: (len(tokens[place[0]][place[1]]), place),
        )
        self._seen: list[list[Tensor]] = [[torch.zeros(0)] * len(windows) for windows in tokens]
        for first in range(0, len(order), 32):
            places = order[first : first + 32]
            given, mask = _padded([torch.tensor(tokens[n][w]) for n, w in places], torch.long)
            for (n, w), said, length in zip(places, encoder.lower(given, mask), mask.sum(1).tolist(), strict=True):
                self._seen[n][w] = said[:length].half()

    def logits(self, numbers: Sequence[int], head: Callable[[Tensor], Tensor]) -> Tensor:
        """Return each prompt's logits."""
        whose = [(at, window) for at, number in enumerate(numbers) for window in self._seen[number]]
        order = sorted(range(len(whose)), key=lambda at: (len(whose[at][1]), at))
        found: list[Tensor] = [torch.zeros(0)] * len(whose)
        first = 0
        while first < len(order):
            last, least = first + 1, len(whose[order[first]][1])
            while last < len(order) and len(whose[order[last]][1]) <= 1.3 * least + 4:
                last += 1
            given, mask = _padded([whose[at][1].float() for at in order[first:last]], torch.float32)
            for at, vector in zip(order[first:last], self._encoder.upper(given, mask), strict=True):
                found[at] = vector
            first = last
        logits = head(torch.stack(found))
        owner = torch.tensor([at for at, _ in whose])
        soft = [SOFTNESS * torch.logsumexp(logits[owner == at] / SOFTNESS, 0) for at in range(len(numbers))]
        return torch.stack(soft)


def learn(weights: Weights, texts: Sequence[str], levels: Sequence[int], learnt: Sequence[int]) -> Full:
    """Learn from the prompts of these numbers. `judge` of the answer gives the logits of any."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    encoder = Encoder(weights, UPPER)
    seen = Texts(encoder, weights, texts)
    head = nn.Linear(weights.width, QUESTIONS)
    nn.init.zeros_(head.weight)
    nn.init.constant_(head.bias, 0)
    optimiser = _optimiser(encoder, head)
    rates = [group["lr"] for group in optimiser.param_groups]
    truth, among = np.array(levels), np.array(learnt)
    chance = np.random.default_rng(0)
    steps = EPOCHS * (len(among) // AT_ONCE)
    step = 0
    for _ in range(EPOCHS):
        order = among[chance.permutation(len(among))]
        for first in range(0, len(order) - AT_ONCE + 1, AT_ONCE):
            numbers = order[first : first + AT_ONCE]
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * cosine_schedule(step, steps)
            logits = seen.logits(numbers, lambda said: head(functional.dropout(_SHARPNESS * said, _DROPPED)))
            wanted = np.stack([truth[numbers] > question for question in range(QUESTIONS)], axis=1)
            loss = functional.binary_cross_entropy_with_logits(
                logits,
                torch.tensor(wanted, dtype=torch.float32),
                reduction="none",
                pos_weight=torch.tensor(_OF_POSITIVES),
            )
            optimiser.zero_grad()
            (loss * torch.tensor(_WEIGHTS)).mean().backward()
            optimiser.step()
            step += 1

    @torch.no_grad()
    def judge(numbers: Sequence[int]) -> np.ndarray:
        told = [
            seen.logits(numbers[at : at + 16], lambda said: head(_SHARPNESS * said))
            for at in range(0, len(numbers), 16)
        ]
        return torch.cat(told).numpy()

    return Full(_SHARPNESS * head.weight.detach().numpy(), head.bias.detach().tolist(), encoder.tensors(), judge)


def _optimiser(encoder: Encoder, head: nn.Linear) -> torch.optim.Optimizer:
    learning = [(name, one) for name, one in encoder.named_parameters() if one.requires_grad]
    whole = [one for name, one in learning if name.endswith(".whole")]
    scales = [one for name, one in learning if name.endswith(".scales")]
    others = [one for name, one in learning if not name.endswith((".whole", ".scales"))]
    groups = [
        {"params": whole, "lr": _RATE},
        {"params": scales, "lr": _RATE * 0.01},
        {"params": others, "lr": _RATE * 0.1},
        {"params": list(head.parameters()), "lr": _RATE_OF_HEAD},
    ]
    return torch.optim.AdamW(groups, weight_decay=0.0, betas=(0.9, 0.98))


def _padded(given: Sequence[Tensor], kind: torch.dtype) -> tuple[Tensor, Tensor]:
    longest = max(map(len, given))
    filled = torch.zeros(len(given), longest, *given[0].shape[1:], dtype=kind)
    mask = torch.zeros(len(given), longest, dtype=torch.bool)
    for number, one in enumerate(given):
        filled[number, : len(one)] = one
        mask[number, : len(one)] = True
    return filled, mask
