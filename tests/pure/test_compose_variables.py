from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastra_cli.local.compose_variables import Variables, substitute


class Fault(Exception):
    pass


def put(text: str, **environ: str) -> str:
    missing: list[str] = []
    fault = lambda problem, hint: Fault(f"{problem} | {hint}")  # noqa: E731
    result = substitute(text, Variables(environ, fault, missing.append))
    return result + "".join(f" !{name}" for name in missing)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("$SET", "v"),
        ("a${SET}b", "avb"),
        ("$SET.x-$EMPTY-", "v.x--"),
        ("${NOT}", " !NOT"),
        ("$NOT!", "! !NOT"),
        ("${SET:-d}", "v"),
        ("${EMPTY:-d}", "d"),
        ("${EMPTY-d}", ""),
        ("${NOT-d}", "d"),
        ("${NOT:-}", ""),
        ("${SET:+o}", "o"),
        ("${EMPTY:+o}", ""),
        ("${EMPTY+o}", "o"),
        ("${NOT+o}", ""),
        ("${SET:?m}", "v"),
        ("${EMPTY?m}", ""),
        ("${NOT:-${EMPTY:-${SET}}}", "v"),
        ("${NOT:-a:b}/x", "a:b/x"),
        ("${SET:-${OTHER:?never asked}}x", "vx"),
        ("${NOT:-$SET}", "v"),
        ("$$SET $${SET}", "$SET ${SET}"),
        ("${NOT:-$$}", "$"),
        ("} {", "} {"),
    ],
)
def test_a_variable_stands_for_what_compose_makes_of_it(text: str, result: str) -> None:
    assert put(text, SET="v", EMPTY="") == result


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("${NOT:?say so}", "needs NOT: say so"),
        ("${NOT?}", "needs NOT, which is not set"),
        ("${EMPTY:?}", "needs EMPTY, which is not set"),
        ("${NOT:?${SET} too}", "needs NOT: v too"),
        ("cost: 5$", "starts no variable"),
        ("$9", "starts no variable"),
        ("${", "names no variable"),
        ("${9}", "names no variable"),
        ("${SET", "`${SET` that is not closed"),
        ("${NOT:-a", "`${NOT` that is not closed"),
        ("${SET!x}", "`${SET` that is not closed, or not understood"),
    ],
)
def test_a_required_or_broken_variable_is_an_error(text: str, problem: str) -> None:
    with pytest.raises(Fault) as caught:
        put(text, SET="v", EMPTY="")
    assert problem in str(caught.value)


@given(st.text())
def test_a_value_is_never_read_as_a_variable_again(value: str) -> None:
    assert put("${A}${B:-x}", A=value, B=value) == value + (value or "x")


@given(st.text())
def test_doubled_dollars_bring_any_text_through(text: str) -> None:
    assert put(text.replace("$", "$$")) == text
