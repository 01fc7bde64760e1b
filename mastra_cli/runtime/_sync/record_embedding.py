# Generated from the _async twin by `nox -s sync`: edit that one.
"""Asking an embedder that may fail: patiently, in batches, down to the one text that it refuses."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic
from typing import Any, cast

from mastra_cli.errors import Conflict, EmbedderFailed, InvalidArgument
from mastra_cli.runtime import metrics
from mastra_cli.runtime._sync import waiting
from mastra_cli.runtime._sync.record_store import Shape, another_model
from mastra_cli.runtime.embeddings import pack, pack_all
from mastra_cli.runtime.models_vector import Hnsw
from mastra_cli.runtime.timing import Clock

Embedder = Callable[[list[str]], Any] | Callable[[list[str]], Awaitable[Any]]

_PAUSES = (0.2, 0.8)
# So many texts refused, and none taken: it is the embedder, then, and not the texts.
_HOPELESS = 16


class Unfit(Exception):
    """What an embedder answered is not what it was asked for."""


class Embedding:
    """One refresh's dealings with an embedder."""

    def __init__(
        self, embedder: Embedder, index_name: str, *, batch_size: int, limit: int, seconds: float
    ) -> None:
        self._embedder = embedder
        self._index_name = index_name
        self._batch_size = batch_size
        self._crew = waiting.Crew(limit)
        self._seconds = seconds
        self.shape: Shape | None = None
        """What the vectors are to be; None: what the first ones are."""
        self.embedded = 0
        self._refused = 0

    def embed(
        self, texts: Sequence[str], clock: Clock, alive: Callable[[], waiting.Answer[None]]
    ) -> list[bytes | str]:
        """For each text its packed vector, or the words why there is none.

        `alive` is awaited before each call of the embedder. One that refuses everything: `EmbedderFailed`.
        """
        size = self._batch_size
        batches = [list(texts[start : start + size]) for start in range(0, len(texts), size)]
        answers: list[list[bytes | str]] = []
        if batches and self.shape is None:
            # The first vectors say what all must be.
            answers.append(self._one(batches.pop(0), clock, alive))
        answers += self._crew.gather(lambda batch: self._one(batch, clock, alive), batches)
        return [answer for batch in answers for answer in batch]

    def close(self) -> None:
        self._crew.close()

    def question(self, text: str, clock: Clock) -> list[float]:
        """The vector of what is searched for."""
        try:
            answer = self._ask([text], clock)
            [vector] = _listed(answer, 1)
            return [float(number) for number in vector]
        except InvalidArgument:
            raise
        except Exception as error:
            raise EmbedderFailed(f"the embedder failed: {self._words(error)}") from error

    def _one(
        self, batch: list[str], clock: Clock, alive: Callable[[], waiting.Answer[None]]
    ) -> list[bytes | str]:
        """A batch: tried again with growing pauses, then halved down to the texts that are refused."""
        for pause in (*_PAUSES, None):
            alive()
            try:
                return self._read(_listed(self._ask(batch, clock), len(batch)), whole=True)
            except (InvalidArgument, Conflict):
                raise
            except Exception as error:
                if pause is None or clock.left() <= pause:
                    return self._halved(batch, error, clock, alive)
            waiting.sleep(pause * random.uniform(0.75, 1.25))
        raise AssertionError("the last try ends it")

    def _halved(
        self,
        batch: list[str],
        error: Exception,
        clock: Clock,
        alive: Callable[[], waiting.Answer[None]],
    ) -> list[bytes | str]:
        if len(batch) == 1:
            self._refused += 1
            words = self._words(error)
            if not self.embedded and self._refused >= max(_HOPELESS, self._batch_size):
                raise EmbedderFailed(
                    f"the embedder has refused all of {self._refused} texts: {words}",
                    hint="mend it, then refresh() again: it goes on where it stood",
                ) from error
            return [words]
        answers: list[bytes | str] = []
        middle = len(batch) // 2
        for half in (batch[:middle], batch[middle:]):
            alive()
            try:
                answers += self._read(_listed(self._ask(half, clock), len(half)), whole=False)
            except (InvalidArgument, Conflict):
                raise
            except Exception as inner:
                answers += self._halved(half, inner, clock, alive)
        return answers

    def _ask(self, texts: list[str], clock: Clock) -> Any:
        seconds = min(self._seconds, max(0.001, clock.until - monotonic()))
        return waiting.within(seconds, self._called, texts)

    def _called(self, texts: list[str]) -> Any:
        return waiting.call(cast("Callable[[list[str]], Any]", self._embedder), texts)

    def _read(self, vectors: Sequence[Any], *, whole: bool) -> list[bytes | str]:
        """The vectors packed. All of a whole batch in another dimension: that is another model."""
        sizes = {len(vector) for vector in vectors}
        if self.shape is None:
            if len(sizes) > 1:
                raise Unfit(f"its vectors have {' and '.join(map(str, sorted(sizes)))} dimensions")
            self.shape = _shape(sizes.pop())
        elif whole and len(sizes) == 1 and sizes != {self.shape.dimension}:
            raise another_model(self._index_name, self.shape.dimension, sizes.pop(), "dimension")
        packed = _packed(vectors, self.shape)
        self.embedded += sum(isinstance(each, bytes) for each in packed)
        return packed

    def _words(self, error: Exception) -> str:
        if isinstance(error, Unfit):
            return str(error)
        if isinstance(error, TimeoutError) and not str(error):
            return f"the embedder did not answer within {self._seconds:g} s"
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        return said[:1000].replace("\0", "").encode("utf-8", "replace").decode()


def _listed(answer: Any, count: int) -> Sequence[Any]:
    """The vectors of an answer, as many as texts; an array stays one: it is packed as a whole."""
    try:
        vectors = list(answer)
        sizes = [len(vector) for vector in vectors]
    except TypeError as error:
        raise Unfit(f"the embedder must answer a list of vectors, and answered {answer!r:.60}") from error
    if len(vectors) != count:
        raise Unfit(f"the embedder answered {len(vectors)} vectors to {count} texts")
    if not all(sizes):
        raise Unfit("the embedder answered an empty vector")
    return answer if hasattr(answer, "dtype") else vectors


def _shape(dimension: int) -> Shape:
    config = Hnsw(quantize="binary") if dimension > metrics.INDEXED["halfvec"] else Hnsw()
    return Shape(metrics.settle(dimension, metrics.metric("cosine"), config, None), dimension, "cosine")


def _packed(vectors: Sequence[Any], shape: Shape) -> list[bytes | str]:
    how: Any = {"metric": shape.metric, "label": "the embedder's vector"}
    try:
        return list(pack_all(vectors, shape.kind, shape.dimension, **how))
    except InvalidArgument:
        return [_one_packed(vector, shape, how) for vector in vectors]


def _one_packed(vector: Any, shape: Shape, how: Any) -> bytes | str:
    try:
        return pack(vector, shape.kind, shape.dimension, **how)
    except InvalidArgument as error:
        return error.message
