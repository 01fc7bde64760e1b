# Generated from the _async twin by `nox -s sync`: edit that one.
"""How indexes are made, described and dropped."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mastra_cli.errors import (
    Conflict,
    DatabaseFailed,
    DatabaseUnreachable,
    DeadlineExceeded,
    ExtensionMissing,
    InvalidArgument,
    MastraError,
    NotMigrated,
    OutcomeUnknown,
    PermissionDenied,
    kind_of,
)
from mastra_cli.runtime import metrics
from mastra_cli.runtime._sync.session import Clock
from mastra_cli.runtime._sync.vector_known import VECTOR, Known, not_found
from mastra_cli.runtime.models_vector import Flat, Hnsw, IndexConfig, IndexStats, IvfFlat
from mastra_cli.runtime.sql import vectors, vectors_tables
from mastra_cli.runtime.vector_index import Index, checked_name
from mastra_cli.runtime.vector_rows import checked_namespace

if TYPE_CHECKING:
    from mastra_cli.runtime._sync.wire import Wire


class Indexes(Known):
    """Making indexes, and looking at them."""

    def create_index(
        self,
        *,
        index_name: str,
        dimension: int,
        metric: str = "cosine",
        index_config: IndexConfig | None = None,
        vector_type: str | None = None,
        build_index: bool = True,
        text_search: str | None = None,
        timeout: float | None = None,
    ) -> IndexStats:
        """Make an index; one that is there already stays as it is, or is a `Conflict` when it is another.

        `build_index=False` leaves the ANN index to `build_index()`, which is quicker after a bulk load;
        IVFFlat is always left to it. `text_search` names the language of `hybrid_query` ("english").
        """
        clock = self._clock(timeout)
        name = checked_name(index_name, self._schema)
        measure = metrics.metric(metric)
        config = checked_config(index_config) or Hnsw()
        kind = metrics.settle(dimension, measure, config, vector_type)
        language = None if text_search is None else self._language(text_search, clock)
        found = self._found(name, clock)
        if found is None:
            extension, version = self._extension(clock)
            index = Index(
                self._schema, name, extension, version, kind, dimension, metric, config, language=language
            )
            try:
                self._make(index, clock, build=build_index)
            except DatabaseFailed as error:
                # Somebody else was quicker: the same index, or another one.
                if error.sqlstate not in ("42P07", "23505", "42710"):
                    raise
                found = self._found(name, clock)
                if found is None and error.sqlstate == "23505":
                    raise
                if found is None:
                    raise Conflict(
                        f"the index {name} can not be made in the schema {self._schema}: {error.message}",
                        hint="choose another name for the index",
                    ) from error
        if found is not None:
            wanted = None if vector_type is None else kind
            self._reconcile(
                found, dimension, metric, wanted, checked_config(index_config), language, clock
            )
        try:
            return self.describe_index(index_name=name, timeout=timeout)
        except (DatabaseUnreachable, DeadlineExceeded) as error:
            raise OutcomeUnknown(
                f"the index {name} is there, and could not be looked at", hint="describe_index() looks again"
            ) from error

    def list_indexes(self, *, timeout: float | None = None) -> list[str]:
        """The names of all indexes, those of the JavaScript package included."""
        found = self._pool.rows(
            VECTOR["indexes"], {"schema": self._schema}, timeout=self._clock(timeout)
        )
        return [row[0] for row in found]

    def describe_index(self, *, index_name: str, timeout: float | None = None) -> IndexStats:
        """What an index is, and how large it is."""
        clock = self._clock(timeout)
        index = self._index(index_name, clock, fresh=True)
        row = self._row(vectors.size(index), clock)
        assert row is not None
        return IndexStats(
            index.name,
            index.dimension,
            row[0],
            index.metric,
            index.type,
            index.config,
            index.kind,
            row[1],
            index.ready or isinstance(index.config, Flat),
        )

    def list_namespaces(self, *, index_name: str, timeout: float | None = None) -> dict[str, int]:
        """How many vectors each namespace has."""

        def work(index: Index) -> dict[str, int]:
            return dict(self._rows(vectors.namespaces(index), clock))

        clock = self._clock(timeout)
        return self._on(index_name, clock, work)

    def truncate_index(
        self, *, index_name: str, namespace: str | None = "default", timeout: float | None = None
    ) -> None:
        """Delete all vectors of a namespace; None: of all."""

        def work(index: Index) -> None:
            if namespace is not None:
                checked_namespace(namespace, index)
            whole = namespace is None or not index.namespaced
            try:
                self._rows(vectors.truncate(index, None if whole else namespace), clock, writes=True)
            except PermissionDenied:
                if not whole:
                    raise
                self._rows(vectors.delete_all(index), clock, writes=True)

        clock = self._clock(timeout, bulk=True)
        self._on(index_name, clock, work)

    def delete_index(self, *, index_name: str, timeout: float | None = None) -> None:
        """Drop an index with all its vectors."""
        clock = self._clock(timeout)
        index = self._index(index_name, clock, fresh=True)
        try:
            self._rows(vectors_tables.drop_table(index), clock, writes=True)
        except NotMigrated as error:
            raise not_found(index.name, self._schema) from error
        except OutcomeUnknown as error:
            # Repeated after a lost answer, it found nothing left to drop.
            if getattr(error.__cause__, "sqlstate", None) != "42P01":
                raise
        except PermissionDenied as error:
            raise needs(error, f"deleting the index {index.name}", "to own its table") from error
        finally:
            self._indexes.pop(index.name, None)

    def _make(self, index: Index, clock: Clock, *, build: bool) -> None:
        pieces = vectors_tables.create_table(index)
        if index.language is not None:
            pieces.append(vectors_tables.create_text_index(index, concurrently=False))
        # On an empty table a graph costs nothing; lists would have no rows to take their centres from.
        if build and isinstance(index.config, Hnsw):
            pieces.append(vectors_tables.create_ann(index, "_vector_idx", concurrently=False))

        def work(wire: Wire) -> None:
            for piece in pieces:
                wire.execute(vectors.whole(piece))

        try:
            self._pool.transaction(work, timeout=clock)
        except PermissionDenied as error:
            raise needs(
                error, f"creating the index {index.name}", f"USAGE and CREATE on the schema {self._schema}"
            ) from error

    def _reconcile(
        self,
        found: Index,
        dimension: int,
        metric: str,
        kind: str | None,
        config: IndexConfig | None,
        language: str | None,
        clock: Clock,
    ) -> None:
        """Let what is there stand when it is what was asked for; add the text index when it has none."""
        asked: dict[str, tuple[Any, Any]] = {
            "dimension": (found.dimension, dimension),
            "metric": (found.metric, metric),
            "vector type": (found.kind, kind or found.kind),
            "text_search": (found.language, found.language and (language or found.language)),
        }
        for word, (there, wanted) in asked.items():
            if there != wanted:
                raise Conflict(
                    f"the index {found.name} is there with {word} {there}, not {wanted}",
                    hint="choose another name, or delete_index() first",
                )
        if config is not None and not _is_same(found.config, config) and found.said:
            raise Conflict(
                f"the index {found.name} is there with {found.config}, not {config}",
                hint="build_index(index_config=...) rebuilds it",
            )
        if language is not None and found.language is None:
            index = replace(found, language=language, documents=True)
            pieces = [
                vectors_tables.add_document(index),
                vectors_tables.create_text_index(index, concurrently=True),
                vectors_tables.comment(index),
            ]
            try:
                for piece in pieces:
                    self._rows(piece, clock, writes=True)
            except PermissionDenied as error:
                raise needs(error, "text_search", "to own the table") from error

    def _language(self, name: object, clock: Clock) -> str:
        row = None
        if isinstance(name, str) and name.isprintable():  # no NUL, no lone surrogate
            row = self._pool.row(VECTOR["language"], {"name": name}, timeout=clock)
        if row is None:
            raise InvalidArgument(
                f"text_search: the server knows no language {name!r:.60}",
                hint="english, german, simple, ...: \\dF lists them",
            )
        return row[0]

    def _extension(self, clock: Clock) -> tuple[str, tuple[int, ...]]:
        """Where pgvector lives, and its version; made when it is not there."""
        row = self._pool.row(VECTOR["extension"], timeout=clock)
        if row is None:
            try:
                self._pool.rows(VECTOR["create_extension"], timeout=clock, writes=True)
            except MastraError as error:
                if isinstance(error, PermissionDenied | ExtensionMissing | DatabaseFailed):
                    raise ExtensionMissing(
                        f"pgvector is not in this database, and could not be made: {error.message}",
                        hint="an admin runs: CREATE EXTENSION vector",
                    ) from error
                raise
            row = self._pool.row(VECTOR["extension"], timeout=clock)
        assert row is not None
        version = tuple(int(part) for part in row[1].split(".") if part.isdigit())
        self._warn_of_version(version)
        return row[0], version


def checked_config(config: object) -> IndexConfig | None:
    if config is not None and not isinstance(config, Hnsw | IvfFlat | Flat):
        raise InvalidArgument(f"index_config must be Hnsw(), IvfFlat() or Flat(), and is {kind_of(config)}")
    return config


def _is_same(there: IndexConfig, wanted: IndexConfig) -> bool:
    if isinstance(there, IvfFlat) and isinstance(wanted, IvfFlat):
        return wanted.lists is None or there.lists is None or there.lists == wanted.lists
    return there == wanted


def needs(error: PermissionDenied, what: str, privilege: str) -> PermissionDenied:
    return PermissionDenied(
        f"{what} needs more than this role has: {error.message}", hint=f"it needs {privilege}"
    )
