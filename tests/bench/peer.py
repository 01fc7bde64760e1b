"""Other people's packages: each in an environment of its own, in a process of its own that does as it is told.

A peer reads requests on stdin and answers on stdout, a line of JSON each: `{"do": "upsert", ...}`, then
`{"seconds": 1.5, ...}` or `{"error": "..."}`. Its script lies in `peers/`, and holds one function a request.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FOLDER = HERE.parent.parent / ".bench"
PATIENCE = 1800


class PeerFailed(Exception):
    """It could not be installed, or could not do what it was asked."""


@dataclass(frozen=True)
class Environment:
    """Where a peer's packages lie: a venv, or a folder of npm's."""

    packages: tuple[str, ...]
    script: str | None = None
    overrides: tuple[tuple[str, str], ...] = ()

    @property
    def is_npm(self) -> bool:
        return self.script is not None and self.script.endswith(".mjs")


# The first package is the peer; the others are what its documentation adds, or what its script reads data with.
# Lower bounds: the versions that were there when the scripts were written.
PEERS: dict[str, Environment] = {
    "@mastra/pg": Environment(("@mastra/pg@^1.27.1",), "mastra_pg.mjs"),
    # Published once, against a core that is not there any more: the nearest one that has its base class.
    "@mastra/engine": Environment(
        ("@mastra/engine@0.1.0-alpha.84",), "mastra_engine.mjs", (("@mastra/core", "0.2.0-alpha.86"),)
    ),
    "vecs": Environment(("vecs>=0.4.5", "numpy>=1.26"), "vecs.py"),
    "langchain-postgres": Environment(("langchain-postgres>=0.0.19", "numpy>=1.26"), "langchain.py"),
    "llama-index": Environment(
        ("llama-index-vector-stores-postgres>=0.9", "psycopg2-binary>=2.9", "numpy>=1.26"), "llama_index.py"
    ),
    "agno": Environment(
        ("agno>=3.1", "sqlalchemy>=2.0", "psycopg[binary]>=3.2", "pgvector>=0.4", "numpy>=1.26"), "agno.py"
    ),
    "langgraph": Environment(
        ("langgraph-checkpoint-postgres>=3.2", "psycopg[binary,pool]>=3.2", "langchain-core>=1.0"),
        "langgraph.py",
    ),
    "dlt": Environment(("dlt[postgres]>=1.31",), "dlt.py"),
    "sqlacodegen": Environment(("sqlacodegen>=4.0.4", "psycopg[binary]>=3.2", "pgvector>=0.4")),
    "datamodel-code-generator": Environment(("datamodel-code-generator>=0.89",)),
    "alembic": Environment(("alembic>=1.14",)),
    "npm mastra": Environment(("mastra@^1.31.0",), "none.mjs"),
    "supabase": Environment(("supabase@^3.1.0",), "none.mjs"),
}


def place(name: str) -> Path:
    return FOLDER / "peers" / name.replace("@", "").replace("/", "-").replace(" ", "-")


def installed(name: str) -> Path:
    """The folder of its environment, made now unless it is there; `PeerFailed` when it can not be."""
    environment, folder = PEERS[name], place(name)
    stamp, wanted = folder / "stamp", hashlib.sha256(repr((environment, sys.version)).encode()).hexdigest()
    if stamp.exists() and stamp.read_text() == wanted:
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"installing {name}", flush=True)
    try:
        if environment.is_npm:
            package = {"private": True, "type": "module", "overrides": dict(environment.overrides)}
            (folder / "package.json").write_text(json.dumps(package))
            _run(["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", "--ignore-scripts",
                  *environment.packages], folder)  # fmt: skip
        else:
            _run([sys.executable, "-m", "venv", str(folder)], folder)
            _run([str(folder / "bin/pip"), "install", "-q", *environment.packages], folder)
    except (OSError, subprocess.SubprocessError) as error:
        said = (getattr(error, "stderr", None) or str(error)).strip().splitlines()
        raise PeerFailed(f"not installed: {said[-1] if said else error}") from error
    stamp.write_text(wanted)
    return folder


def _run(command: list[str], folder: Path) -> None:
    subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=900)


def version(name: str) -> str:
    """What is installed of it."""
    folder, package = place(name), PEERS[name].packages[0]
    if PEERS[name].is_npm:
        found = folder / "node_modules" / package.rpartition("@")[0] / "package.json"
        return json.loads(found.read_text())["version"] if found.exists() else "-"
    name_alone = package.partition(">")[0].partition("[")[0]
    asked = f"import importlib.metadata as m; print(m.version({name_alone!r}))"
    done = subprocess.run([folder / "bin/python", "-c", asked], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "-"


class Peer:
    """A peer at work; starts with its first request."""

    def __init__(self, name: str, url: str) -> None:
        self.name, self.url = name, url
        self._process: subprocess.Popen[bytes] | None = None
        self._broken: PeerFailed | None = None
        self._log = FOLDER / "logs" / f"{place(name).name}.log"

    def ask(self, do: str, **said: Any) -> dict[str, Any]:
        """What it answers; `PeerFailed` with its own words when it can not, or takes longer than half an hour."""
        if self._broken:
            raise self._broken
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps({"do": do, **said}).encode() + b"\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
            line = process.stdout.readline() if ready else b""
        except OSError:
            line = b""
        if not line:
            self.close()
            self._broken = PeerFailed(f"`{do}` brought no answer; see {self._log.name}")
            raise self._broken
        answer = json.loads(line)
        if "error" in answer:
            raise PeerFailed(answer["error"])
        return answer

    def contender(self, do: str, **said: Any) -> Callable[[], float]:
        return lambda: self.ask(do, **said)["seconds"]

    def each(self, do: str, calls: int, **said: Any) -> Callable[[], float]:
        """A contender of one call, which takes the mean of so many."""
        return lambda: self.ask(do, calls=calls, **said)["seconds"] / calls

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            try:
                folder = installed(self.name)
            except PeerFailed as failed:
                self._broken = failed
                raise
            script = HERE / "peers" / str(PEERS[self.name].script)
            environment = dict(os.environ)
            if PEERS[self.name].is_npm:
                # A module is looked for beside the file that imports it.
                for file in (script, HERE / "wire/wire.mjs"):
                    shutil.copy(file, folder)
                command = ["node", "--no-deprecation", "--max-old-space-size=8192", str(folder / script.name)]
            else:
                # Without its own folder on the path: a script has the name of the package that it imports.
                command = [str(folder / "bin/python"), "-P", str(script)]
                environment["PYTHONPATH"] = str(HERE / "wire")
            self._log.parent.mkdir(parents=True, exist_ok=True)
            with self._log.open("ab") as log:
                self._process = subprocess.Popen(
                    [*command, self.url], env=environment, cwd=folder,
                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                )  # fmt: skip
        return self._process

    def close(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    try:
                        pipe.close()
                    except OSError:
                        pass
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
