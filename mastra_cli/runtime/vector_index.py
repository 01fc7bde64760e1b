"""What is known of an index: from the catalogue, and from the JSON in its table's comment."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, cast

from mastra_cli.errors import InvalidArgument
from mastra_cli.runtime.metrics import BY_OPERATOR_CLASS, METRICS, VectorType
from mastra_cli.runtime.models_vector import Flat, Hnsw, IndexConfig, IvfFlat

__all__ = ["Index", "checked_name", "checked_schema", "from_catalogue"]

# Of the schema `mastra`: an index is a table, and may not be one of these.
ENGINE_TABLES = {
    "alembic_version", "entity", "message", "records", "sync_run", "thread", "tool_result", "vector_follower",
    "vector_skipped",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Index:
    """A vector index as it stands in the database."""

    schema: str
    name: str
    extension: str
    """The schema that pgvector lives in."""
    version: tuple[int, ...]
    """pgvector's."""
    kind: VectorType
    dimension: int
    metric: str
    config: IndexConfig
    ready: bool = False
    language: str | None = None
    """The text search configuration of hybrid queries, qualified."""
    namespaced: bool = True
    documents: bool = True
    nullable: bool = False
    said: bool = True
    """Whether the comment or a built index tells what it is."""
    words: str = ""
    """What somebody else wrote into the table's comment."""
    blocks: int = 0
    lines: int = 0
    """How large the table was a moment ago, to two digits, and how many rows a block holds; 0: not known."""
    only: str | None = None
    """The namespace that all rows were of when they were last counted, or nearly all."""

    def __hash__(self) -> int:
        # The key of every statement that is kept: asked for at each search, and the rest rarely differs.
        return hash((self.name, self.blocks, self.lines))

    @property
    def rows(self) -> int:
        """How many rows there are, or so."""
        return self.blocks * self.lines

    @property
    def type(self) -> str:
        return type(self.config).__name__.lower()

    @property
    def quantized(self) -> bool:
        return isinstance(self.config, Hnsw) and self.config.quantize == "binary"

    @property
    def comment(self) -> str:
        """What stands in the table's comment: somebody's own words, if any, then one line of JSON."""
        options: dict[str, Any] = {}
        if isinstance(self.config, Hnsw):
            options = {"m": self.config.m, "ef_construction": self.config.ef_construction}
            if self.config.quantize:
                options["quantize"] = self.config.quantize
        elif isinstance(self.config, IvfFlat):
            options = {"lists": self.config.lists}
        facts = {"metric": self.metric, "type": self.type, "config": options, "language": self.language}
        line = json.dumps(facts, separators=(",", ":"))
        return f"{self.words}\n{line}" if self.words else line

    def with_config(self, config: IndexConfig) -> Index:
        return replace(self, config=config)


def from_catalogue(schema: str, name: str, row: Sequence[Any]) -> Index:
    """The index that a row of the statement `index` describes."""
    kind, dimension, nullable, extension, version, comment, namespaced, documents, by_namespace = row[:9]
    method, valid, operator_class, options, blocks, density, only = row[9:]
    said, words = _comment(comment)
    config = _config(said.get("type"), said.get("config"))
    metric = said.get("metric") if said.get("metric") in METRICS else None
    quantized = isinstance(config, Hnsw) and config.quantize == "binary"
    if method is not None:
        # What is built counts for more than what is said: a query can use no other operator.
        quantized = kind != "bit" and method == "hnsw" and operator_class == "bit_hamming_ops"
        if not quantized:
            metric = BY_OPERATOR_CLASS.get(operator_class) or metric
        config = _built(method, options or "", quantized)
    elif not said:
        config = Flat()
    usual = "hamming" if kind == "bit" else "cosine"
    return Index(
        schema=schema,
        name=name,
        extension=extension,
        version=tuple(int(part) for part in re.findall(r"\d+", version or "")),
        kind=kind,
        dimension=dimension,
        metric=cast(str, metric or usual),
        config=config,
        ready=bool(valid),
        language=said.get("language") if documents and isinstance(said.get("language"), str) else None,
        namespaced=namespaced and by_namespace,
        documents=documents,
        nullable=nullable,
        said=bool(said) or method is not None,
        words=words,
        blocks=int(float(f"{blocks or 0:.1e}")),
        lines=math.ceil(density or 0),
        only=only,
    )


def _comment(comment: str | None) -> tuple[dict[str, Any], str]:
    """What we said in a comment, and what somebody else did before it."""
    words, _, last = (comment or "").rpartition("\n")
    with suppress(ValueError):
        said = json.loads(last)
        if isinstance(said, dict) and {"metric", "type"} <= said.keys():
            return cast("dict[str, Any]", said), words
    return {}, comment or ""


def _config(type_: object, options: object) -> IndexConfig:
    makers = {"hnsw": Hnsw, "ivfflat": IvfFlat, "flat": Flat}
    maker = makers.get(type_) if isinstance(type_, str) else None
    if maker is None or not isinstance(options, dict):
        return Flat()
    try:
        return maker(**cast("dict[str, Any]", options))
    except (TypeError, InvalidArgument):
        return maker()


def _built(method: str, options: str, quantized: bool) -> IndexConfig:
    numbers = {key: int(value) for key, value in re.findall(r"(\w+)=(\d+)", options)}
    if method == "ivfflat":
        return IvfFlat(numbers.get("lists", 100))
    return Hnsw(numbers.get("m", 16), numbers.get("ef_construction", 64), "binary" if quantized else None)


def checked_name(name: object, schema: str) -> str:
    """The name of an index, or `InvalidArgument`."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,50}", name, re.ASCII):
        raise InvalidArgument(
            f"{name!r:.80} can not be the name of an index",
            hint="letters, digits and underscores, no digit first, at most 51",
        )
    if schema == "mastra" and name in ENGINE_TABLES:
        raise InvalidArgument(f"{name!r} is one of the engine's own tables", hint="choose another name")
    return name


def checked_schema(name: object) -> str:
    """The name of a schema, or `InvalidArgument`."""
    if not isinstance(name, str) or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_$]{0,62}", name, re.ASCII):
        raise InvalidArgument(
            f"{name!r:.80} can not be the schema of PgVector",
            hint="letters, digits and underscores, no digit first, at most 63",
        )
    if name.startswith("pg_") or name == "information_schema":
        raise InvalidArgument(f"the schema {name} belongs to Postgres", hint="choose another")
    return name
