"""Contenders in turn, round by round: what each took, and why one could not take part."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from tests.bench.peer import PeerFailed

# Does the work once, the same each time, and answers the seconds it took.
Contender = Callable[[], float]
CEILING, OURS = "ceiling", "ours"
T = TypeVar("T")
Work = TypeVar("Work")


@dataclass
class Figure:
    """What one contender took in each round, in seconds (or what the row's unit says), and what goes beside it."""

    rounds: list[float]
    note: str = ""

    @property
    def middle(self) -> float:
        return statistics.median(self.rounds)


@dataclass
class Outcome:
    """The figures of a row, and the reasons of those who have none."""

    figures: dict[str, Figure] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def rounds(contenders: Mapping[str, Contender], count: int, *, budget: float = 60.0) -> Outcome:
    """Every contender once a round, in turn. The first round only warms up, where it is short.

    One that has used up its `budget` of seconds sits out the rounds that are left, and a slow one's first round
    counts. A peer that fails is out, with its reason; a failure of ours or of the ceiling is an error.
    """
    several = {name: lambda work=work: {"": work()} for name, work in contenders.items()}
    return rounds_of(several, count, budget=budget)[""]


def rounds_of(
    contenders: Mapping[str, Callable[[], Mapping[str, float]]], count: int, *, budget: float = 60.0
) -> dict[str, Outcome]:
    """As `rounds`, of contenders that do several things one after another: the outcome of each."""
    outcomes: dict[str, Outcome] = defaultdict(Outcome)
    missing: dict[str, str] = {}
    spent, warmed = dict.fromkeys(contenders, 0.0), {}
    for number in range(count + 1):
        for name, contender in contenders.items():
            if name in missing or spent[name] > budget:
                continue
            began = time.perf_counter()
            try:
                found = contender()
            except PeerFailed as failed:
                missing[name] = str(failed)
                continue
            spent[name] += time.perf_counter() - began
            if number == 0 and spent[name] < budget / 4:
                warmed[name] = found
                continue
            for what, seconds in found.items():
                outcomes[what].figures.setdefault(name, Figure([])).rounds.append(seconds)
    for name, found in warmed.items():
        for what, seconds in found.items():
            outcomes[what].figures.setdefault(name, Figure([seconds]))
    for outcome in outcomes.values():
        outcome.missing |= missing
        for name in missing:
            outcome.figures.pop(name, None)
    return outcomes


async def rounds_async(contenders: Mapping[str, Callable[[], Awaitable[float]]], count: int) -> Outcome:
    """As `rounds`, on one loop, of ours and the ceiling."""
    outcome = Outcome({name: Figure([]) for name in contenders})
    for number in range(count + 1):
        for name, contender in contenders.items():
            seconds = await contender()
            if number:
                outcome.figures[name].rounds.append(seconds)
    return outcome


# Several operations in one go of rounds, so that what is compared across them was measured at the same time.


def together(contenders: Mapping[str, Mapping[str, Work]]) -> dict[str, Work]:
    """The contenders of several operations as those of one."""
    return {f"{what}|{name}": work for what, of in contenders.items() for name, work in of.items()}


def apart(outcome: Outcome, operations: Iterable[str]) -> dict[str, Outcome]:
    """The outcome of each of the operations that went `together`."""

    def of(what: str, found: Mapping[str, T]) -> dict[str, T]:
        return {
            name.removeprefix(f"{what}|"): each for name, each in found.items() if name.startswith(f"{what}|")
        }

    return {what: Outcome(of(what, outcome.figures), of(what, outcome.missing)) for what in operations}


def growth(outcomes: Sequence[Outcome]) -> dict[str, Figure]:
    """How many times what it costs where it is cheapest it costs where it is dearest, round by round."""
    figures: dict[str, Figure] = {}
    for name in outcomes[0].figures:
        found = [outcome.figures[name] for outcome in outcomes if name in outcome.figures]
        if len(found) > 1:
            low = min(found, key=lambda figure: figure.middle)
            high = max(found, key=lambda figure: figure.middle)
            ratios = [b / a for a, b in zip(low.rounds, high.rounds, strict=False)]
            told = ", then ".join(f"{figure.middle * 1000:.2f} ms" for figure in found)
            figures[name] = Figure([high.middle / low.middle] if low is high else ratios, told)
    return figures


def timed(work: Callable[[], object]) -> float:
    """The seconds that it took."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def each(work: Callable[[], object], calls: int) -> Contender:
    """A contender of one call, which takes the mean of so many."""

    def contender() -> float:
        began = time.perf_counter()
        for _ in range(calls):
            work()
        return (time.perf_counter() - began) / calls

    return contender


def each_async(work: Callable[[], Awaitable[object]], calls: int) -> Callable[[], Awaitable[float]]:
    """The same for `rounds_async`."""

    async def contender() -> float:
        began = time.perf_counter()
        for _ in range(calls):
            await work()
        return (time.perf_counter() - began) / calls

    return contender
