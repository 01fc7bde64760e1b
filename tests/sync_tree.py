"""Writes every `_sync` tree from its `_async` twin: drops `async` and `await`, renames names, nothing else.

python tests/sync_tree.py writes; pytest compares (tests/test_sync_tree.py).
"""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

ROOT = Path(__file__).parent.parent
TREES = (ROOT / "mastra_cli/runtime/_async", ROOT / "mastra_cli/testing/_async", ROOT / "tests/_async")
BY_HAND = {"waiting.py"}
NAMES = {
    "_async": "_sync", "__aenter__": "__enter__", "__aexit__": "__exit__", "__aiter__": "__iter__",
    "__anext__": "__next__", "aiter": "iter", "anext": "next", "aclose": "close", "aclosing": "closing",
    "AsyncIterator": "Iterator", "AsyncIterable": "Iterable", "AsyncGenerator": "Generator",
    "StopAsyncIteration": "StopIteration", "asynccontextmanager": "contextmanager",
    "AsyncExitStack": "ExitStack", "enter_async_context": "enter_context",
    "AbstractAsyncContextManager": "AbstractContextManager",
}  # fmt: skip


def public_names() -> dict[str, str]:
    """`PostgresEngine` -> `SyncPostgresEngine`, `connect` -> `sync_connect`, for all of `_async.HOMES`."""
    tree = ast.parse((TREES[0] / "__init__.py").read_text(encoding="utf-8"))
    [names] = [ast.literal_eval(n.value) for n in tree.body if isinstance(n, ast.Assign)]
    return {name: f"Sync{name}" if name[0].isupper() else f"sync_{name}" for name in names}


def to_sync(source: str, names: dict[str, str]) -> str:
    lines = source.splitlines(keepends=True)
    edits: list[tuple[tuple[int, int], int, str]] = []
    previous = ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        text, (row, column) = token.string, token.start
        is_method = previous == "def" and token.line.startswith(" ")
        if token.type == tokenize.NAME and row > 1:
            if text in ("async", "await"):
                edits.append(((row, column), len(text) + 1, ""))
            elif text in NAMES or (text in names and previous != "." and not is_method):
                edits.append(((row, column), len(text), NAMES.get(text) or names[text]))
            elif text.startswith("Async") and len(text) > 5:
                edits.append(((row, column), len(text), text[5:]))
        elif token.type == tokenize.STRING and text[1:-1] in names:  # __all__ and the like
            edits.append(((row, column + 1), len(text) - 2, names[text[1:-1]]))
        previous = text
    for (row, column), length, text in reversed(edits):
        line = lines[row - 1]
        lines[row - 1] = line[:column] + text + line[column + length :]
    return "# Generated from the _async twin by `nox -s sync`: edit that one.\n" + "".join(lines[1:])


def generated() -> dict[Path, str]:
    names = public_names()
    return {
        tree.with_name("_sync") / file.relative_to(tree): to_sync(file.read_text(encoding="utf-8"), names)
        for tree in TREES
        for file in sorted(tree.rglob("*.py"))
        if file.name not in BY_HAND
    }


def present() -> set[Path]:
    found = {f for tree in TREES for f in tree.with_name("_sync").rglob("*.py")}
    return {f for f in found if f.name not in BY_HAND}


if __name__ == "__main__":
    files = generated()
    for stale in present() - set(files):
        stale.unlink()
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
