"""Debian's PgBouncer before a test server."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg

from tests.servers import Server, free_port


class Pooler:
    """A PgBouncer of its own; no login asked, any database of the server."""

    def __init__(
        self, server: Server, mode: str = "transaction", size: int = 4, in_turn: bool = False
    ) -> None:
        program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
        assert program, "no pgbouncer: apt-get install pgbouncer"
        self.folder = Path(tempfile.mkdtemp(prefix="mastra-pooler-"))
        self.port = free_port()
        users = self.folder / "users.txt"
        users.write_text('"postgres" ""\n')
        config = self.folder / "pgbouncer.ini"
        config.write_text(
            f"[databases]\n* = host=127.0.0.1 port={server.port}\n"
            "[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {users}\n"
            f"pool_mode = {mode}\ndefault_pool_size = {size}\nserver_round_robin = {int(in_turn)}\n"
        )
        command = [program, str(config)]
        if server.user:
            for path in (self.folder, users, config):
                shutil.chown(path, server.user)
            command = [
                "setpriv",
                f"--reuid={server.user}",
                f"--regid={server.user}",
                "--clear-groups",
                *command,
            ]
        self._log = (self.folder / "log").open("w")
        self.process = subprocess.Popen(command, stderr=self._log, stdout=self._log, cwd="/")
        deadline = time.monotonic() + 10
        while True:
            try:
                psycopg.connect(self.url("postgres")).close()
                return
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, (self.folder / "log").read_text()
                time.sleep(0.05)

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()
        self._log.close()
        shutil.rmtree(self.folder)
