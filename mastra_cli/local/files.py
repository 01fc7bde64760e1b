"""Files are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from mastra_cli.errors import NotWritable


def write_atomically(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """Replace `path` by `content`: a reader, or a kill at any instant, meets the old bytes or the new ones.

    A symlink stays one: the file that it leads to is replaced. `mode` None keeps an existing file's mode; a
    new one gets what the umask leaves of 0644.
    """
    refuse_what_is_no_file(path)
    if path.is_symlink():
        path = path.resolve()
    if mode is None:
        try:
            mode = path.stat().st_mode & 0o7777
        except OSError:
            mode = 0o644 & ~_umask()
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(OSError, AttributeError):  # root's edit leaves a user's file the user's
            before = path.stat()
            if (before.st_uid, before.st_gid) != (os.getuid(), os.getgid()):
                os.chown(temporary, before.st_uid, before.st_gid)
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except OSError as error:
        if not path.parent.is_dir():
            raise NotWritable(
                f"{path} can not be written: its directory is not there",
                hint=f"make it: mkdir -p '{path.parent}'",
            ) from error
        raise NotWritable(
            f"{path} can not be written: {error.strerror}",
            hint=f"make {path.parent} writable for this user, or run the command in another directory",
        ) from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                Path(temporary).unlink(missing_ok=True)


def refuse_what_is_no_file(path: Path) -> None:
    """`NotWritable` for a device, a pipe or a directory: `/dev/null` must not become a file."""
    if path.exists() and not path.is_file():
        kind = "a directory" if path.is_dir() else "a device or a pipe"
        raise NotWritable(f"{path} can not be written: it is {kind}", hint="name a file in its place")


def _umask() -> int:
    umask = os.umask(0o022)
    os.umask(umask)
    return umask


class Journal:
    """Remembers files as they were, so that a run that fails can put them back."""

    def __init__(self) -> None:
        self._before: dict[Path, tuple[bytes, int] | None] = {}

    @property
    def changed(self) -> list[Path]:
        """What was remembered and is not now as it was."""
        return [path for path, before in self._before.items() if _state(path) != before]

    def remember(self, path: Path) -> None:
        self._before.setdefault(path, _state(path))

    def restore(self) -> None:
        for path in self.changed:
            before = self._before[path]
            if before is None:
                path.unlink(missing_ok=True)
            else:
                write_atomically(path, before[0], mode=before[1])


def _state(path: Path) -> tuple[bytes, int] | None:
    try:
        return path.read_bytes(), path.stat().st_mode & 0o7777
    except OSError:
        return None
