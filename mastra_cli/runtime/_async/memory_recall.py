# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""Recall: messages found again by meaning and by their words; the embeddings behind the first."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any

import psycopg

from mastra_cli.errors import (
    Conflict,
    DeadlineExceeded,
    EmbedderFailed,
    ExtensionMissing,
    InvalidArgument,
    MastraError,
    NotMigrated,
)
from mastra_cli.runtime._async import waiting
from mastra_cli.runtime._async.session import Connected
from mastra_cli.runtime.identity import checked
from mastra_cli.runtime.message_rows import message_of
from mastra_cli.runtime.models_memory import Message, Recalled
from mastra_cli.runtime.parts import search_text
from mastra_cli.runtime.ranking import fuse
from mastra_cli.runtime.selection import whole
from mastra_cli.runtime.sql import statements

if TYPE_CHECKING:
    from mastra_cli.runtime._async.wire import Wire
    from mastra_cli.runtime.timing import Clock

RECALL, EMBEDDING = statements("recall"), statements("message_embedding")

_LOG = logging.getLogger("mastra_cli")
# Up to here an index of full precision goes, and up to there one of half precision.
FULL, HALF = 2_000, 4_000
# So many embeddings are compared one by one: an index that must skip others' would find the wrong ones.
EXACT = 2_000
_BATCH = 64
_MAX_TOP = 1_000


