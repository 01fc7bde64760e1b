"""Commands as contenders: started, and waited for."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tests.bench.measuring import Contender
from tests.bench.peer import PeerFailed

_PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


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
    # By way of a small process: a child's own begins at the size of the one that forked it.
    done = subprocess.run(
        [sys.executable, "-c", _PEAK, *words],
        capture_output=True,
        text=True,
        env={**os.environ, **variables},
        check=True,
    )
    return int(done.stdout) / 1024
