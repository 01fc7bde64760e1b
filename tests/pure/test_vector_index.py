"""What is read out of the catalogue and the comment; what a build needs; what a score is."""

from __future__ import annotations

import dataclasses
import json
import math
import uuid

import pytest

from mastra_cli.errors import DatabaseFailed, InvalidArgument
from mastra_cli.runtime import building, metrics
from mastra_cli.runtime.models_vector import Flat, Hnsw, IvfFlat
from mastra_cli.runtime.sql import vectors_search
from mastra_cli.runtime.vector_index import Index, from_catalogue
from mastra_cli.runtime.vector_rows import new_id

INDEX = Index("mastra", "docs", "public", (0, 8, 5), "vector", 384, "cosine", Hnsw())


def row(
    comment: str | None = None,
    *,
    method=None,
    valid=None,
    opclass=None,
    options=None,
    kind="vector",
    size=(0, None, None),
):
    return (
        kind,
        384,
        False,
        "public",
        "0.8.5",
        comment,
        True,
        True,
        True,
        method,
        valid,
        opclass,
        options,
        *size,
    )


@pytest.mark.parametrize("config", [Hnsw(), Hnsw(8, 30, "binary"), IvfFlat(), IvfFlat(9), Flat()])
def test_the_comment_is_read_as_it_was_written(config) -> None:
    index = Index(
        "mastra", "docs", "public", (0, 8, 5), "vector", 384, "l1", config, language="pg_catalog.simple"
    )
    read = from_catalogue("mastra", "docs", row(index.comment))
    assert (read.metric, read.config, read.language, read.ready, read.said) == (
        "l1",
        config,
        "pg_catalog.simple",
        False,
        True,
    )


@pytest.mark.parametrize(
    "comment",
    [None, "", "notes on documents", "[]", "null", '"x"', '{"metric": 7}', '{"type": ["hnsw"], "config": 1}'],
)
def test_a_comment_of_somebody_elses_says_nothing(comment: str | None) -> None:
    read = from_catalogue("mastra", "docs", row(comment))
    assert (read.metric, read.config, read.ready) == ("cosine", Flat(), False)
    assert from_catalogue("mastra", "docs", row(comment, kind="bit")).metric == "hamming"


def test_whether_all_rows_are_of_one_namespace_is_known_once_it_was_analysed() -> None:
    for only in (None, "default"):
        assert from_catalogue("mastra", "docs", row(size=(100, 8.0, only))).only == only


def test_how_large_a_table_is_is_known_to_two_digits_once_it_was_analysed() -> None:
    for size, rows in (
        ((0, None), 0),
        ((6_250, None), 0),
        ((6_250, 7.2), 6_200 * 8),
        ((62_511, 8.0), 63_000 * 8),
    ):
        assert from_catalogue("mastra", "docs", row(size=(*size, 1))).rows == rows


