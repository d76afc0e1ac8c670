"""Which texts a pattern could be made to try many times: those that two of its ways agree on, over and over.

The pattern becomes an automaton whose states are the places of its signs (Glushkov 1961), with a state in front that
any sign keeps: the start that a search moves on. Two questions tell all there is to fear (Weber and Seidl, 1991):
1. Is there a word on which a state comes back to itself in two ways? Then words of it take exponential time.
2. Is there one on which a state p stays, leads to another q, and q stays? Then they take quadratic time, or more.

A counted repeat is its least number of copies and then a loop, however few it allows; atomic groups are ordinary ones,
and only looks of one sign are heeded: more words come out than do harm, and `trial` tells which.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement, product
from typing import Any

from tests.patterns.tree import Atomic, Choice, Group, Look, Place, Repeat, Row, Sign, Tree

_COPIES = 40
_MOST_STATES = 30_000
_WORK = 20_000
_TRIES = 2

Signs = frozenset[Any]
State = tuple[int, Any]
Guard = tuple[Signs, Signs]
Loop = Mapping[State, None]


@dataclass(frozen=True, slots=True)
class Word:
    """What stands before, and what is repeated after it."""

    before: tuple[Any, ...]
    again: tuple[Any, ...]
    why: str


EDGE = None
"""What stands before the first sign, and after the last one."""


@dataclass(slots=True)
class _Piece:
    """A part of a pattern: where it begins, ends, and whether it may be empty, each with the signs asked for around.

    Keys are (place, before, after): sets of signs that the sign before, or at, and the one at, or after, must be of.
    """

    first: Counter[tuple[int, Signs, Signs]]
    last: Counter[tuple[int, Signs, Signs]]
    empty: Counter[Guard]


class Automaton:
    def __init__(self, of: Tree) -> None:
        self._of = of
        self._all: Signs = frozenset((*of.alphabet, EDGE))
        self._signs: list[Signs] = [frozenset(of.alphabet)]
        self._follow: dict[tuple[int, int], Counter[Guard]] = defaultdict(Counter)
        whole = self._piece(of.root)
        for (place, before, here), ways in whole.first.items():
            self._follow[0, place][before, here] += ways
        self._follow[0, 0][self._all, self._all] += 1
        self._first = whole.first
        self._next = self._states()

    def _piece(self, node: Any) -> _Piece:
        match node:
            case Sign(signs):
                self._signs.append(signs)
                key = len(self._signs) - 1, self._all, self._all
                return _Piece(Counter([key]), Counter([key]), Counter())
            case Row(parts):
                whole = _Piece(Counter(), Counter(), Counter([(self._all, self._all)]))
                for part in parts:
                    whole = self._joined(whole, self._piece(part))
                return whole
            case Choice(ways):
                pieces = [self._piece(way) for way in ways]
                return _Piece(
                    *(sum((getattr(piece, side) for piece in pieces), Counter()) for side in ("first", "last", "empty"))
                )
            case Repeat(body, least, most, _):
                return self._repeated(body, least, most)
            case Group(_, body) | Atomic(body):
                return self._piece(body)
            case Look(Sign(signs), wanted, width):
                asked = signs if wanted else self._all - signs
                return self._empty((asked, self._all) if width else (self._all, asked))
            case Place(kind):
                return self._place(kind)
        return self._empty((self._all, self._all))

    def _empty(self, *guards: Guard) -> _Piece:
        return _Piece(Counter(), Counter(), Counter(guards))

    def _place(self, kind: str) -> _Piece:
        edge, feeds = frozenset((EDGE,)), frozenset((EDGE, "\n", 10))
        words = self._of.words
        others = self._all - words
        match kind:
            case "first" | "begin":
                return self._empty((edge, self._all))
            case "begins":
                return self._empty((feeds, self._all))
            case "last":
                return self._empty((self._all, edge))
            case "end" | "ends":
                return self._empty((self._all, feeds))
            case "edge":
                return self._empty((words, others), (others, words))
        return self._empty((words, words), (others, others))

    def _joined(self, one: _Piece, two: _Piece) -> _Piece:
        self._link(one, two)
        first, last, empty = Counter(one.first), Counter(two.last), Counter()
        for ((before, after), ways), ((place, left, right), more) in product(one.empty.items(), two.first.items()):
            first[place, before & left, after & right] += ways * more
        for ((before, after), ways), ((place, left, right), more) in product(two.empty.items(), one.last.items()):
            last[place, before & left, after & right] += ways * more
        for ((before, after), ways), ((left, right), more) in product(one.empty.items(), two.empty.items()):
            empty[before & left, after & right] += ways * more
        return _Piece(first, last, empty)

    def _link(self, one: _Piece, two: _Piece) -> None:
        for ((place, here, after), ways), ((then, before, there), more) in product(one.last.items(), two.first.items()):
            self._follow[place, then][here & before, after & there] += ways * more

    def _repeated(self, body: Any, least: int, most: int) -> _Piece:
        if most == 0:
            return self._empty((self._all, self._all))
        whole = _Piece(Counter(), Counter(), Counter([(self._all, self._all)]))
        for _ in range(min(least, _COPIES) - 1):
            whole = self._joined(whole, self._piece(body))
        loop = self._piece(body)
        if most > 1:
            self._link(loop, loop)
        if least == 0:
            loop.empty[self._all, self._all] += not loop.empty
        return self._joined(whole, loop)

    def _states(self) -> dict[State, dict[State, int]]:
        """Return which states follow which, and in how many ways: a place, and the sign that was read there."""
        kinds: dict[frozenset[int], Any] = {}
        sets = list(
            dict.fromkeys([*self._signs, *(s for ways in self._follow.values() for guard in ways for s in guard)])
        )
        for sign in sorted(self._of.alphabet, key=_plainness):
            kinds.setdefault(frozenset(n for n, signs in enumerate(sets) if sign in signs), sign)
        self.kinds = tuple(kinds.values())
        at = [[sign for sign in self.kinds if sign in signs] for signs in self._signs]
        following: dict[State, dict[State, int]] = defaultdict(dict)
        for (place, then), guards in self._follow.items():
            for (here, there), ways in guards.items():
                ends = [sign for sign in at[then] if sign in there]
                for sign in at[place]:
                    if sign in here:
                        row = following[place, sign]
                        for end in ends:
                            row[then, end] = row.get((then, end), 0) + ways
        self.beginnings: dict[State, int] = {(0, sign): 1 for sign in self.kinds}
        for (place, before, here), ways in self._first.items():
            if EDGE in before:
                for sign in at[place]:
                    if sign in here:
                        self.beginnings[place, sign] = ways
        return following

    def words(self) -> Iterator[Word]:
        """Yield the words that may take long, few of each kind."""
        loops = [_in_order(loop) for loop in self._loops()]
        for kind, work in ((self._exponential, _WORK), (self._searched, _WORK), (self._quadratic, 2 * _WORK)):
            self._work = work
            for loop in loops:
                yield from kind(loop, loops)

    def _loops(self) -> Iterator[list[State]]:
        """Yield the sets of states that lead to each other, without the one in front."""
        for component in components([state for state in list(self._next) if state[0]], self._after):
            if len(component) > 1 or component[0] in self._next.get(component[0], {}):
                yield component

    def _after(self, state: State) -> Iterable[State]:
        return self._next.get(state, ())

    def _exponential(self, loop: Loop, _loops: Sequence[Loop]) -> Iterator[Word]:
        """Yield words on which a state of the loop comes back to itself in two ways."""
        tried: Counter[tuple[int, int, int]] = Counter()
        for state in loop:
            following = {end: ways for end, ways in self._next[state].items() if end in loop}
            for one, other in combinations_with_replacement(following, 2):
                places = state[0], one[0], other[0]
                if one[1] != other[1] or tried[places] == _TRIES or (one == other and following[one] == 1):
                    continue
                tried[places] += 1
                way = self._path((one, other), (loop, loop), lambda pair: pair[0] == pair[1])
                if way is not None:
                    yield from self._word(state, [one, *(pair[0] for pair in way[1:])], "exponential")

    def _searched(self, loop: Loop, _loops: Sequence[Loop]) -> Iterator[Word]:
        """Yield words on which a search starts anew at every sign while older starts still go on."""
        tried: Counter[int] = Counter()
        for state in loop:
            if tried[state[0]] == _TRIES:
                continue
            tried[state[0]] += 1
            way = self._path(((0, state[1]), state), (None, loop), lambda pair, state=state: pair == (state, state))
            if way is not None:
                yield from self._word(state, [pair[1] for pair in way[1:]], "from every start")

    def _quadratic(self, loop: Loop, loops: Sequence[Loop]) -> Iterator[Word]:
        """Yield words on which a state of the loop stays, one of a later loop stays, and the first leads there."""
        near = path(list(loop), self._after, lambda _: False, _MOST_STATES)[1]
        for other in loops:
            if other is loop or next(iter(other)) not in near:
                continue
            tried: Counter[tuple[int, int]] = Counter()
            for one in loop:
                for two in (state for state in other if state[1] == one[1]):
                    if tried[one[0], two[0]] == _TRIES:
                        continue
                    tried[one[0], two[0]] += 1
                    goal = one, two, two
                    way = self._path((one, one, two), (loop, None, other), lambda row, goal=goal: row == goal)
                    if way is not None:
                        yield from self._word(one, [row[0] for row in way[1:]], "quadratic")

    def _path(
        self, start: tuple[State, ...], inside: tuple[Loop | None, ...], is_goal: Callable[[Any], bool]
    ) -> list[Any] | None:
        """Return a way that several states can go on the same signs, as long as there is work left."""
        way, seen = path([start], lambda row: self._together(row, inside), is_goal, min(self._work, _MOST_STATES))
        self._work -= len(seen)
        return way

    def _together(self, row: tuple[State, ...], inside: tuple[Loop | None, ...]) -> Iterator[tuple[State, ...]]:
        """Yield where several states may go on the same sign, each within its loop."""
        by_sign: list[dict[Any, list[State]]] = []
        for state, loop in zip(row, inside, strict=True):
            ends: dict[Any, list[State]] = defaultdict(list)
            for end in self._after(state):
                if loop is None or end in loop:
                    ends[end[1]].append(end)
            by_sign.append(ends)
        for sign in by_sign[0]:
            yield from product(*(ends.get(sign, ()) for ends in by_sign))

    def _word(self, state: State, way: list[State], why: str) -> Iterator[Word]:
        """Yield the word that leads to a state, and the one that leads along a way and back to it."""
        there, _ = path(list(self.beginnings), self._after, lambda at: at == state, _MOST_STATES)
        back, _ = path([way[-1]], self._after, lambda at: at == state, _MOST_STATES)
        if there is not None and back is not None:
            yield Word(tuple(at[1] for at in there), tuple(at[1] for at in (*way, *back[1:])), why)


def _plainness(sign: Any) -> tuple[bool, Any]:
    text = chr(sign) if isinstance(sign, int) else sign
    return not (text.isascii() and text.isprintable()), sign


def _in_order(loop: list[State]) -> Loop:
    """Return the states of a loop as an ordered set, every place with its plainest sign first."""
    rank: Counter[int] = Counter()
    ranked = []
    for state in sorted(loop, key=lambda state: (state[0], _plainness(state[1]))):
        ranked.append((rank[state[0]], state))
        rank[state[0]] += 1
    return dict.fromkeys(state for _, state in sorted(ranked, key=lambda pair: pair[0]))


def path(
    starts: Iterable[Any], after: Callable[[Any], Iterable[Any]], is_goal: Callable[[Any], bool], most: int
) -> tuple[list[Any] | None, Collection[Any]]:
    """Return a shortest way from one of the starts to a goal, if there is one that near, and what was seen."""
    came: dict[Any, Any] = dict.fromkeys(starts)
    waiting = deque(came)
    while waiting and len(came) < most:
        at = waiting.popleft()
        if is_goal(at):
            way = [at]
            while (before := came[way[-1]]) is not None:
                way.append(before)
            return way[::-1], came
        for end in after(at):
            if end not in came:
                came[end] = at
                waiting.append(end)
    return None, came


def components(nodes: list[Any], after: Callable[[Any], Iterable[Any]]) -> Iterator[list[Any]]:
    """Yield the strongly connected components (Tarjan 1972), without recursion."""
    index: dict[Any, int] = {}
    low: dict[Any, int] = {}
    held: list[Any] = []
    on: set[Any] = set()
    for root in nodes:
        if root in index:
            continue
        work = [(root, iter(after(root)))]
        index[root] = low[root] = len(index)
        held.append(root)
        on.add(root)
        while work:
            node, ends = work[-1]
            for end in ends:
                if end not in index:
                    index[end] = low[end] = len(index)
                    held.append(end)
                    on.add(end)
                    work.append((end, iter(after(end))))
                    break
                if end in on:
                    low[node] = min(low[node], index[end])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    component: list[Any] = []
                    while not component or component[-1] != node:
                        component.append(held.pop())
                        on.discard(component[-1])
                    yield component
