"""The statements that search: one a query, and one round trip.

Without a filter `nearest` asks the ANN index alone, and where its rows are all of the namespace they are the
answer. In every other case `search` first looks for matching rows, one more than are few. When there are but
few they are compared exactly. Else the ANN index gives a window of the rows nearest to the query, and those
that match are the answer when there are enough; they lie near, then, and the window holds them in their right
order. When there are not, they lie elsewhere, where a graph would have to be walked a long way to find some
of them, and not the nearest: all of them are compared exactly.

In a large table some rows by chance say beforehand whether very many match: these are not looked for, then.

The branches that are not needed are never run: each stands behind a condition that is known before its scan
begins (a one-time filter). Another such condition sets `ef_search` for this statement alone, by `set_config`
with `is_local`: in a sub-select, because as a plain function it would be called at the first row, too late.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from random import Random
from typing import LiteralString, NamedTuple

from psycopg.sql import SQL, Composable, Identifier, Literal

from mastra_cli.runtime.fragments import Fragment, build, joined
from mastra_cli.runtime.models_vector import IvfFlat
from mastra_cli.runtime.sql import vectors
from mastra_cli.runtime.sql.vectors_shape import CONDITION, NAMESPACE, VECTOR, Shape
from mastra_cli.runtime.vector_index import Index

FEW = 2_000
WINDOW = 1_000
# As many rows the iterative scan of pgvector looks at, at most.
_WIDEST = 20_000
_SAMPLE = 128
# What a row costs that an HNSW index gives, in rows of an exact comparison.
_DEAR = 5
EF = 100
EF_MAX = 1_000

_OPERATORS: dict[str, LiteralString] = {
    "cosine": "<=>",
    "euclidean": "<->",
    "dotproduct": "<#>",
    "l1": "<+>",
    "hamming": "<~>",
    "jaccard": "<%%>",
}


class Search(NamedTuple):
    """How is searched; what for comes in when the statement is filled."""

    top_k: int
    filtered: bool = False
    include_vector: bool = False
    ef: int | None = None
    probes: int | None = None
    exact: bool = False


def uses_ann(index: Index, asked: Search) -> bool:
    """Whether the ANN index can answer: it is built, and can find that many."""
    return index.ready and not asked.exact and max(asked.top_k, asked.ef or 0) <= EF_MAX


def few(index: Index, top_k: int) -> int:
    """How many matching rows are compared exactly, at most: from there on a window is cheaper.

    With m of n rows matching, `top_k` of them stand among the nearest top_k * n / m, give or take a few: both
    ways cost the same where m is the root of a multiple of n. To two digits, so that a statement lasts.
    """
    return max(FEW, _rounded((1.25 * _DEAR * top_k * index.rows) ** 0.5))


def window(index: Index, top_k: int) -> int:
    """How many of the nearest rows are looked at: enough of them match where more than `few` do, anywhere."""
    wanted = 2 * top_k * index.rows / few(index, top_k)
    return max(WINDOW, 4 * top_k, min(_WIDEST, _rounded(wanted)))


def _rounded(value: float) -> int:
    return int(float(f"{value:.1e}"))


@lru_cache(128)
def nearest(index: Index, asked: Search) -> Shape:
    """As `search`, from the ANN index alone and in no order: right when it brings as many rows as were asked.

    The nearest rows of the whole table are taken. When all of them are of the namespace they are its nearest.
    """
    if index.quantized:
        return _nearest_quantized(index, asked)
    mine = Fragment(SQL("namespace, " if index.namespaced else ""))
    rows = build(
        """SELECT {}vector_id, {} AS distance, false AS exact, metadata, {} AS document, {} AS vector FROM {}
        WHERE {} ORDER BY distance LIMIT {}""",
        mine,
        _distance(index, vectors.typed(index, VECTOR)),
        vectors.document(index),
        _vector(index, asked),
        vectors.table(index),
        _settings(index, asked, asked.top_k, iterative=False),
        number(asked.top_k),
    )
    kept = vectors.where(index, NAMESPACE, None)
    return shaped(
        index,
        build(
            "SELECT vector_id, distance, exact, metadata, document, vector FROM ({}) n WHERE {}", rows, kept
        ),
    )


def _nearest_quantized(index: Index, asked: Search) -> Shape:
    count = _candidates(asked.top_k)
    alone = Fragment(SQL("true"))
    if index.namespaced:
        # Candidates of other namespaces would stand in the way: it must be the only one.
        edge: LiteralString = "(SELECT namespace FROM {} ORDER BY namespace LIMIT 1) = {}"
        other: LiteralString = "(SELECT namespace FROM {} ORDER BY namespace DESC LIMIT 1) = {}"
        first, last = (build(each, vectors.table(index), NAMESPACE) for each in (edge, other))
        alone = build("{} AND {}", first, last)
    rows = build(
        """SELECT vector_id, {} AS distance, false AS exact, metadata, {} AS document, {} AS vector FROM {}
        WHERE {} AND {} ORDER BY {} LIMIT {}""",
        _distance(index),
        vectors.document(index),
        _vector(index, asked),
        vectors.table(index),
        alone,
        _settings(index, asked, count),
        _order(index),
        number(count),
    )
    return shaped(
        index,
        build(
            """WITH q AS MATERIALIZED (SELECT {} AS v)
            SELECT * FROM ({}) n ORDER BY distance, vector_id COLLATE "C" LIMIT {}""",
            vectors.typed(index, VECTOR),
            rows,
            number(asked.top_k),
        ),
    )


@lru_cache(128)
def search(index: Index, asked: Search) -> Shape:
    """Rows of (vector_id, distance, is exact, metadata, document, vector or null), best first."""
    return shaped(index, _searched(index, asked, vectors.typed(index, VECTOR)))


def search_many(
    index: Index, asked: Search, packed: Sequence[bytes], namespace: str, condition: Fragment | None
) -> Fragment:
    """Rows of (number of the query, and what `search` brings), for several vectors."""
    one = shaped(index, _searched(index, asked, Fragment(SQL("many.v")))).fill(b"", namespace, condition)
    values = [
        build("({}, {})", number(place), vectors.vector_param(index, each))
        for place, each in enumerate(packed)
    ]
    return build(
        "SELECT many.n, s.* FROM (VALUES {}) AS many (n, v) CROSS JOIN LATERAL ({}) s ORDER BY many.n",
        joined(", ", values),
        one,
    )


def shaped(index: Index, statement: Fragment) -> Shape:
    """The statement, which is another when the table is: a plan that a server keeps for a small one is not
    that of a large one.
    """
    return Shape.of(build("{} /* {} */", statement, number(index.blocks.bit_length())))


def explained(statement: Fragment) -> Fragment:
    """What the server does for a statement."""
    return build("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {}", statement)


def _searched(index: Index, asked: Search, wanted: Fragment) -> Fragment:
    return build(
        """WITH {}
        SELECT b.vector_id, b.distance, b.exact, r.metadata, r.document, r.vector
        FROM (SELECT * FROM best ORDER BY distance, vector_id COLLATE "C" LIMIT {}) b
        CROSS JOIN LATERAL ({}) r
        ORDER BY b.distance, b.vector_id COLLATE "C" """,
        best(index, asked, wanted),
        number(asked.top_k),
        row_of(index, asked),
    )


def rows_of(index: Index, asked: Search) -> Fragment:
    """Which rows are looked at."""
    rows = vectors.where(index, NAMESPACE, CONDITION if asked.filtered else None)
    # Tables of the JavaScript package allow for rows without a vector.
    return build("{} AND embedding IS NOT NULL", rows) if index.nullable else rows


def best(index: Index, asked: Search, wanted: Fragment) -> Fragment:
    """Common table expressions, of which the last is `best (id, vector_id, distance, exact)`."""
    vector = build("q AS MATERIALIZED (SELECT {} AS v)", wanted)
    rows = rows_of(index, asked)
    scan = build("SELECT id, vector_id, {} AS distance FROM {}", _distance(index), vectors.table(index))
    if not uses_ann(index, asked):
        # Behind OFFSET 0 no order is known: the planner would else take the ANN index for it.
        everything = build("{} WHERE {} OFFSET 0", scan, rows)
        best = build("best AS (SELECT id, vector_id, distance, true AS exact FROM ({}) e)", everything)
        return joined(", ", [vector, best])
    most = few(index, asked.top_k)
    sample = _sample(index, most, rows)
    sought = build("{} AND NOT (SELECT many FROM sampled)", rows) if sample else rows
    known = Fragment(SQL("NOT (SELECT many FROM sampled) AND " if sample else ""))
    steps = [
        vector,
        *sample,
        build("few AS MATERIALIZED ({} WHERE {} LIMIT {})", scan, sought, number(most + 1)),
        build("chosen AS MATERIALIZED (SELECT {}count(*) <= {} AS few FROM few)", known, number(most)),
        build("near AS MATERIALIZED ({})", _near(index, asked, rows)),
        build(
            "enough AS MATERIALIZED (SELECT (SELECT few FROM chosen) OR count(*) >= {} AS yes FROM near)",
            # A quarter more than are wanted: the last of a window are the least sure.
            number(asked.top_k * 5 // 4 + 1),
        ),
        build(
            """best AS (
            SELECT id, vector_id, distance, true AS exact FROM few WHERE (SELECT few FROM chosen)
            UNION ALL
            SELECT id, vector_id, distance, false FROM near WHERE (SELECT yes FROM enough)
            UNION ALL
            SELECT id, vector_id, distance, true
            FROM ({} WHERE NOT (SELECT yes FROM enough) AND {} OFFSET 0) e)""",
            scan,
            rows,
        ),
    ]
    return joined(", ", steps)


def _sample(index: Index, most: int, rows: Fragment) -> list[Fragment]:
    """Whether far more than `most` rows match, as rows by chance have it; nothing in a small table.

    Three standard deviations away: so few tell no more. Behind OFFSET 0, or the planner would look for all
    that match, and then for these among them.
    """
    if index.rows < 8 * most:
        return []
    chance = Random(0)
    places = ",".join(
        f'"({chance.randrange(index.blocks)},{chance.randint(1, index.lines)})"' for _ in range(_SAMPLE)
    )
    expected = _SAMPLE * most / index.rows
    return [
        build(
            """sampled AS MATERIALIZED (
            SELECT count(*) > {} AS many
            FROM (SELECT * FROM {} WHERE ctid = ANY({}::pg_catalog.tid[]) OFFSET 0) s WHERE {})""",
            number(round(expected + 3 * expected**0.5 + 2)),
            vectors.table(index),
            Fragment(Literal(f"{{{places}}}")),
            rows,
        )
    ]


def _near(index: Index, asked: Search, rows: Fragment) -> Fragment:
    """The matching rows among the nearest."""
    width = window(index, asked.top_k)
    enough = width if index.quantized else max(4 * asked.top_k, 40)
    return build(
        """SELECT id, vector_id, distance FROM (
            SELECT *, {} AS distance FROM {}
            WHERE NOT (SELECT few FROM chosen) AND {}
            ORDER BY {} LIMIT {}) n
        WHERE {} LIMIT {}""",
        _distance(index),
        vectors.table(index),
        _settings(index, asked, asked.top_k),
        _order(index),
        number(width),
        rows,
        number(enough),
    )


def _candidates(top_k: int) -> int:
    """How many rows a quantised index hands over to be scored in full."""
    return min(EF_MAX, max(10 * top_k, 400))


def _settings(index: Index, asked: Search, count: int, *, iterative: bool = True) -> Fragment:
    """Sets what the scan goes by, for this statement alone; always true."""
    if isinstance(index.config, IvfFlat):
        lists = index.config.lists or 100
        values: dict[str, int | str] = {"ivfflat.probes": min(lists, asked.probes or default_probes(lists))}
        if index.version >= (0, 8):
            values["ivfflat.iterative_scan"] = "relaxed_order"
    else:
        values = {"hnsw.ef_search": max(count, asked.ef or EF)}
        if iterative and index.version >= (0, 8):
            values["hnsw.iterative_scan"] = "relaxed_order"
    calls = [
        Fragment(SQL("pg_catalog.set_config({}, {}, true)").format(Literal(name), Literal(str(value))))
        for name, value in values.items()
    ]
    return build("(SELECT {}) IS NOT NULL", joined(" || ", calls))


def default_probes(lists: int) -> int:
    """How many lists are looked through when the caller does not say."""
    return max(1, min(lists, round(2 * lists**0.5)))


def _distance(index: Index, wanted: Fragment | None = None) -> Fragment:
    wanted = Fragment(SQL("(SELECT v FROM q)")) if wanted is None else wanted
    return _compared(index, index.metric, Fragment(SQL("embedding")), wanted)


def _order(index: Index) -> Fragment:
    if not index.quantized:
        return _distance(index)
    stored, wanted = (Fragment(SQL("embedding")), Fragment(SQL("(SELECT v FROM q)")))
    return _compared(index, "hamming", vectors.quantized(index, stored), vectors.quantized(index, wanted))


def _compared(index: Index, metric: str, left: Fragment, right: Fragment) -> Fragment:
    operator: Composable = SQL("OPERATOR({}." + _OPERATORS[metric] + ")").format(Identifier(index.extension))
    return build("{} {} {}", left, Fragment(operator), right)


def _vector(index: Index, asked: Search) -> Fragment:
    if asked.include_vector:
        return vectors.send(index, Identifier("embedding"))
    return Fragment(SQL("NULL::bytea"))


def row_of(index: Index, asked: Search) -> Fragment:
    # OFFSET 0: a few rows by their key, and never a scan of the table to join with.
    return build(
        "SELECT metadata, {} AS document, {} AS vector FROM {} t WHERE t.id = b.id OFFSET 0",
        vectors.document(index),
        _vector(index, asked),
        vectors.table(index),
    )


def number(value: int) -> Fragment:
    # Written out: a plan that does not know how few rows are wanted would sort the whole table.
    return Fragment(SQL("{}").format(Literal(value)))
