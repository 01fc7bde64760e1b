"""Where the embedded server's files are: found, guarded by a lock, and taken away again."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from mastra_cli.errors import LockBusy, NotWritable, ServerFailed
from mastra_cli.local import embedded_wheel as wheel
from mastra_cli.local.project import Project

_LOG_LINES = 8
_PATIENCE = 5.0


class Home:
    """`.mastra/` of a project; for root a folder of the system's, which `.mastra/postgres` points to.

    Nothing happens in the constructor but reading.
    """

    def __init__(self, project: Project) -> None:
        self._state = project.state
        self._link = project.state / "postgres"
        self._made: list[Path] = []
        self.folder = project.state
        self.account: wheel.Account | None = None
        """Whom the server runs as; None: as this user, or, while `lent`, not chosen yet."""
        self.lent = False
        """Root's: the server runs as another account, and lives where that may go."""
        if wheel.is_root():
            if self._link.is_dir() and not self._link.is_symlink() and self._link.stat().st_uid != 0:
                self.account = wheel.owner(self._link)  # made by an ordinary user
            else:
                self.lent = True
                self.folder = wheel.SYSTEM_HOME / project.identity
                if (self.folder / "postgres").is_dir():
                    self.account = wheel.owner(self.folder / "postgres")
        self.data = self.folder / "postgres"
        self.log = self.folder / "postgres.log"

    # What is there

    def there(self) -> bool:
        """Whether something is where the data belongs, readable or not."""
        return os.path.lexists(self.data)

    def exists(self) -> bool:
        """Whether there is data; data that is not of this Postgres is refused."""
        self.refuse_a_foreign_link()
        try:
            if not self.data.is_dir() or not any(self.data.iterdir()):
                return False
            version = (self.data / "PG_VERSION").read_text().strip()
        except FileNotFoundError:
            raise ServerFailed(
                f"{self.data} holds files, and is no Postgres data directory",
                hint=f"move it away: mv '{self.data}' '{self.data}.old'",
            ) from None
        except PermissionError as error:
            raise ServerFailed(
                f"{self.data} belongs to another user", hint="run the command as the user that made it"
            ) from error
        if version != str(wheel.MAJOR):
            raise ServerFailed(
                f"{self.data} was made by Postgres {version}; the embedded server is {wheel.MAJOR}",
                hint="dump it with the mastra-cli that made it, or delete it with "
                "`mastra engine down --volumes` and start an empty one",
            )
        return True

    def size(self) -> int | None:
        """Bytes of the data; None: it can not be read."""
        try:
            total = 0
            for folder, _, files in os.walk(self.data, onerror=_raise):
                for file in files:
                    with suppress(FileNotFoundError):
                        total += Path(folder, file).lstat().st_size
            return total
        except OSError:
            return None

    def system_identifier(self) -> int | None:
        """The number that `initdb` gave this data: the first eight bytes of its control file."""
        try:
            with (self.data / "global" / "pg_control").open("rb") as file:
                return int.from_bytes(file.read(8), sys.byteorder)
        except OSError:
            return None

    def log_tail(self, since: int = 0) -> str:
        """The log's last lines, those after byte `since`."""
        try:
            with self.log.open("rb") as file:
                file.seek(max(since, self.log.stat().st_size - 10_000))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-_LOG_LINES:])

    def lost(self) -> bool:
        """Whether the data that `.mastra/postgres` leads to is gone: a container's disk, say."""
        return self.lent and self._link.is_symlink() and not self.data.is_dir()

    def refuse_a_foreign_link(self) -> None:
        """`ServerFailed` when `.mastra/postgres` leads to another project's data, maybe as the only way."""
        if not self.lent or not os.path.lexists(self._link):
            return
        if not self._link.is_symlink():
            if any(self._link.iterdir()):
                raise ServerFailed(
                    f"{self._link} is not what `mastra engine` makes there for root",
                    hint=f"move it away: mv '{self._link}' '{self._link}.old'",
                )
        elif (target := self._link.readlink()) != self.data:
            raise ServerFailed(
                f"{self._link} leads to {target}, the data of a project in another place",
                hint=f"for an empty database: rm '{self._link}'; or, if this project was moved: "
                f"mv '{target.parent}' '{self.folder}' && rm '{self._link}'",
            )

    # Making and removing

    @contextmanager
    def locked(self, timeout: float) -> Generator[None]:
        """Alone with this data: of two starts at once one makes it, and the other finds it."""
        end = time.monotonic() + timeout
        while True:
            self._prepare()
            path = self.folder / "lock"
            try:
                file = path.open("ab")
            except FileNotFoundError:
                continue  # another run's undo took the folder away
            except OSError as error:
                raise not_writable(path, error) from error
            with file:
                while not _try_lock(file):
                    if time.monotonic() > end:
                        raise LockBusy(
                            f"another mastra command is at work on {self.folder}",
                            hint="wait for it, or end it",
                        )
                    time.sleep(0.05)
                if self._is_still(file, path):
                    self.give(path)
                    yield
                    return

    def _is_still(self, file: IO[bytes], path: Path) -> bool:
        # The run that held the lock may have taken the folder away, and another made it anew.
        try:
            return sys.platform == "win32" or os.path.samestat(os.fstat(file.fileno()), path.stat())
        except FileNotFoundError:
            return False

    def _prepare(self) -> None:
        try:
            if self.lent:
                wheel.make_system_home()
            for folder in (self._state, self.folder):
                if not folder.is_dir():
                    if os.path.lexists(folder) and not folder.is_dir():
                        raise NotWritable(
                            f"{folder} is no directory", hint=f"move it away: mv '{folder}' '{folder}.old'"
                        )
                    folder.mkdir(mode=0o700 if folder == self.folder else 0o755)
                    self._made.append(folder)
            ignore = self._state / ".gitignore"
            if not ignore.exists():
                ignore.write_text("*\n")
        except FileExistsError:
            return  # another run was faster
        except OSError as error:
            raise not_writable(self._state, error) from error

    def adopt(self, data: Path) -> None:
        """Take a finished data directory in, by one rename."""
        if self.data.is_dir() and not self.data.is_symlink():
            self.data.rmdir()  # it is empty
        self._made.append(self.data)  # first: Ctrl-C may come between
        data.rename(self.data)
        self.show_the_way()

    def show_the_way(self) -> None:
        """`.mastra/postgres` leads to data that is elsewhere."""
        if self.lent and not self._link.is_symlink():
            if self._link.is_dir():
                self._link.rmdir()  # it is empty
            self._link.symlink_to(self.data, target_is_directory=True)
            self._made.append(self._link)

    def give(self, *paths: Path) -> None:
        """To the account that the server runs as."""
        if self.account is not None and sys.platform != "win32":
            for path in paths:
                os.chown(path, self.account.uid, self.account.gid, follow_symlinks=False)

    def sweep(self) -> None:
        """Take away what runs left that were killed while they made the data."""
        end = time.monotonic() + _PATIENCE
        for leftover in self.folder.glob("postgres.new-*"):
            shutil.rmtree(leftover, ignore_errors=True)
            # Its `initdb` may live on, and write until it notices that the folder is gone.
            while leftover.exists() and time.monotonic() < end:
                time.sleep(0.05)
                shutil.rmtree(leftover, ignore_errors=True)

    def delete(self) -> None:
        """The data and all that belongs to it."""
        self.sweep()
        doomed = self.folder / "postgres.new-deleted"  # swept away by the next run when this one is killed
        if self.data.is_dir() and not self.data.is_symlink():
            with suppress(OSError):
                self.data.rename(doomed)
        self._remove([doomed, self.data, self.log, self.log.with_name("postgres.log.1")])
        if self.lent:
            self._remove([self._link])
        self._remove_empty((self.folder, self._state))

    def undo(self) -> None:
        """Remove what this object made."""
        if self.data in self._made:
            self._remove([self.data, self.log])
        self._remove([path for path in self._made if path == self._link])
        self._remove_empty(path for path in (self.folder, self._state) if path in self._made)
        self._made.clear()

    def _remove(self, paths: Iterable[Path]) -> None:
        try:
            for path in paths:
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink(missing_ok=True)
        except OSError as error:
            raise NotWritable(
                f"{error.filename} can not be deleted: {error.strerror}",
                hint="run the command as the user that made it",
            ) from error

    def _remove_empty(self, folders: Iterable[Path]) -> None:
        for folder in folders:
            rest = {path.name for path in folder.iterdir()} if folder.is_dir() else {""}
            if rest <= {"lock", ".gitignore"}:
                self._remove([folder])


def not_writable(path: Path, error: OSError) -> NotWritable:
    return NotWritable(
        f"{error.filename or path} can not be written: {error.strerror}",
        hint=f"make {path} writable for this user, or run the command in another directory",
    )


def _raise(error: OSError) -> None:
    raise error


def _try_lock(file: IO[bytes]) -> bool:
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # a file system without locks
    return True
