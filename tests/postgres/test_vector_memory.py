"""An upsert from an iterator takes the same memory whatever its length."""

from __future__ import annotations

import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
from array import array
from mastra_cli.runtime._sync.vector import SyncPgVector

url, count = sys.argv[1], int(sys.argv[2])
with SyncPgVector(connection_string=url, timeout=600) as vector:
    vector.create_index(index_name="docs", dimension=1024, build_index=False)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    vectors = (array("f", [float(i % 97 + 1)]) * 1024 for i in range(count))
    ids = vector.upsert(index_name="docs", vectors=vectors, metadata=({"n": i} for i in range(count)))
    assert len(ids) == count
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_an_upsert_from_an_iterator_takes_constant_memory(database: str) -> None:
    command = [sys.executable, "-c", SCRIPT, database, "80000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    # 80,000 vectors are 330 MB; what remains are the ids that come back.
    assert int(done.stdout) < 40 * 1024
