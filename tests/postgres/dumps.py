"""A database as text, to compare two of them."""

from __future__ import annotations

import os
import subprocess

from tests.servers import Server


def dump(server: Server, url: str, *arguments: str) -> str:
    """What pg_dump says, without the key that it makes anew each time."""
    program = str(server.bin / "pg_dump")
    result = subprocess.run([program, *arguments, url], capture_output=True, text=True, check=True)
    return "".join(
        line
        for line in result.stdout.splitlines(keepends=True)
        if not line.startswith(("\\restrict", "\\unrestrict"))
    )


def psql(server: Server, url: str, script: str) -> str:
    """Run a script as a user would, to its end."""
    program = [str(server.bin / "psql"), "-X", "-q", url, "-f", "-"]
    quiet = {**os.environ, "PGOPTIONS": "-c client_min_messages=warning"}
    result = subprocess.run(program, input=script, capture_output=True, text=True, check=True, env=quiet)
    assert result.stderr == ""
    return result.stdout
