"""Keeps secrets and data out of git."""

from __future__ import annotations

import subprocess
from pathlib import Path

from mastra_cli.errors import NotWritable


def with_ignored(root: Path, names: list[str]) -> bytes | None:
    """What `.gitignore` must hold so that git ignores these names in `root`; None when it does already."""
    path = root / ".gitignore"
    try:
        content = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise NotWritable(
            f"{path} can not be read: {error.strerror}", hint="make it a file that this user may read"
        ) from error
    lines = {line.strip().lstrip("/").rstrip("/") for line in content.decode("utf-8", "replace").splitlines()}
    missing = [name for name in names if name.rstrip("/") not in lines and not _ignored(root, name)]
    if not missing:
        return None
    newline = b"\r\n" if b"\r\n" in content else b"\n"
    if content and not content.endswith((b"\n", b"\r")):
        content += newline
    return content + b"".join(name.encode() + newline for name in missing)


def tracked(root: Path, path: Path) -> bool:
    """Whether git has the file under version control already."""
    return _git(root, "ls-files", "--error-unmatch", "--", str(path)) == 0


def _ignored(root: Path, name: str) -> bool:
    return _git(root, "check-ignore", "--quiet", "--no-index", "--", name) == 0


def _git(root: Path, *arguments: str) -> int | None:
    try:
        return subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, stdin=subprocess.DEVNULL, timeout=10
        ).returncode
    except (OSError, subprocess.SubprocessError):
        return None
