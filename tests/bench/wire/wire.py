"""A peer's end of the line: reads a request, calls the function of that name, writes the answer."""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any


def serve(operations: dict[str, Callable[..., Any]]) -> None:
    # What the package prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = operations[request.pop("do")](**request)
        except Exception as error:
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
        print(
            json.dumps(answer if isinstance(answer, dict) else {"seconds": answer}), file=answers, flush=True
        )


def timed(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def numbers(path: str, dimension: int) -> Any:
    """The vectors of a file."""
    import numpy

    return numpy.fromfile(path, dtype="f4").reshape(-1, dimension)


def asked(ask: Callable[[Any], list[str]], questions: Any, clients: int) -> dict[str, Any]:
    """Every question once, by so many clients at once; the seconds, and the ids that each brought."""
    found: list[list[str]] = [[] for _ in questions]

    def client(number: int) -> None:
        for place in range(number, len(questions), clients):
            found[place] = ask(questions[place])

    def all_clients() -> None:
        with ThreadPoolExecutor(clients) as threads:
            list(threads.map(client, range(clients)))

    seconds = timed((lambda: client(0)) if clients == 1 else all_clients)
    return {"seconds": seconds, "found": found}


def metadata(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {"hundredth": number % 100, "text": f"passage number {number}"}