class Recall(Connected):
    """Finds messages again."""

    _embedder: Callable[[list[str]], Any] | None

    async def recall(
        self,
        *,
        query: str,
        thread_id: str | None = None,
        resource_id: str | None = None,
        top_k: int = 4,
        before: int = 1,
        after: int = 1,
        timeout: float | None = None,
    ) -> list[Recalled]:
        """The messages of a thread, or of all threads of a resource, that have to do with the query.

        By keyword, and by meaning too when there are an embedder and its index; an embedder that fails leaves
        the keywords. These are words between spaces and marks: one inside a sentence of a script that is
        written without spaces, as Chinese, Japanese and Thai are, is found by its meaning alone. `before` and
        `after`: how many neighbours come along.
        """
        clock = self._clock(timeout)
        if thread_id is None and resource_id is None:
            raise InvalidArgument("recall needs a thread_id or a resource_id")
        if not isinstance(query, str) or not query.strip():  # pyright: ignore[reportUnnecessaryIsInstance]
            raise InvalidArgument("query must be a non-empty str")
        limit = max(4 * whole(top_k, "top_k", most=_MAX_TOP), 20)
        reach = {
            "before": whole(before, "before", most=_MAX_TOP),
            "after": whole(after, "after", most=_MAX_TOP),
        }
        scope = {
            "thread_id": None if thread_id is None else checked(thread_id, "thread_id"),
            "resource_id": None if resource_id is None else checked(resource_id, "resource_id"),
            "limit": limit,
        }
        words = "".join(" " if c == "\0" or "\ud800" <= c <= "\udfff" else c for c in query)
        by_word = await self._pool.rows(RECALL["keyword"], {**scope, "query": words}, timeout=clock)
        by_meaning = await self._by_meaning(words, scope, clock)
        ranked = fuse([[tuple(row) for row in rows] for rows in (by_meaning, by_word)])[:top_k]
        if not ranked:
            return []
        places = {"thread_ids": [key[0] for key, _ in ranked], "seqs": [key[1] for key, _ in ranked]}
        rows = await self._pool.rows(RECALL["around"], {**places, **reach}, timeout=clock)
        recalled: list[Recalled] = []
        for place, ((_, seq), score) in enumerate(ranked, 1):
            around = [message_of(row) for row in rows if row[9] == place]
            hit = next((message for message in around if message.seq == seq), None)
            if hit is not None:  # None: deleted a moment ago
                recalled.append(Recalled(hit, score, [message for message in around if message.seq != seq]))
        return recalled

    async def create_memory_index(self, *, dimension: int, timeout: float | None = None) -> None:
        """Make the table of embeddings, for vectors of that dimension; needs the right to create tables.

        There already: nothing to do, or `Conflict` when its dimension is another.
        """
        whole(dimension, "dimension", least=1, most=HALF)
        clock = self._clock(timeout)
        half = "_half" if dimension > FULL else ""

        async def work(wire: Wire) -> int:
            if await (await wire.execute(EMBEDDING["prepare"])).fetchone() is None:
                raise ExtensionMissing(
                    "this database has no pgvector", hint="run `mastra engine migrate`, which creates it"
                )
            await wire.execute(EMBEDDING["serialize"])
            found = await (await wire.execute(EMBEDDING["dimension"])).fetchone()
            if found is not None:
                return found[0]
            client = psycopg.AsyncClientCursor(wire)
            await client.execute(EMBEDDING[f"create{half}_table"], {"dimension": dimension})
            await wire.execute(EMBEDDING[f"create{half}_index"])
            return dimension

        there = await self._pool.transaction(work, timeout=clock)
        if there != dimension:
            raise Conflict(
                f"the table of embeddings is there for vectors of {there} dimensions, not {dimension}",
                hint="DROP TABLE mastra.message_embedding, create it again, then embed_pending()",
            )

    async def embed_pending(self, *, limit: int | None = None, timeout: float | None = None) -> int:
        """Embed messages that have no embedding yet, or that of an older text; how many were embedded."""
        clock = self._clock(timeout, bulk=True)
        left = math.inf if limit is None else whole(limit, "limit")
        if self._embedder is None:
            raise InvalidArgument("embed_pending needs PgMemory(vector=..., embedder=...)")
        dimension = await self._dimension(clock)
        if dimension is None:
            raise NotMigrated(
                "there is no table of embeddings", hint="call create_memory_index(dimension=...)"
            )
        done, place = 0, {"thread_id": "", "seq": 0}
        while left > 0:
            params = {**place, "batch": int(min(_BATCH, left))}
            rows = await self._pool.rows(EMBEDDING["pending"], params, timeout=clock)
            if not rows:
                break
            messages = [message_of(row) for row in rows]
            texts = [search_text(message) or " " for message in messages]
            vectors = _checked(await self._ask(texts, clock.left()), len(rows), dimension)
            done += await self._insert(vectors, messages, [row[9] for row in rows], dimension, clock)
            left -= len(rows)
            place = {"thread_id": messages[-1].thread_id, "seq": messages[-1].seq}
        return done

    # -- embeddings ---------------------------------------------------------------------------------------

    async def _ask(self, texts: list[str], seconds: float) -> Any:
        """What the embedder answers, within that time; else `DeadlineExceeded` or `EmbedderFailed`."""
        assert self._embedder is not None
        try:
            return await waiting.within(max(seconds, 0.001), waiting.call, self._embedder, texts)
        except TimeoutError as error:
            raise DeadlineExceeded(
                "the embedder did not answer in time", hint="give a longer timeout"
            ) from error
        except Exception as error:
            raise EmbedderFailed(f"the embedder failed: {type(error).__name__}: {error}") from error

    async def _embedded(self, texts: Sequence[str | None], clock: Clock) -> list[Any]:
        """A vector a text, or None; never an error: what is missing is left to `embed_pending`."""
        vectors: list[Any] = [None] * len(texts)
        wanted = [(number, text) for number, text in enumerate(texts) if text]
        if self._embedder is None or not wanted:
            return vectors
        # Half of the time is left for what must not be lost.
        until = monotonic() + clock.left() / 2
        try:
            for start in range(0, len(wanted), _BATCH):
                block = wanted[start : start + _BATCH]
                found = await self._ask([text for _, text in block], until - monotonic())
                found = [[float(number) for number in vector] for vector in found]
                if len(found) != len(block):
                    raise ValueError(f"{len(found)} vectors for {len(block)} texts")
                for (number, _), vector in zip(block, found, strict=True):
                    vectors[number] = vector
        except Exception as error:
            _LOG.warning("messages are saved without embeddings, for embed_pending(): %s", error)
        return vectors

    async def _keep(
        self, vectors: Sequence[Any], saved: Sequence[Message], versions: Sequence[int], clock: Clock
    ) -> None:
        """Store the vectors of messages that are saved; never an error."""
        rows = [each for each in zip(vectors, saved, versions, strict=True) if each[0] is not None]
        if not rows:
            return
        try:
            dimension = await self._dimension(clock)
            if dimension is None:
                return
            found = _checked([row[0] for row in rows], len(rows), dimension)
            await self._insert(found, [row[1] for row in rows], [row[2] for row in rows], dimension, clock)
        except MastraError as error:
            _LOG.warning("messages are saved without embeddings, for embed_pending(): %s", error)

    async def _insert(
        self,
        vectors: Sequence[list[float]],
        messages: Sequence[Message],
        versions: Sequence[int],
        dimension: int,
        clock: Clock,
    ) -> int:
        params = {
            "numbers": [number for vector in vectors for number in vector],
            "dimension": dimension,
            "thread_ids": [message.thread_id for message in messages],
            "ids": [message.id for message in messages],
            "versions": list(versions),
        }
        row = await self._pool.row(EMBEDDING["save"], params, timeout=clock, writes=True)
        return row[0] if row else 0

    async def _dimension(self, clock: Clock) -> int | None:
        row = await self._pool.row(EMBEDDING["dimension"], timeout=clock)
        return row[0] if row else None

    async def _by_meaning(self, query: str, scope: dict[str, Any], clock: Clock) -> Sequence[Any]:
        """The places of the messages nearest to the query; none without an embedder or its table."""
        if self._embedder is None:
            return []
        dimension = await self._dimension(clock)
        if dimension is None:
            return []
        try:
            answer = await self._ask([query], clock.left() / 2)
        except (DeadlineExceeded, EmbedderFailed) as error:
            _LOG.warning("recall goes by keywords alone: %s", error)
            return []
        [vector] = _checked(answer, 1, dimension)
        params = {**scope, "embedding": "[" + ",".join(map(repr, vector)) + "]", "bound": EXACT + 1}

        async def work(wire: Wire) -> Sequence[Any]:
            await wire.execute(EMBEDDING["prepare"])
            row = await (await wire.execute(EMBEDDING["in_scope"], params)).fetchone()
            if row and row[0] > EXACT:
                rows = await (await wire.execute(EMBEDDING["nearest_by_index"], params)).fetchall()
                if len(rows) == scope["limit"]:
                    return rows
            return await (await wire.execute(EMBEDDING["nearest"], params)).fetchall()

        return await self._pool.transaction(work, timeout=clock)


def _checked(vectors: Any, count: int, dimension: int) -> list[list[float]]:
    """What an embedder answered, as plain numbers; `InvalidArgument` when it does not fit."""
    try:
        found = [[float(number) for number in vector] for vector in vectors]
    except (TypeError, ValueError) as error:
        raise InvalidArgument(
            f"the embedder must answer a list of vectors, and answered {vectors!r:.60}"
        ) from error
    if len(found) != count:
        raise InvalidArgument(f"the embedder answered {len(found)} vectors to {count} texts")
    for vector in found:
        if len(vector) != dimension:
            raise InvalidArgument(
                f"the embedder's vectors have {len(vector)} dimensions, and the table takes {dimension}"
            )
        if not all(map(math.isfinite, vector)):
            raise InvalidArgument("the embedder answered a vector that holds NaN or infinity")
    return found
