from __future__ import annotations

import subprocess
from pathlib import Path

from mastra_cli.local.gitignore import tracked, with_ignored


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(root), *arguments], check=True, capture_output=True)


def test_without_a_repository_a_gitignore_is_made_all_the_same(tmp_path: Path) -> None:
    assert with_ignored(tmp_path, [".env", ".mastra/"]) == b".env\n.mastra/\n"


def test_lines_that_are_there_are_kept_and_only_the_missing_are_added(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_bytes(b"*.pyc\r\n/.env\r\nlast")
    assert with_ignored(tmp_path, [".env", ".mastra/"]) == b"*.pyc\r\n/.env\r\nlast\r\n.mastra/\r\n"


def test_what_git_ignores_by_a_pattern_needs_no_line(tmp_path: Path) -> None:
    git(tmp_path, "init")
    (tmp_path / ".gitignore").write_text(".e*\n.mastra/\n")
    assert with_ignored(tmp_path, [".env", ".mastra/"]) is None


def test_a_negated_pattern_is_no_ignoring(tmp_path: Path) -> None:
    git(tmp_path, "init")
    (tmp_path / ".gitignore").write_text(".e*\n!.env\n")
    assert with_ignored(tmp_path, [".env"]) == b".e*\n!.env\n.env\n"


def test_a_file_under_version_control_is_seen(tmp_path: Path) -> None:
    git(tmp_path, "init")
    (tmp_path / ".env").write_text("A=1\n")
    assert not tracked(tmp_path, tmp_path / ".env")
    git(tmp_path, "add", "-f", ".env")
    assert tracked(tmp_path, tmp_path / ".env")