@pytest.mark.parametrize(
    ("rows", "top_k", "few", "window"),
    [(0, 10, 2_000, 1_000), (50_000, 10, 2_000, 1_000), (500_000, 10, 5_600, 1_800), (50_000_000, 10, 56_000, 18_000),
     (50_000, 100, 5_600, 1_800), (500_000, 500, 40_000, 12_000), (10_000, 500, 5_600, 2_000)],
)  # fmt: skip
def test_few_matching_rows_and_a_window_cost_the_same_at_every_size(
    rows: int, top_k: int, few: int, window: int
) -> None:
    index = dataclasses.replace(INDEX, blocks=rows // 8, lines=8)
    assert (vectors_search.few(index, top_k), vectors_search.window(index, top_k)) == (few, window)


@pytest.mark.parametrize(
    ("built", "metric", "config"),
    [({"method": "hnsw", "opclass": "vector_l2_ops", "options": "m=8,ef_construction=32"}, "euclidean", Hnsw(8, 32)),
     ({"method": "hnsw", "opclass": "vector_ip_ops"}, "dotproduct", Hnsw()), ({"method": "ivfflat", "opclass": "vector_cosine_ops", "options": "lists=7"}, "cosine", IvfFlat(7)),
     ({"method": "hnsw", "opclass": "bit_jaccard_ops", "kind": "bit"}, "jaccard", Hnsw())],
)  # fmt: skip
def test_what_is_built_counts_for_more_than_what_is_said(built, metric: str, config) -> None:
    for comment in (None, INDEX.comment):
        read = from_catalogue("mastra", "docs", row(comment, valid=True, **built))
        assert (read.metric, read.config, read.ready) == (metric, config, True)


@pytest.mark.parametrize(
    ("before", "metric"), [("", "dotproduct"), ("words\n\n", "dotproduct"), (None, "cosine")]
)
def test_a_quantised_index_keeps_the_metric_that_is_said(before: str | None, metric: str) -> None:
    said = json.dumps({"metric": "dotproduct", "type": "hnsw", "config": {"quantize": "binary"}})
    comment = None if before is None else before + said
    read = from_catalogue(
        "mastra",
        "docs",
        row(comment, method="hnsw", valid=True, opclass="bit_hamming_ops", options="m=16,ef_construction=64"),
    )
    assert (read.metric, read.config) == (metric, Hnsw(quantize="binary"))


@pytest.mark.parametrize(
    ("make", "words"),
    [(lambda: Hnsw(m=1), "Hnsw.m must be a whole number from 2 to 100, and is 1"), (lambda: Hnsw(ef_construction=1001), "Hnsw.ef_construction must be"),
     (lambda: Hnsw(m=50, ef_construction=99), "at least twice m"), (lambda: Hnsw(quantize="int8"), 'quantize must be None or "binary"'),
     (lambda: IvfFlat(lists=0), "IvfFlat.lists must be a whole number from 1 to 32,768, and is 0"), (lambda: Hnsw(m=True), "and is True")],
)  # fmt: skip
def test_configs_that_can_not_be(make, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words):
        make()


def test_lists_follow_the_rows() -> None:
    assert [building.lists_for(rows) for rows in (1, 999, 50_000, 1_000_000, 4_000_000, 10**10)] == [
        1,
        1,
        50,
        1000,
        2000,
        32768,
    ]


MOUNTS = "proc /proc proc rw 0 0\nshm /dev/shm tmpfs rw,nosuid,size={} 0 0\n"


def test_what_a_build_is_advised() -> None:
    def advice(rows: int, memory: int, workers: int, mounts: str | None) -> list[str]:
        return list(building.advice(INDEX, rows, memory=memory, workers=workers, mounts=mounts))

    assert advice(10_000, 65_536, 2, None) == []
    [slow] = advice(100_000, 65_536, 2, None)
    assert "takes about 219 MB, and maintenance_work_mem is 64 MB" in slow
    assert "SET maintenance_work_mem = '256MB'" in slow
    [shared] = advice(100_000, 1_048_576, 2, MOUNTS.format("65536k"))
    assert "/dev/shm of the server is 64 MB" in shared
    assert "takes 219 MB of it: give the container more (shm_size: 1g)" in shared
    assert advice(100_000, 1_048_576, 0, MOUNTS.format("65536k")) == []
    assert advice(100_000, 1_048_576, 2, MOUNTS.format("8g")) == []
    flat = INDEX.with_config(IvfFlat(3))
    assert list(building.advice(flat, 10**9, memory=1, workers=2, mounts=MOUNTS.format("1k"))) == []


@pytest.mark.parametrize(
    ("metric", "distance", "score"),
    [("cosine", 0.25, 0.75), ("cosine", 2.0, -1.0), ("dotproduct", -3.5, 3.5), ("euclidean", 3.0, 0.25), ("l1", 0.0, 1.0),
     ("hamming", 4.0, 0.6), ("jaccard", 0.25, 0.75), ("cosine", math.nan, -1.0)],
)  # fmt: skip
def test_a_score_is_higher_when_it_is_better(metric: str, distance: float, score: float) -> None:
    assert metrics.score(distance, metric, 10) == pytest.approx(score)


def test_made_ids_are_uuids_of_version_7_in_order() -> None:
    ids = [new_id() for _ in range(2_000)]
    assert len(set(ids)) == 2_000
    assert {(uuid.UUID(each).version, uuid.UUID(each).variant) for each in ids} == {(7, uuid.RFC_4122)}
    assert sorted(ids, key=lambda each: each[:18]) == ids


def test_a_build_that_ran_out_of_memory_says_what_to_set() -> None:
    failed = building.out_of_memory(
        INDEX, DatabaseFailed("No space left on device", sqlstate="53100"), "53100"
    )
    assert failed.message == "the index docs could not be built: No space left on device"
    assert failed.hint.startswith("give the container a larger /dev/shm (shm_size: 1g)")
