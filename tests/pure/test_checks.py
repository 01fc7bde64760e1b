"""What CHECK constraints, as Postgres writes them back, say of a column."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastra_cli.codegen.checks import Limits, limits
from mastra_cli.codegen.expressions import Unreadable, parse, plain
from mastra_cli.codegen.schema import Check


def said(*expressions: str) -> dict[str, Limits]:
    return limits(Check("c", "", expression) for expression in expressions)


@pytest.mark.parametrize(
    ("expression", "limit"),
    [
        ("(x = ANY (ARRAY['a'::text, 'it''s'::text]))", Limits(literals=("a", "it's"))),
        ("((x)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))",
         Limits(literals=("a", "b"))),
        ("((x)::text = ANY (ARRAY[('a'::character varying)::text, ('b'::character varying)::text]))",
         Limits(literals=("a", "b"))),
        ("(x = ANY (ARRAY[E'back\\\\slash'::text]))", Limits(literals=("back\\slash",))),
        ("(x = ANY (ARRAY[1, '-2'::integer, (-3)]))", Limits(literals=("1", "-2", "-3"))),
        ("((x = 'a'::text) OR (x = 'b'::text) OR (x IS NULL))", Limits(literals=("a", "b"))),
        ("(x = 'a'::text)", Limits(literals=("a",))),
        ("((x >= 1) AND (x <= 10))", Limits(ge=Decimal(1), le=Decimal(10))),
        ("((x > (0)::numeric) AND ((x)::numeric < 1.5))", Limits(gt=Decimal(0), lt=Decimal("1.5"))),
        ("((0) <= x)", Limits(ge=Decimal(0))),
        ("(x > ('-1'::integer)::double precision)", Limits(gt=Decimal(-1))),
        ("((x >= 1) AND (x >= 5) AND (x <= 9) AND (x <= 7))", Limits(ge=Decimal(5), le=Decimal(7))),
        ("((length(x) >= 2) AND (char_length((x)::text) < 10))", Limits(min_length=2, max_length=9)),
        ("(length(x) = 4)", Limits(min_length=4, max_length=4)),
        ("(length(x) > 0)", Limits(min_length=1)),
        ("(x <> ''::text)", Limits(min_length=1)),
        ('("X y" = ANY (ARRAY[1, 2]))', Limits(literals=("1", "2"))),
        ("((x IS NULL) OR ((x >= 1) AND (x <= 2)))", Limits(ge=Decimal(1), le=Decimal(2))),
        ("((x ~ '^a'::text) AND (x <> ''::text))", Limits(min_length=1)),
    ],
)  # fmt: skip
def test_what_is_understood(expression: str, limit: Limits) -> None:
    assert list(said(expression).values()) == [limit]


@pytest.mark.parametrize(
    "expression",
    [
        "(x < y)",
        "((x > 0) OR (y > 0))",
        "((x > 0) OR (x < '-5'::integer))",
        "(NOT (x = 'a'::text))",
        "(x <> 'a'::text)",
        "(x <> ALL (ARRAY['a'::text]))",
        "(x = ANY (ARRAY['a'::text, NULL::text]))",
        "(lower(x) = ANY (ARRAY['a'::text]))",
        "((x)::date > '2020-01-01'::date)",
        "(x > '2020-01-01'::date)",
        "((x)::integer > 5)",
        "(x > now())",
        "((x % 2) = 0)",
        "((x + 1) > 5)",
        "(public.length(x) > 5)",
        "(octet_length(x) > 5)",
        "CASE WHEN (x > 5) THEN true ELSE false END",
        "(x[1] > 5)",
        "(x > 'NaN'::numeric)",
        "true",
        "((x COLLATE \"C\") = 'a'::text)",
        "(x ~ 'unclosed",
    ],
)
def test_what_says_nothing_of_the_type(expression: str) -> None:
    assert said(expression) == {}


def test_each_column_gets_its_own_part_and_checks_add_up() -> None:
    assert said(
        "((a > 0) AND (b < 5))", "(a <= 9)", "(a = ANY (ARRAY[1, 2]))", "(a = ANY (ARRAY[2, 3]))"
    ) == {
        "a": Limits(literals=("2",), gt=Decimal(0), le=Decimal(9)),
        "b": Limits(lt=Decimal(5)),
    }


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("((x)::text = ANY ((ARRAY['a'::character varying, 'b'::character varying])::text[]))", "x IN ('a', 'b')"),
        ("((x)::text = ANY (ARRAY[('a'::character varying)::text]))", "x IN ('a')"),
        ("((low < high) AND ((low >= 0) OR (high IS NOT NULL)))", "(low < high) AND ((low >= 0) OR (high IS NOT NULL))"),
        ("(NOT (x <> ALL (ARRAY[1, 2])))", "NOT (x NOT IN (1, 2))"),
        ("(((a)::numeric * 1.5) > (- b))", "(a * 1.5) > -b"),
        ("((tags)[1] ~~ 'a%'::text)", "tags[1] ~~ 'a%'"),
        ("CASE WHEN a THEN b ELSE c END", "CASE WHEN a THEN b ELSE c END"),
    ],
)  # fmt: skip
def test_for_people_it_is_written_without_casts(expression: str, text: str) -> None:
    assert plain(expression) == text


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        parse(text)
    except Unreadable:
        pass
    assert isinstance(said(text), dict)
    assert isinstance(plain(text), str)
