"""`mastra engine generate`"""

from __future__ import annotations

from pathlib import Path

from mastra_cli.cli.console import Console


def generate(console: Console, env_file: Path | None) -> None:
    """Placeholder."""
    console.finish()
