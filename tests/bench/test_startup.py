"""How long the command line takes to say anything, against a minimal Typer app."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

MINIMAL = """
import typer

app = typer.Typer()
engine = typer.Typer()


@engine.command()
def add(port: int = 5432) -> None:
    "Add."


@engine.command()
def up() -> None:
    "Up."


app.add_typer(engine, name="engine")
app()
"""


@pytest.mark.bench
def test_help_against_a_minimal_typer_app(tmp_path: Path) -> None:
    script = tmp_path / "minimal.py"
    script.write_text(MINIMAL)
    ours, minimal = [sys.executable, "-m", "mastra_cli"], [sys.executable, str(script)]
    cases = {"--help": ["--help"], "engine --help": ["engine", "--help"]}
    print("\n| help | ours, ms | minimal Typer, ms | ratio |\n|---|---|---|---|")
    for name, words in cases.items():
        times: dict[str, list[float]] = {"ours": [], "minimal": []}
        for _ in range(20):
            for who, command in (("ours", ours), ("minimal", minimal)):
                began = time.perf_counter()
                subprocess.run([*command, *words], capture_output=True, check=True)
                times[who].append((time.perf_counter() - began) * 1000)
        a, b = (statistics.median(times[who]) for who in ("ours", "minimal"))
        print(f"| `mastra {name}` | {a:.0f} | {b:.0f} | {a / b:.2f} |")
        assert a < 3 * b, "something heavy is imported for a help text"
