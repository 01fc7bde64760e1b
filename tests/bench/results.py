"""What was measured, a JSON file a row, and `bench.md`, which is written from all of them."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import time
from dataclasses import asdict, dataclass, field
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

from tests.bench import peer
from tests.bench.measuring import CEILING, OURS, Figure, Outcome

ROOMS = ("Vectors", "Records", "Search", "Memory", "Generate", "Start-up", "Peak memory", "Growth")


@dataclass
class Row:
    """An operation, and what everyone took for it."""

    room: str
    operation: str
    unit: str
    """`/s`: so many `amount`s a second, more is better; `ms`, `s`, `MB`, `x`: as it is, less is better."""
    amount: float
    """How many of its things one round did."""
    goal: str = ""
    """What must hold of ours: `>= 0.8` of the ceiling's speed, `<= 1.5` times its time, `<= 100` of the unit."""
    peer_goal: str | None = None
    """A peer that must be beaten."""
    absolute: bool = False
    """The goal is of the figure itself, and not of its ratio to the ceiling."""
    flat: bool = False
    """A ratio to the ceiling matters less than that this does not grow: listed, not judged."""
    figures: dict[str, Figure] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)
    evidence: str = ""
    said: dict[str, Any] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> Row:
        self.figures |= outcome.figures
        self.missing |= outcome.missing
        return self

    def value(self, seconds: float) -> float:
        match self.unit:
            case "/s":
                return self.amount / seconds
            case "ms":
                return seconds * 1000 / self.amount
            case _:
                return seconds / self.amount

    def ratio(self, who: str) -> float | None:
        """The speed of `who` as a part of the ceiling's: 1 is as fast, 0.5 takes twice as long."""
        if who not in self.figures or CEILING not in self.figures or self.unit in ("MB", "x"):
            return None
        return self.figures[CEILING].middle / self.figures[who].middle

    def judged(self) -> bool | None:
        """Whether the goal is met; None: it has none, or nothing to be measured by."""
        if OURS not in self.figures:
            return None
        if self.peer_goal is not None:
            rival = self.figures.get(self.peer_goal)
            return None if rival is None else self.figures[OURS].middle < rival.middle
        if not self.goal:
            return None
        sign, number = self.goal.split()[:2]
        limit = float(number)
        if self.absolute:
            found = self.value(self.figures[OURS].middle)
        else:
            speed = self.ratio(OURS)
            if speed is None:
                return None
            found = speed if sign == ">=" else 1 / speed
        return found >= limit if sign == ">=" else found <= limit


def keep(row: Row, scale: float, server: str = "") -> None:
    """Write the row down, and `bench.md` anew; at another scale than 1 in a folder of that scale's own."""
    folder = peer.FOLDER if scale == 1 else peer.FOLDER / f"scale-{scale:g}"
    kept = folder / "results"
    kept.mkdir(parents=True, exist_ok=True)
    row.said = {
        "scale": scale,
        "at": time.strftime("%Y-%m-%d %H:%M"),
        "load": round(os.getloadavg()[0], 1),
        "server": server,
        "python": platform.python_version(),
        "psycopg": installed_version("psycopg"),
        "machine": machine(),
        "versions": {name: peer.version(name) for name in _packages(row)},
        **row.said,
    }
    name = re.sub(r"[^a-z0-9]+", "-", f"{row.room} {row.operation}".lower()).strip("-")
    (kept / f"{name}.json").write_text(json.dumps(asdict(row), indent=1))
    print(f"\n{_line(row)}", flush=True)
    (folder.parent if scale == 1 else folder).joinpath("bench.md").write_text(rendered(read(kept)))


def _packages(row: Row) -> list[str]:
    named = {each.partition(" ")[0] for each in row.figures} | set(row.figures)
    return sorted(name for name in peer.PEERS if name in named)


def machine() -> str:
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{os.cpu_count()} cores, {pages / 2**30:.0f} GB, {platform.system()} {platform.machine()}"


def read(kept: Path) -> list[Row]:
    """The rows of all runs, in the order in which they were measured last."""
    rows = []
    for file in sorted(kept.glob("*.json"), key=lambda each: each.stat().st_mtime_ns):
        found = json.loads(file.read_text())
        found["figures"] = {name: Figure(**each) for name, each in found["figures"].items()}
        rows.append(Row(**found))
    return sorted(rows, key=lambda row: ROOMS.index(row.room))


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def unit(row: Row) -> str:
    return row.unit if row.unit == "/s" else f" {row.unit}"


def figure(row: Row, who: str) -> str:
    return f"{number(row.value(row.figures[who].middle))}{unit(row)}" if who in row.figures else "-"


