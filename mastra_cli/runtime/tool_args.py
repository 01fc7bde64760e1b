"""The key of a tool's answer in the cache: equal arguments, equal hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, cast

from mastra_cli.runtime.parts import check_json

__all__ = ["hash_tool_args"]


def hash_tool_args(args: Any) -> str:
    """sha256 of the canonical JSON: the order of keys does not matter, and 1 is 1.0."""
    check_json(args, "tool_args")
    text = json.dumps(_canonical(args), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _canonical(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _canonical(inner) for key, inner in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_canonical(inner) for inner in cast("Sequence[Any]", value)]
    if isinstance(value, float) and (exact := Decimal(repr(value))) == exact.to_integral_value():
        return int(exact)
    return value
