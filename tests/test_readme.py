"""Every block of code in README.md is run, in order, in one project directory.

`console` blocks: each `$ ` line is run by a shell, and what it prints must be what stands below it; figures
and ids may differ, a line `...` stands for any lines, and `...` at a line's end for its rest. `python` blocks
run as one program each, or are the file that their first line names (`# app.py`). `sh` blocks are the two
install commands: tests/test_newcomer.py runs the first, `.ci/run` the second. `yaml` must parse.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

README = Path(__file__).parent.parent / "README.md"
KINDS = {"console", "python", "sh", "yaml", "text", "mermaid"}


@dataclass
class Block:
    kind: str
    line: int
    text: str
    docker: bool


def blocks() -> list[Block]:
    found: list[Block] = []
    docker = False
    opened: tuple[str, int] | None = None
    body: list[str] = []
    for number, line in enumerate(README.read_text(encoding="utf-8").splitlines(), 1):
        if opened is None and line.startswith("<!-- docker"):
            docker = True
        elif opened is None and line.startswith("<!-- /docker"):
            docker = False
        elif line.startswith("```"):
            if opened is None:
                opened, body = (line[3:].strip(), number), []
            else:
                found.append(Block(opened[0], opened[1], "\n".join(body) + "\n", docker))
                opened = None
        elif opened is not None:
            body.append(line)
    return found


def commands(text: str) -> Iterator[tuple[str, str]]:
    """(command, expected output) pairs of a `console` block."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        while command.endswith("\\"):
            more, _, output = output.partition("\n")
            command = f"{command}\n{more}"
        yield command, output


def pattern(expected: str) -> re.Pattern[str]:
    """Figures may differ, `...` alone on a line is any number of lines; all else is literal."""
    rows: list[str] = []
    for row in expected.rstrip("\n").splitlines():
        if row.strip() == "...":
            rows.append(r"(?:.*\n)*?")
            continue
        tail = ".*" if row.endswith(" ...") else " *"
        literal = re.escape(row.removesuffix("...").rstrip())
        literal = re.sub(r"[0-9a-f]{8,}", "[0-9a-f]+", literal)
        literal = re.sub(r"\d+(?:\\\.\d+|,\d+)*", r"[\\d.,]+", literal)
        literal = re.sub(r"(?:\\ ){2,}", r" +", literal)
        rows.append(f"{literal}{tail}\\n")
    return re.compile("".join(rows))


def environment(home: Path, *, docker: bool) -> dict[str, str]:
    kept = {k: os.environ[k] for k in ("LANG", "LC_ALL", "TMPDIR") if k in os.environ}
    bin = Path(sys.executable).parent
    nowhere = {} if docker else {"DOCKER_HOST": f"unix://{home}/no-engine.sock"}
    return {
        **kept,
        **nowhere,
        "HOME": str(home),
        "PATH": f"{bin}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
    }


def run(block: Block, folder: Path, env: dict[str, str]) -> None:
    place = f"README.md line {block.line}"
    if block.kind == "python":
        name = block.text.partition("\n")[0]
        file = folder / (name[2:].strip() if re.fullmatch(r"# [\w]+\.py", name) else "example.py")
        file.write_text(block.text, encoding="utf-8")
        if file.name != "example.py":
            return  # a file that a later `$ python` line runs
        result = subprocess.run([sys.executable, "-W", "error", str(file)], cwd=folder, env=env,
                                capture_output=True, text=True, timeout=120)  # fmt: skip
        assert result.returncode == 0, f"{place}:\n{result.stdout}{result.stderr}"
        return
    for command, expected in commands(block.text):
        result = subprocess.run(
            ["bash", "-c", f"exec 2>&1\n{command}"],
            cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=300,
        )  # fmt: skip
        got = result.stdout if not result.stdout or result.stdout.endswith("\n") else f"{result.stdout}\n"
        assert pattern(expected).fullmatch(got), (
            f"{place}: $ {command}\nREADME says:\n{expected}\nit printed (exit {result.returncode}):\n{got}"
        )


def walk(folder: Path, *, docker: bool) -> None:
    project = folder / "shop"
    project.mkdir()
    env = environment(folder, docker=docker)
    try:
        for block in blocks():
            if block.kind in ("console", "python") and block.docker is docker:
                run(block, project, env)
            elif block.kind == "yaml":
                yaml.safe_load(block.text)
    finally:
        subprocess.run(
            [sys.executable, "-m", "mastra_cli", "engine", "down", "--volumes", "--yes"],
            cwd=project, env=env, capture_output=True, timeout=120,
        )  # fmt: skip


def test_every_block_says_what_it_is() -> None:
    assert {block.kind for block in blocks()} <= KINDS
    assert [
        block.line for block in blocks() if block.kind == "console" and not block.text.startswith("$ ")
    ] == []


@pytest.mark.timeout(300)
def test_what_the_readme_shows_is_what_happens(tmp_path: Path) -> None:
    walk(tmp_path, docker=False)


@pytest.mark.docker
def test_what_the_readme_shows_of_docker_is_what_happens(tmp_path: Path) -> None:
    walk(tmp_path, docker=True)
