import base64
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastra_cli.errors import InvalidCursor
from mastra_cli.runtime import cursors
from mastra_cli.runtime.cursors import decode_cursor, encode_cursor
from mastra_cli.runtime.filters import parse
from mastra_cli.runtime.ordering import SortOrder, parse_sort, position, shape

SHAPE = (str, Decimal, datetime, int)
POSITION = ("é'%", Decimal("-1.5E+300"), datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC), -7)

parts = st.tuples(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    st.integers().map(Decimal) | st.floats(allow_nan=False, allow_infinity=False).map(repr).map(Decimal),
    st.datetimes(timezones=st.just(UTC)),
    st.integers(-(2**63), 2**63 - 1),
)


@given(parts)
def test_a_position_comes_back_as_it_was(given_parts: tuple) -> None:
    assert decode_cursor(encode_cursor(given_parts, "scope"), SHAPE, "scope") == given_parts


def test_a_time_of_another_zone_comes_back_as_the_same_moment() -> None:
    from datetime import timezone

    moment = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert decode_cursor(encode_cursor((moment,)), (datetime,)) == (moment,)


def test_a_cursor_fits_a_url() -> None:
    cursor = encode_cursor(POSITION, "scope")
    assert cursor.isascii()
    assert cursor.replace("-", "").replace("_", "").isalnum()


def test_altered_anywhere_it_is_refused() -> None:
    cursor = encode_cursor(POSITION, "scope")
    for at in range(len(cursor)):
        for other in "Aq-":
            if other != cursor[at]:
                with pytest.raises(InvalidCursor):
                    decode_cursor(cursor[:at] + other + cursor[at + 1 :], SHAPE, "scope")


def test_truncated_or_lengthened_it_is_refused() -> None:
    cursor = encode_cursor(POSITION, "scope")
    for changed in (
        *(cursor[:end] for end in range(len(cursor))),
        cursor + "A",
        cursor + "=",
        cursor + "\n",
        " " + cursor,
    ):
        with pytest.raises(InvalidCursor):
            decode_cursor(changed, SHAPE, "scope")


@pytest.mark.parametrize(
    "cursor", ["", "x", "é", "\ud800", "\0", None, 7, b"x", ["a"], "====", "A" * 100_000]
)
def test_what_never_was_a_cursor_is_refused_with_what_to_do(cursor: object) -> None:
    with pytest.raises(InvalidCursor) as caught:
        decode_cursor(cursor, SHAPE, "scope")
    assert caught.value.message == "The cursor was altered, truncated, or made by another query."
    assert caught.value.hint == (
        "Give next_cursor back as it came, with the same arguments; or start without a cursor."
    )


def forged(body: bytes, *scope: object) -> str:
    """What someone makes who has read the source: the checksum is right."""
    return base64.urlsafe_b64encode(cursors._sum(body, scope) + body).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "parts",
    [
        {}, None, 1, [], ["a"], ["a", "1", 0, 0, 0], [1, "1", 0, 0], ["\0", "1", 0, 0], ["\ud800", "1", 0, 0],
        ["a", 1, 0, 0], ["a", "NaN", 0, 0], ["a", "Infinity", 0, 0], ["a", "1_0", 0, 0], ["a", "٣", 0, 0],
        ["a", "1" * 4001, 0, 0], ["a", "1e99999", 0, 0], ["a", "1; DROP", 0, 0], ["a", "1", 2**62, 0], ["a", "1", "0", 0],
        ["a", "1", 1.5, 0], ["a", "1", 0, 2**63], ["a", "1", 0, True], ["a", "1", 0, None], [["a"], "1", 0, 0],
    ],
)  # fmt: skip
def test_forged_with_a_right_checksum_it_is_refused(parts: object) -> None:
    assert decode_cursor(forged(b'["a","1",0,0]', "scope"), SHAPE, "scope")
    with pytest.raises(InvalidCursor):
        decode_cursor(forged(json.dumps(parts).encode(), "scope"), SHAPE, "scope")


@pytest.mark.parametrize(
    "body", [b"", b"[", b"\xff", b"[" * 100_000, b"NaN", b'["a","1",' + b"9" * 5000 + b",0]"]
)
def test_forged_with_a_body_that_is_no_json_it_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidCursor):
        decode_cursor(forged(body, "scope"), SHAPE, "scope")


def test_it_belongs_to_its_entity_filter_and_sort() -> None:
    row = SimpleNamespace(
        external_id="x", created_at=datetime.now(UTC), updated_at=datetime.now(UTC), data={"a": 1}
    )
    sort, node = parse_sort(SortOrder("a")), parse({"a": 1})
    cursor = encode_cursor(position(sort, row), "entity", node, sort)
    assert decode_cursor(cursor, shape(sort), "entity", parse({"a": {"$eq": 1}}), sort) == position(sort, row)
    for scope in (
        ("another", node, sort),
        ("entity", parse({"a": 2}), sort),
        ("entity", parse({"a": "1"}), sort),
        ("entity", parse({"a": True}), sort),
        ("entity", parse({"b": 1}), sort),
        ("entity", parse(None), sort),
        ("entity", node, parse_sort(SortOrder("a", "DESC"))),
        ("entity", node, parse_sort(SortOrder("b"))),
        ("entity", node, parse_sort(None)),
    ):
        with pytest.raises(InvalidCursor):
            decode_cursor(cursor, shape(sort), *scope)
