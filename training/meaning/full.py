"""Learns the full head, and with it the embedder's upper layers: what of a prompt tells its level.

A prompt is its windows; its logit is that of its most telling window, softly (`pooled` of the product): a long text of
which one sentence is grave is grave, and of a harmless one every window must be.
It is learnt several times from one start, in another order each time, and what was learnt is the mean of the weights:
as good as asking all of them, at the cost of one (Wortsman et al., "Model soups", 2022).
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from douane.detect.meaning.model import QUESTIONS, SOFTNESS
from douane.detect.meaning.windows import cut
from training.meaning.encoder import Encoder, Weights, cosine_schedule

SEEDS = (0, 1, 2, 3)
UPPER = 6
EPOCHS = 3
AT_ONCE = 16
_RATE = 1.5e-2
"""Of the whole numbers: in steps of a weight. Scales move a hundredth of it, biases and norms a tenth."""
_RATE_OF_HEAD = 5e-3
_SHARPNESS = 20.0
_DROPPED = 0.1
"""The share left out at each step: of tokens, of what the lower layers say of the others, of what the head sees."""
_SMOOTHING = 0.02
_BLENDED = 0.3
"""What the third question's answer adds to the second one's: what looks restricted is confidential or above."""
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

    def __init__(self, encoder: Encoder, weights: Weights, texts: Sequence[str], numbers: Sequence[int]) -> None:
        self._encoder = encoder
        tokens = {
            number: [weights.tokens(one) for a, b in cut(texts[number]) if (one := texts[number][a:b].strip())]
            for number in map(int, numbers)
        }
        order = sorted(
            ((number, window) for number, windows in tokens.items() for window in range(len(windows))),
            key=lambda place: (len(tokens[place[0]][place[1]]), place),
        )
        self._seen = {number: [torch.zeros(0)] * len(windows) for number, windows in tokens.items()}
        for first in range(0, len(order), 32):
            places = order[first : first + 32]
            for (n, w), said in zip(places, encoder.lower([tokens[n][w] for n, w in places]), strict=True):
                self._seen[n][w] = said.half()

    def logits(self, numbers: Sequence[int], head: Callable[[Tensor], Tensor], *, learning: bool) -> Tensor:
        """Return each prompt's logits; `learning`: of what is left of it when some is dropped."""
        whose = [(at, window.float()) for at, number in enumerate(numbers) for window in self._seen[int(number)]]
        vectors = self._encoder.upper([_thinned(window) if learning else window for _, window in whose])
        logits = head(functional.dropout(_SHARPNESS * vectors, _DROPPED, training=learning))
        owner = torch.tensor([at for at, _ in whose])
        soft = [SOFTNESS * torch.logsumexp(logits[owner == at] / SOFTNESS, 0) for at in range(len(numbers))]
        return torch.stack(soft)


def learn(weights: Weights, texts: Sequence[str], levels: Sequence[int], learnt: Sequence[int]) -> Full:
    """Learn from the prompts of these numbers. `judge` of the answer gives the logits of any.

    Each time is a process of its own, as many at once as there are cores; that changes no bit of what is learnt.
    """
    torch.set_num_threads(1)
    once = partial(_once, weights.data, texts, levels, learnt)
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as processes:
        all_learnt = list(processes.map(once, SEEDS))
    encoder, head = Encoder(weights, UPPER), nn.Linear(weights.width, QUESTIONS)
    for module, number in ((encoder, 0), (head, 1)):
        states = [one[number] for one in all_learnt]
        mean = {name: np.mean([state[name] for state in states], axis=0) for name in states[0]}
        module.load_state_dict({name: torch.tensor(value) for name, value in mean.items()}, strict=False)

    with torch.no_grad():
        head.weight[1] += _BLENDED * head.weight[2]
        head.bias[1] += _BLENDED * head.bias[2]

    @torch.no_grad()
    def judge(numbers: Sequence[int]) -> np.ndarray:
        others = Texts(encoder, weights, texts, numbers)
        told = [others.logits(numbers[at : at + 16], head, learning=False) for at in range(0, len(numbers), 16)]
        return torch.cat(told).numpy()

    return Full(_SHARPNESS * head.weight.detach().numpy(), head.bias.detach().tolist(), encoder.tensors(), judge)


_State = dict[str, np.ndarray[Any, Any]]


def _once(
    data: bytes, texts: Sequence[str], levels: Sequence[int], learnt: Sequence[int], seed: int
) -> tuple[_State, _State]:
    """Return what the upper layers and the head have learnt, by name."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    torch.use_deterministic_algorithms(True)
    weights = Weights(data)
    encoder = Encoder(weights, UPPER)
    seen = Texts(encoder, weights, texts, learnt)
    head = nn.Linear(weights.width, QUESTIONS)
    nn.init.zeros_(head.weight)
    nn.init.constant_(head.bias, 0)
    optimiser = _optimiser(encoder, head)
    rates = [group["lr"] for group in optimiser.param_groups]
    truth, among = np.array(levels), np.array(learnt)
    chance = np.random.default_rng(seed)
    steps = EPOCHS * (len(among) // AT_ONCE)
    step = 0
    for _ in range(EPOCHS):
        order = among[chance.permutation(len(among))]
        for first in range(0, len(order) - AT_ONCE + 1, AT_ONCE):
            numbers = order[first : first + AT_ONCE]
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * cosine_schedule(step, steps)
            logits = seen.logits(numbers, head, learning=True)
            wanted = np.stack([truth[numbers] > question for question in range(QUESTIONS)], axis=1)
            loss = functional.binary_cross_entropy_with_logits(
                logits,
                torch.tensor(_SMOOTHING + (1 - 2 * _SMOOTHING) * wanted, dtype=torch.float32),
                reduction="none",
                pos_weight=torch.tensor(_OF_POSITIVES),
            )
            optimiser.zero_grad()
            (loss * torch.tensor(_WEIGHTS)).mean().backward()
            optimiser.step()
            step += 1
    return _state(encoder), _state(head)


def _state(module: nn.Module) -> _State:
    return {name: one.detach().numpy().copy() for name, one in module.named_parameters() if one.requires_grad}


def _thinned(window: Tensor) -> Tensor:
    kept = torch.rand(len(window)) >= _DROPPED
    kept[0] = True
    return functional.dropout(window[kept], _DROPPED)


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
    return torch.optim.AdamW(groups, weight_decay=0.0, betas=(0.9, 0.98), fused=True)
