"""Commands as contenders: started, and waited for."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from tests.bench.measuring import Contender
from tests.bench.peer import PeerFailed


def command(words: list[str], *, cwd: Path | None = None, ours: bool = False, **variables: str) -> Contender:
    """The seconds from its start to its end; one that fails is a peer out of the race, or our own error."""

    def contender() -> float:
        began = time.perf_counter()
        done = subprocess.run(
            words, cwd=cwd, capture_output=True, text=True, env={**os.environ, **variables}, check=False
        )
        seconds = time.perf_counter() - began
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines()
            words_ = f"{Path(words[0]).name} exited {done.returncode}: {said[-1][:200] if said else ''}"
            raise AssertionError(words_) if ours else PeerFailed(words_)
        return seconds

    return contender


def peak(words: list[str], variables: Mapping[str, str]) -> float:
    """The megabytes that a command held at most."""
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, env={**os.environ, **variables})
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, words
    return usage.ru_maxrss / 1024
