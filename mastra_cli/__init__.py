"""Mastra Engine for Python: a Postgres data layer for AI applications.

Every public name is loaded on first touch, so that `import mastra_cli` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mastra_cli.runtime import _async, _sync

_HOMES = {name: f"mastra_cli.runtime._async.{module}" for name, module in _async.HOMES.items()}
_HOMES |= {name: f"mastra_cli.runtime._sync.{module}" for name, module in _sync.HOMES.items()}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
