"""Clients of the library that are killed: forked from a process that has everything imported already."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent

PRELUDE = """
import json, os, sys, traceback
from tests.faults import calls
def say(text):
    os.write(1, f"{text}\\n".encode())
"""
LOOP = """
for line in sys.stdin:
    pid = os.fork()
    if not pid:
        try:
            say(os.getpid())
            client(**json.loads(line))
            say("done")
        except BaseException as error:
            say(f"failed: {error!r}")
            traceback.print_exc()
        finally:
            os._exit(0)
    sys.stdin.readline()  # until then it is not waited for: its number stays its own
    os.waitpid(pid, 0)
    say("dead")
"""


class Nursery:
    """Runs `client(**arguments)` of the given code, again and again, and kills it.

    The code has `calls`, and `say(text)`; it says "ready" when its time begins.
    """

    def __init__(self, code: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-u", "-c", PRELUDE + textwrap.dedent(code) + LOOP],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
        )  # fmt: skip

    def killed(self, seconds: float, **arguments: Any) -> list[str]:
        """What a client said before kill -9 met it, so long after it was ready; "done" when it was faster."""
        self._write(json.dumps(arguments))
        pid = int(self._read())
        said = [self._read()]
        assert said == ["ready"]
        time.sleep(seconds)
        os.kill(pid, signal.SIGKILL)
        self._write("it is dead")
        while said[-1] != "dead":
            said.append(self._read())
        return said[1:-1]

    def _write(self, line: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def _read(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        assert line, "the process that the clients are forked from ended"
        return line[:-1]

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            pipe.close()
        self._process.wait(10)
