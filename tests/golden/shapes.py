"""What a column's comment names as its type."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class DocumentsPage:
    number: int


@dataclass
class Field:
    name: str


@dataclass
class Size:
    width: int
    height: int
