"""The fixed statements: one file a noun, each statement named and described, read once as literal text.

In a file a statement begins at `-- name: words`, the lines of comment after it describe it, and the rest up
to the next name is what the server gets. Long arrays of text are bound in binary (`%(...)b`): as text, each
of their elements would be quoted by the client, and unquoted by the server.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import LiteralString

_HEAD = re.compile(r"^-- name: (\w+)\n((?:-- .*\n)+)", re.MULTILINE)


@cache
def statements(noun: str) -> Mapping[str, LiteralString]:
    """The statements of `<noun>.sql` by name."""
    text = resources.files(__name__).joinpath(f"{noun}.sql").read_text(encoding="utf-8")
    heads = list(_HEAD.finditer(text))
    ends = [head.start() for head in heads[1:]] + [len(text)]
    # Files of this package, read as they stand: as literal as text in a module.
    found = {head[1]: text[head.end() : end].strip() for head, end in zip(heads, ends, strict=True)}
    return MappingProxyType(cast("dict[str, LiteralString]", found))


def nouns() -> list[str]:
    """Which files there are."""
    files = resources.files(__name__).iterdir()
    return sorted(f.name.removesuffix(".sql") for f in files if f.name.endswith(".sql"))
