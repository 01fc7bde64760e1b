"""The data that everyone is given, as files that a peer in any language can read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tests import vectors
from tests.bench.peer import FOLDER

STATUS = ("active", "lead", "lost", "won")
TEXT = "The quick brown fox jumps over the lazy dog, and then it does so again. " * 3


def record(number: int, turn: int) -> dict[str, Any]:
    return {
        "external_id": f"x{number:07}",
        "data": {
            "name": f"Name {number}", "email": f"u{number}@example.org", "status": STATUS[number % 4],
            "score": number * 7919 % 1000003, "turn": turn, "tags": ["a", f"t{number % 1000}"],
            "address": {"zip": number % 5000, "city": "Berlin"},
        },
    }  # fmt: skip


def records(count: int, turn: int) -> Iterator[dict[str, Any]]:
    return (record(number, turn) for number in range(count))


def written(rows: list[dict[str, Any]], name: str) -> str:
    """The path of a file of them, one a line."""
    path = _folder() / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


def metadata(count: int) -> list[dict[str, Any]]:
    return [{"hundredth": number % 100, "text": f"passage number {number}"} for number in range(count)]


class Vectors:
    """Clustered vectors, 200 questions of the same kind, and their exact answers."""

    def __init__(self, count: int, dimension: int, clusters: int = 200) -> None:
        self.count, self.dimension = count, dimension
        made = vectors.Clustered.make(count, dimension, clusters)
        self.vectors, self.questions = made.vectors, made.questions(200)
        self.ids = [f"v{number}" for number in range(count)]
        self.metadata = metadata(count)
        self._unit = self.vectors / np.linalg.norm(self.vectors, axis=1, keepdims=True)

    @cached_property
    def path(self) -> str:
        """A file of them, for who is not in this process."""
        return _file(self.vectors, "vectors")

    @cached_property
    def asked(self) -> str:
        """A file of the questions."""
        return _file(self.questions, "questions")

    def nearest(self, question: np.ndarray, filtered: bool = False) -> set[str]:
        near = self._unit[7::100] @ question if filtered else self._unit @ question
        best = np.argpartition(-near, min(10, len(near) - 1))[:10]
        return {f"v{7 + 100 * place if filtered else place}" for place in best}

    def recall(self, found: list[list[str]], filtered: bool = False) -> str:
        """How much of the exact answers, and how many rows, in words."""
        truth = [self.nearest(question, filtered) for question in self.questions]
        right = sum(len(set(mine) & exact) for mine, exact in zip(found, truth, strict=True))
        rows = sum(len(mine) for mine in found) / len(found)
        return f"recall {right / sum(map(len, truth)):.3f}, {rows:.3g} rows"


def _file(numbers: np.ndarray, name: str) -> str:
    path = _folder() / f"{name}.f4"
    numbers.tofile(path)
    return str(path)


def _folder() -> Path:
    folder = FOLDER / "data"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