def spread(row: Row, who: str) -> str:
    values = sorted(row.value(each) for each in row.figures[who].rounds)
    return f"{number(values[0])}..{number(values[-1])} ({len(values)})"


def judgement(row: Row) -> str:
    met = row.judged()
    return "" if met is None else "met" if met else "**missed**"


def goal(row: Row) -> str:
    if row.peer_goal is not None:
        return f"faster than {row.peer_goal}"
    return f"{row.goal} {row.unit}" if row.absolute and row.goal else row.goal


def _ratio(row: Row, who: str) -> str:
    found = row.ratio(who)
    if found is None:
        return "-"
    # Where the goal is a time, so is the ratio.
    return f"{1 / found:.2f}x" if row.goal.startswith("<=") and not row.absolute else f"{found:.2f}"


def _peers(row: Row) -> list[str]:
    return [name for name in row.figures if name != CEILING and not name.startswith(OURS)]


def _line(row: Row) -> str:
    told = [f"{row.operation}: ours {figure(row, OURS)}"]
    if CEILING in row.figures:
        told.append(f"ceiling {figure(row, CEILING)}, ratio {_ratio(row, OURS)}")
    told += [f"{name} {figure(row, name)} ({_ratio(row, name)})" for name in _peers(row)]
    told += [f"{name}: {reason}" for name, reason in row.missing.items()]
    return "; ".join(told) + (f"; goal {goal(row)}: {judgement(row)}" if goal(row) else "")


def _best(row: Row) -> str:
    found = [(row.figures[name].middle, name) for name in _peers(row)]
    if not found:
        return "-"
    best = min(found)[1]
    return f"{best} {figure(row, best) if row.ratio(best) is None else _ratio(row, best)}"


def rendered(rows: list[Row]) -> str:
    """The whole of `bench.md`."""
    scales = sorted({row.said["scale"] for row in rows} - {1})
    parts = [
        "# Benchmarks",
        "",
        *(f"At {scale:g} of the sizes: to try it out, not to be quoted.\n" for scale in scales),
        "Written by `nox -s bench`; each row was measured in one run against one server, everyone in turn, round by round. The"
        " figures are medians; a ratio is the speed as a part of the ceiling's (1: as fast), or, with an `x`, the time as a multiple"
        " of its. The ceiling is hand-written psycopg for the same work on tables with the same indexes. `(n)`: rounds measured.",
        "",
        "| operation | ours | ceiling | ratio | goal | | ours, min..max | ceiling, min..max | best peer |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        if OURS not in row.figures:
            continue
        span = spread(row, CEILING) if CEILING in row.figures else "-"
        parts.append(
            f"| {row.operation} | {figure(row, OURS)} | {figure(row, CEILING)} | {_ratio(row, OURS)} | {goal(row)} "
            f"| {judgement(row)} | {spread(row, OURS)} | {span} | {_best(row)} |"
        )
    for room in ROOMS:
        mine = [row for row in rows if row.room == room]
        if mine:
            parts += ["", f"## {room}", "", *_room(mine)]
    return "\n".join([*parts, "", "## Where and when", "", *_places(rows)]) + "\n"


def _room(rows: list[Row]) -> list[str]:
    parts = ["| operation | who | median | min..max (rounds) | ratio | |", "|---|---|---|---|---|---|"]
    for row in rows:
        for who in sorted(
            row.figures, key=lambda name: (name != OURS, name != CEILING, row.figures[name].middle)
        ):
            told = f"{figure(row, who)} | {spread(row, who)} | {_ratio(row, who)} | {row.figures[who].note}"
            parts.append(f"| {row.operation} | {who} | {told} |")
        parts += [f"| {row.operation} | {who} | - | - | - | {why} |" for who, why in row.missing.items()]
    shown = [f"- {row.operation}: {row.evidence}" for row in rows if row.evidence]
    return [*parts, "", *shown] if shown else parts


def _places(rows: list[Row]) -> list[str]:
    runs: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        said = row.said
        key = (said["machine"], f"Python {said['python']}, psycopg {said['psycopg']}", said["server"])
        runs.setdefault(key, []).append(row)
    parts = []
    for (where, python, server), mine in runs.items():
        dates, loads = [row.said["at"] for row in mine], [row.said["load"] for row in mine]
        words = f"{min(dates)} to {max(dates)}: {where}; {python}; {server or 'no server'}"
        parts.append(
            f"- {words}; {len(mine)} rows; load {statistics.median(loads):.1f} in the middle, {max(loads)} at most"
        )
    versions = {name: number for row in rows for name, number in row.said["versions"].items()}
    return [*parts, "- " + ", ".join(f"{name} {number}" for name, number in sorted(versions.items()))]
