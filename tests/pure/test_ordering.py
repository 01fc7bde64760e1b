"""The order of records, without a database."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from mastra_cli.errors import InvalidArgument
from mastra_cli.runtime.ordering import (
    SortKey,
    SortOrder,
    parse_sort,
    position,
    position_key,
    shape,
    sort_key,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TIES = (SortKey("created_at"), SortKey("external_id"))


@dataclass
class Row:
    external_id: str
    data: Any
    created_at: datetime = NOON
    updated_at: datetime = NOON


def ids(rows: list[Row], *sort: SortOrder) -> str:
    return "".join(row.external_id for row in sorted(rows, key=sort_key(parse_sort(list(sort)))))


KINDS = [
    Row("a", {}),
    Row("b", {"f": {"x": 1}}),
    Row("c", {"f": [2]}),
    Row("d", {"f": True}),
    Row("e", {"f": False}),
    Row("f", {"f": 10}),
    Row("g", {"f": 9.5}),
    Row("h", {"f": "é"}),
    Row("i", {"f": "Z"}),
    Row("j", {"f": ""}),
    Row("k", {"f": None}),
]


def test_kinds_have_one_order_and_the_missing_are_last_in_both_directions() -> None:
    assert ids(KINDS, SortOrder("f")) == "kjihgfedcba"
    assert ids(KINDS, SortOrder("f", "DESC")) == "bcdefghijka"


def test_ties_go_by_creation_then_external_id_in_both_directions() -> None:
    rows = [Row("b", {"f": 1}), Row("a", {"f": 1}), Row("c", {"f": 1.0}, NOON - timedelta(microseconds=1))]
    assert ids(rows, SortOrder("f")) == ids(rows, SortOrder("f", "DESC")) == ids(rows) == "cab"


def test_arrays_tie_and_objects_tie() -> None:
    rows = [Row("a", {"f": [2, 3]}), Row("b", {"f": [1]}), Row("c", {"f": {"z": 1}}), Row("d", {"f": {}})]
    assert ids(rows, SortOrder("f")) == "abcd"
    assert ids(rows, SortOrder("f", "DESC")) == "cdab"


def test_strings_count_by_code_point_for_their_first_500() -> None:
    rows = [
        Row("a", {"f": "x" * 500 + "z"}),
        Row("b", {"f": "x" * 500 + "a"}),
        Row("c", {"f": "x" * 499 + "w"}),
    ]
    assert ids(rows, SortOrder("f")) == "cab"
    rows = [
        Row("a", {"f": "\U00010000"}),
        Row("b", {"f": "\uffff"}),
        Row("c", {"f": "B"}),
        Row("d", {"f": "a"}),
    ]
    assert ids(rows, SortOrder("f")) == "cdba"


def test_numbers_count_as_decimals() -> None:
    rows = [
        Row("a", {"f": 2**53 + 1}),
        Row("b", {"f": float(2**53)}),
        Row("c", {"f": 10**400}),
        Row("d", {"f": 5e-324}),
    ]
    assert ids(rows, SortOrder("f")) == "dbac"


def test_several_fields_each_in_its_direction() -> None:
    rows = [Row("a", {"f": 1, "g": 1}), Row("b", {"f": 1, "g": 2}), Row("c", {"f": 2, "g": 1})]
    assert ids(rows, SortOrder("f", "DESC"), SortOrder("g")) == "cab"
    assert ids(rows, SortOrder("f"), SortOrder("g", "DESC")) == "bac"


def test_bare_names_are_the_records_own_and_data_the_payloads() -> None:
    rows = [
        Row("a", {"external_id": 1, "created_at": 2}, NOON + timedelta(1), NOON),
        Row("b", {"external_id": 0, "created_at": 1}, NOON, NOON + timedelta(1)),
    ]
    assert ids(rows, SortOrder("external_id")) == "ab"
    assert ids(rows, SortOrder("external_id", "DESC")) == "ba"
    assert ids(rows, SortOrder("created_at")) == "ba"
    assert ids(rows, SortOrder("updated_at")) == "ab"
    assert ids(rows, SortOrder("data.external_id")) == ids(rows, SortOrder(["external_id"])) == "ba"
    assert ids(rows, SortOrder("data.created_at")) == ids(rows, SortOrder(("created_at",))) == "ba"


def test_a_sort_may_be_one_order_mappings_or_nothing() -> None:
    expected = (SortKey(("a", "b"), True), *TIES)
    for sort in (
        SortOrder("a.b", "DESC"),
        [SortOrder("data.a.b", "DESC")],
        {"field": ["a", "b"], "direction": "DESC"},
        [{"field": "a.b", "direction": "desc"}],
    ):
        assert parse_sort(sort) == expected
    assert parse_sort([{"field": "a"}])[0] == SortKey(("a",), False)
    assert parse_sort(None) == parse_sort([]) == TIES


def test_what_decides_nothing_is_left_out() -> None:
    assert parse_sort([SortOrder("a"), SortOrder("a", "DESC")]) == (SortKey(("a",)), *TIES)
    assert parse_sort([SortOrder("external_id", "DESC"), SortOrder("a")]) == (SortKey("external_id", True),)
    assert parse_sort(SortOrder("created_at", "DESC")) == (SortKey("created_at", True), TIES[1])


@pytest.mark.parametrize(
    ("sort", "words"),
    [
        ("name", "A sort is a list of SortOrder, or of mappings with field and direction, not of a str."),
        ([7], "A sort is a list of SortOrder, or of mappings with field and direction, not of an int."),
        (
            [{"direction": "ASC"}],
            "A sort is a list of SortOrder, or of mappings with field and direction, not of a dict.",
        ),
        (
            {"name": "ASC"},
            "A sort is a list of SortOrder, or of mappings with field and direction, not of a dict.",
        ),
        (SortOrder("a", "up"), "A sort's direction is ASC or DESC, not 'up'."),
        (SortOrder("a", None), "A sort's direction is ASC or DESC, not None."),  # type: ignore[arg-type]
        (SortOrder(7), "A field is a dotted string or a list of keys, not an int."),  # type: ignore[arg-type]
        (SortOrder("a\0"), r"The field 'a\x00' has a key that no JSON object can have: 'a\x00'."),
        ([SortOrder(f"f{n}") for n in range(99)], "A sort has at most 100 fields."),
    ],
)
def test_what_is_no_sort_is_refused(sort: Any, words: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse_sort(sort)
    assert caught.value.message == words


def test_a_position_says_where_a_row_stands() -> None:
    sort = parse_sort([SortOrder("f", "DESC"), SortOrder("updated_at")])
    assert position(sort, Row("x", {"f": 2.50})) == ("2", Decimal("2.5"), NOON, NOON, "x")
    assert position(sort, Row("x", {})) == ("", Decimal(0), NOON, NOON, "x")
    assert position(sort, Row("x", None)) == ("", Decimal(0), NOON, NOON, "x")
    assert shape(sort) == (str, Decimal, datetime, datetime, str)


def test_what_stands_after_a_position_can_be_told() -> None:
    sort = parse_sort(SortOrder("f", "DESC"))
    key = position_key(sort)
    at = key(position(sort, KINDS[4]))
    after = [row.external_id for row in KINDS if key(position(sort, row)) > at]
    assert "".join(sorted(after)) == "afghijk"
    assert not key(position(sort, KINDS[4])) > at


def test_a_row_that_changed_is_judged_by_where_it_stands_now() -> None:
    sort = parse_sort(SortOrder("f"))
    key = position_key(sort)
    row = Row("x", {"f": 1})
    at = key(position(sort, row))
    assert key(position(sort, replace(row, data={"f": 2}))) > at
