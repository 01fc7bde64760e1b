"""What a process holds at most while a million items go through it from a generator."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.conftest import Place
from tests.bench.measuring import Figure
from tests.bench.results import Row

pytestmark = [pytest.mark.bench, pytest.mark.timeout(7200)]

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize("what", ["sync_records", "upsert"], ids=["engine", "index"])
def test_peak_memory(
    what: str, place: Place, sized: Callable[[int], int], keep: Callable[[Row], None]
) -> None:
    count, figure = sized(1_000_000), Figure([])
    url = place.database("peak")
    command = [sys.executable, "-m", "tests.bench.peak", what, url, str(count)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout.splitlines()[-1])
    figure.rounds.append(answer["peak"] - answer["baseline"])
    figure.note = f"baseline {answer['baseline']:.0f} MB, peak {answer['peak']:.0f} MB"
    name, goal = {
        "sync_records": ("sync_records", "<= 100"),
        "upsert": ("PgVector.upsert, which answers all ids", "<= 200"),
    }[what]
    title = f"{name}: memory over the baseline for {count:,} from a generator"
    keep(Row("Peak memory", title, "MB", 1, goal, absolute=True, figures={"ours": figure}))
    place.drop("peak")
