"""One process a call, as the command line is: `python embedded_driver.py ROOT '{"port": ...}' start stop ...`.

Prints one JSON document a step. Ctrl-C undoes, as `mastra engine add` does.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mastra_cli.errors import MastraError
from mastra_cli.local.embedded import EmbeddedProvider
from mastra_cli.local.project import find_project
from mastra_cli.local.reporter import Silent

STEPS: dict[str, Any] = {
    "start": lambda p: p.start(Silent(), timeout=30),
    "start --yes": lambda p: p.start(Silent(), timeout=30, yes=True),
    "stop": lambda p: p.stop(Silent()),
    "stop --volumes": lambda p: p.stop(Silent(), volumes=True),
    "look": lambda p: p.look(),
    "data": lambda p: p.data(),
}


def main(root: str, settings: str, *steps: str) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    provider = EmbeddedProvider(find_project(Path(root)), **json.loads(settings))
    for step in steps:
        began = time.perf_counter()
        try:
            result = STEPS[step](provider)
            answer: Any = [asdict(part) for part in result] if isinstance(result, tuple) else asdict(result)
        except MastraError as error:
            provider.undo(Silent())
            answer = {"error": error.code, "message": error.message, "hint": error.hint}
        except KeyboardInterrupt:
            provider.undo(Silent())
            raise SystemExit(130) from None
        print(json.dumps({"answer": answer, "seconds": time.perf_counter() - began}), flush=True)


main(*sys.argv[1:])
