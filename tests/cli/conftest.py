from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mastra_cli import cli


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        """Stdout as the one JSON document that it must be."""
        assert self.out.endswith("\n")
        assert self.out.count("\n") == 1
        return json.loads(self.out)


Mastra = Callable[..., Result]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory, and the working one; its name has a space and more."""
    folder = tmp_path / "my shöp"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def mastra(place: Path, capsys: pytest.CaptureFixture[str]) -> Mastra:
    """Runs `mastra engine ...` in this process, off a terminal."""

    def run(*arguments: str) -> Result:
        capsys.readouterr()
        code = cli.run(["engine", *arguments])
        captured = capsys.readouterr()
        return Result(code, captured.out, captured.err)

    return run
