"""The embedded server's programs: `initdb` makes the data, `pg_ctl` starts and stops the server."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from mastra_cli.errors import ServerFailed
from mastra_cli.local import embedded_wheel as wheel
from mastra_cli.local.embedded_home import Home, not_writable
from mastra_cli.settings import environment

_PATIENCE = 5.0
_LONGEST = 86_400
_NO_PROCESS = 2**31 - 1
_LARGEST_LOG = 10_000_000
_ROOM = 100_000_000
_SMALL_SHARED_MEMORY = 512_000_000
# The server gets no other variable of ours: neither a secret nor a PGDATA.
_VARIABLES = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR")


class Cluster:
    """The server of one home. Nothing happens in the constructor but reading."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def pid(self) -> int | None:
        """Of the server that runs on this data. A pid that was given to another process does not count."""
        import psutil

        try:
            pid = int(self._pid_lines()[0])
            process: Any = psutil.Process(pid)
            if not process.name().startswith("postgres"):
                return None
            return pid if Path(process.cwd()).samefile(self._home.data) else None
        except (IndexError, ValueError, OSError, psutil.Error):
            return None

    def port(self) -> int | None:
        """Where the server that runs listens."""
        with suppress(IndexError, ValueError):
            return int(self._pid_lines()[3])
        return None

    def was_moved(self) -> bool:
        """Whether the server that runs looks for its files where they are no longer."""
        lines = self._pid_lines()
        return len(lines) > 1 and not Path(lines[1], "PG_VERSION").is_file()

    def _pid_lines(self) -> list[str]:
        try:
            return (
                (self._home.data / "postmaster.pid")
                .read_text(encoding="utf-8", errors="replace")
                .splitlines()
            )
        except OSError:
            return []

    def build(self, user: str, password: str, timeout: float) -> None:
        """`initdb` in a folder beside, then one rename: a kill at any instant leaves all of it or nothing."""
        home = self._home
        free = shutil.disk_usage(home.folder).free
        if free < _ROOM:
            raise ServerFailed(
                f"a new database needs {_ROOM // 1_000_000} MB, and {home.folder} has "
                f"{free // 1_000_000} MB free",
                hint="free some disk space",
            )
        if home.lent and home.account is None:
            home.account = wheel.lent_account()
        partial = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=home.folder))
        try:
            secret = partial / "password"
            with os.fdopen(os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(password.encode())
            home.give(*([home.folder] if home.lent else []), partial, secret)
            code, output = self._run(
                "initdb", "-D", "data", "-U", user, "--pwfile=password", "--auth=scram-sha-256",
                # Text sorts the same on every machine, whatever LANG is there.
                "--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
                "--text-search-config=english", *_settings(),
                # One flush of the file system in place of one for each of a thousand files.
                *(["--sync-method=syncfs"] if sys.platform == "linux" else []), cwd=partial, timeout=timeout,
            )  # fmt: skip
            if code != 0:
                raise ServerFailed(
                    f"initdb failed in {home.folder}:\n{_last(output)}",
                    hint="mend what it names; nothing was left behind",
                )
            home.adopt(partial / "data")
        except OSError as error:
            raise not_writable(home.folder, error) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def start(self, port: int, timeout: float, *, wait: bool = True) -> None:
        """Runs on after this process, in a session of its own, with the log as its only output."""
        log = self._home.log
        crashed = bool(self._pid_lines())
        if crashed:
            self._disown()
        if log.is_file() and log.stat().st_size > _LARGEST_LOG:
            log.replace(log.with_name("postgres.log.1"))
        since = log.stat().st_size if log.is_file() else 0
        options = f"-c port={port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
        seconds = str(int(min(max(1, timeout), _LONGEST)))
        arguments = ("-l", log.name, "-o", options, "-t", seconds, "-w" if wait else "-W")
        code, output = self._control("start", *arguments, timeout=timeout + 5)
        if code != 0 and crashed and self.pid() is None:
            # Sessions of a server that was killed may live on for a moment, and hold its memory.
            time.sleep(1)
            code, output = self._control("start", *arguments, timeout=timeout + 5)
        # Not waited for: whoever looks next shall find it all the same.
        end = time.monotonic() + _PATIENCE
        while code == 0 and self.pid() is None and time.monotonic() < end:
            time.sleep(0.02)
        if code != 0 or self.pid() is None:
            raise ServerFailed(
                f"the embedded server did not start; its log ({log}) ends:\n"
                f"{self._home.log_tail(since) or _last(output)}",
                hint="mend what the log names, then `mastra engine up`",
            )

    def stop(self, mode: str = "fast", timeout: float = 60) -> None:
        """`fast`: clean, clients are cut off; `immediate`: as a crash, recovered at the next start."""
        if self.pid() is None:
            return
        code, output = self._control("stop", "-m", mode, "-w", "-t", str(int(timeout)), timeout=timeout + 5)
        if code != 0 and self.pid() is not None:
            if mode == "immediate":
                raise ServerFailed(
                    f"the embedded server (pid {self.pid()}) did not stop:\n{_last(output)}",
                    hint="run the command as the user that started it",
                )
            self.stop("immediate")

    def alone(self, script: bytes, timeout: float) -> None:
        """Run statements in a server that nobody can connect to; the real one must be down."""
        if self._pid_lines():
            self._disown()
        quiet = ("-c", "log_min_error_statement=panic", "-c", "log_statement=none")
        self._run("postgres", "--single", "-D", "postgres", *quiet, "template1",
                  cwd=self._home.folder, timeout=timeout, stdin=script)  # fmt: skip

    def _disown(self) -> None:
        # A dead server's pid may belong to somebody else by now, whom Postgres would take for itself. The
        # file stays: it also tells Postgres which shared memory to look at before it trusts the data.
        lines = self._pid_lines()
        if self.pid() is not None or not lines:
            return
        path = self._home.data / "postmaster.pid"
        handle, new = tempfile.mkstemp(dir=self._home.data, prefix="postmaster.pid.")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write("\n".join([str(_NO_PROCESS), *lines[1:], ""]))
        self._home.give(Path(new))
        Path(new).replace(path)

    def _control(self, action: str, *arguments: str, timeout: float) -> tuple[int, str]:
        # Relative paths: pg_ctl hands them to a shell between double quotes, where a `$` would act.
        return self._run(
            "pg_ctl", action, "-D", "postgres", *arguments, cwd=self._home.folder, timeout=timeout
        )

    def _run(
        self, program: str, *arguments: str, cwd: Path, timeout: float, stdin: bytes | None = None
    ) -> tuple[int, str]:
        """The exit status and all that it printed. Ctrl-C does not reach it: it ends, or is killed, here."""
        account = self._home.account
        # A session of its own: neither Ctrl-C nor a terminal that is closed reaches the server.
        apart: dict[str, Any]
        if sys.platform == "win32":
            apart = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW}
        else:
            apart = {"umask": 0o077, "start_new_session": True}
            if account is not None:
                apart |= {"user": account.uid, "group": account.gid, "extra_groups": []}
        outside = environment()
        variables = {name: outside[name] for name in _VARIABLES if name in outside} | {"LC_ALL": "C"}
        binary = wheel.installation_for(account) / "bin" / program
        # Files, not pipes: a server that inherited a pipe would keep its reader waiting for ever.
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as source:
            source.write(stdin or b"")
            source.seek(0)
            try:
                process: subprocess.Popen[Any] = subprocess.Popen(
                    [str(binary), *arguments],
                    cwd=cwd, env=variables, stdin=source, stdout=output, stderr=output, **apart,
                )  # fmt: skip
            except OSError as error:
                raise ServerFailed(
                    f"{binary} can not be run: {error.strerror}",
                    hint="install mastra-cli again in an environment that this user may run programs from",
                ) from error
            try:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired:
                _kill(process)
                raise ServerFailed(
                    f"{program} did not end within {timeout:.3g} s", hint="give it more time with --timeout"
                ) from None
            except BaseException:
                # A start that is half done can not be undone; a second Ctrl-C stops at once.
                if program == "pg_ctl":
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(5)
                _kill(process)
                raise
            output.seek(0)
            return code, output.read().decode("utf-8", "replace")


def _kill(process: subprocess.Popen[Any]) -> None:
    if process.poll() is None:
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _settings() -> list[str]:
    """What `initdb` writes into postgresql.conf. 100 connections and 128 MB of buffers are its own choice."""
    settings = ["timezone=UTC"]  # as in the Docker image
    with suppress(OSError, AttributeError):
        memory = os.statvfs("/dev/shm")
        if memory.f_frsize * memory.f_blocks < _SMALL_SHARED_MEMORY:
            # A container's 64 MB: a parallel index build over vectors would fail in it.
            settings.append("dynamic_shared_memory_type=mmap")
    return [word for setting in settings for word in ("-c", setting)]


def _last(output: str) -> str:
    return "\n".join(output.strip().splitlines()[-8:])
