"""The project in the working directory: its name, its identity, its files."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import tomllib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mastra_cli.local.reporter import Reporter

CONFIG_NAME = "mastra-pg.docker-compose.yaml"


@dataclass(frozen=True, slots=True)
class Project:
    root: Path
    """Resolved: no symlink in it."""
    name: str
    """`[project].name` of pyproject.toml, else the directory's name."""
    identity: str
    """The sanitised name and a short hash of the path: two directories of one name are two projects."""
    env_file: Path

    @property
    def config(self) -> Path:
        """The docker config file that `add` writes."""
        return self.root / CONFIG_NAME

    def shown(self, path: Path) -> str:
        """The path as seen from the project's directory; whole when it is not inside."""
        return path.relative_to(self.root).as_posix() if self.holds(path) else str(path)

    def holds(self, path: Path) -> bool:
        return path.is_relative_to(self.root)

    def command(self, name: str, config: Path | None = None) -> str:
        """`mastra engine NAME`, with the flags that lead to this `.env` and to `config`."""
        words = ["mastra", "engine", name]
        if config is not None:
            words += ["-f", self.shown(config)]
        if self.env_file != self.root / ".env":
            words += ["--env-file", self.shown(self.env_file)]
        return shlex.join(words)

    @property
    def state(self) -> Path:
        """The embedded server's folder."""
        return self.root / ".mastra"


def find_project(root: Path, env_file: Path | None = None) -> Project:
    root = root.resolve()
    name = _declared_name(root) or root.name or "root"
    digest = hashlib.sha256(str(root).encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return Project(
        root, name, f"{_sanitise(name)}-{digest}", Path(os.path.normpath(root / (env_file or ".env")))
    )


def _declared_name(root: Path) -> str | None:
    try:
        document: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    table = document.get("project")
    name: Any = table.get("name") if isinstance(table, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
    return name if isinstance(name, str) and name.strip() else None


def _sanitise(name: str) -> str:
    """As Compose asks of a project name: lower-case letters, digits, `-` and `_`, a letter or digit first."""
    plain = re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")
    return plain[:40].strip("-_") or "project"


@contextmanager
def alone(project: Project, report: Reporter) -> Generator[None]:
    """One command at a time changes a project; another waits. The lock leaves no file behind."""
    try:
        import fcntl
    except ImportError:  # Windows has no lock on a directory
        yield
        return
    folder = os.open(project.root, os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with report.phase("waiting for another `mastra engine` command in this directory"):
                fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
