"""What each word of the filter language means, and what it refuses."""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from mastra_cli.errors import InvalidArgument
from mastra_cli.runtime.filter_tree import EVERYTHING
from mastra_cli.runtime.filters import FilterCondition, parse
from mastra_cli.runtime.predicate import predicate
from tests import filter_examples as examples

NUL, LONE = "\0", "\ud800"


def meets(document: object, *filters: Any) -> bool:
    """Whether the document meets a Mongo-style mapping, or (field, operator, value) conditions."""
    given = filters[0] if isinstance(filters[0], dict) else [FilterCondition(*item) for item in filters]
    return predicate(parse(given))(document)


# --- the words of the list style


@pytest.mark.parametrize(
    ("value", "operator", "operand", "answer"),
    examples.WORDS,
)
def test_a_word_and_its_answer(value: object, operator: str, operand: object, answer: bool) -> None:
    assert meets({"f": value}, ("f", operator, operand)) is answer


@pytest.mark.parametrize(
    ("operator", "operand", "answer"),
    examples.MISSING,
)
def test_what_is_missing_meets_negations_alone(operator: str, operand: object, answer: bool) -> None:
    assert meets({"other": 1}, ("f", operator, operand)) is answer
    assert predicate(parse([FilterCondition("f", operator, operand)]))(None) is answer


def test_all_conditions_of_a_list_must_hold() -> None:
    assert meets({"a": 1, "b": 2}, ("a", "eq", 1), ("b", "eq", 2))
    assert not meets({"a": 1, "b": 3}, ("a", "eq", 1), ("b", "eq", 2))


def test_groups_hold_conditions() -> None:
    a, b = FilterCondition("a", "eq", 1), {"field": "b", "operator": "eq", "value": 2}
    assert meets({"b": 2}, (None, "or", [a, b]))
    assert not meets({"b": 2}, ("", "and", [a, b]))
    assert meets({"b": 2}, (None, "not", a))
    assert not meets({"a": 1, "b": 2}, (None, "not", [a, b]))
    assert meets({"a": 1, "b": 3}, (None, "not", [a, b]))
    assert not meets({}, (None, "or", []))
    assert meets({}, (None, "and", []))
    assert predicate(parse([{"operator": "or", "value": [a, b]}]))({"a": 1})


def test_a_single_condition_needs_no_list() -> None:
    assert predicate(parse(FilterCondition("a", "eq", 1)))({"a": 1})


def test_an_empty_filter_is_met_by_everything() -> None:
    for empty in (None, [], (), {}, {"$and": []}, {"$or": [{}]}, {"$or": [{"a": 1}, {}]}):
        assert parse(empty) == EVERYTHING


# --- fields


@pytest.mark.parametrize(
    ("field", "document", "answer"),
    examples.FIELDS,
)
def test_a_field_and_where_it_leads(field: Any, document: object, answer: bool) -> None:
    assert meets(document, (field, "eq", 1)) is answer


# --- Mongo style


@pytest.mark.parametrize(
    ("filters", "document", "answer"),
    examples.MONGO,
)
def test_a_mongo_style_filter_and_its_answer(filters: Any, document: object, answer: bool) -> None:
    assert meets(document, filters) is answer


def test_a_pattern_of_many_wildcards_takes_no_time() -> None:
    assert not meets({"a": "a" * 5_000}, {"a": {"$like": "%a" * 200 + "b"}})


def test_regex_is_for_vector_indexes_alone() -> None:
    with pytest.raises(
        InvalidArgument, match=r"The operator '\$regex' is for vector indexes alone\."
    ) as caught:
        parse({"a": {"$regex": "x"}})
    assert caught.value.hint == "Use $like or $ilike."
    with pytest.raises(InvalidArgument, match=r"The operator '\$regex' is answered by Postgres alone\."):
        predicate(parse({"a": {"$regex": "x", "$options": "mi"}}, regex=True))


# --- what is refused, and in which words


@pytest.mark.parametrize(
    ("filters", "words"),
    [
        ([("a", "equals", 1)], "There is no filter operator 'equals'."),
        ([("a", "EQ", 1)], "There is no filter operator 'EQ'."),
        ([("a", None, 1)], "There is no filter operator None."),
        ([("a", ["eq"], 1)], "There is no filter operator ['eq']."),
        ({"a": {"$foo": 1}}, "There is no filter operator '$foo'."),
        ({"$where": "1"}, "There is no filter operator '$where'."),
        ({"$eq": 1}, "The operator '$eq' stands where a field is due."),
        ({"$elemMatch": {"a": 1}}, "There is no filter operator '$elemMatch'."),
        ({"a": {"$options": "i"}}, "There is no filter operator '$options'."),
        ({"a": {"$gt": 1, "b": 2}}, "The field 'a' has operators and fields side by side: ['$gt', 'b']."),
        ({"$and": {"a": 1}}, "The operator '$and' takes a list, not a dict."),
        ({"$or": [1]}, "The operator '$or' takes a mapping, not an int."),
        ({"a": {"$not": 1}}, "The operator '$not' takes a mapping, not an int."),
        ({"a": {"$in": "abc"}}, "The operator '$in' takes a list, not a str."),
        ({"a": {"$in": None}}, "The operator '$in' takes a list, not None."),
        ({"a": {"$all": 1}}, "The operator '$all' takes a list, not an int."),
        ({"a": {"$exists": 1}}, "The operator '$exists' takes True or False, not an int."),
        ({"a": {"$exists": None}}, "The operator '$exists' takes True or False, not None."),
        ({"a": {"$size": -1}}, "The operator '$size' takes a whole number from 0, not -1."),
        ({"a": {"$size": 1.0}}, "The operator '$size' takes a whole number from 0, not 1.0."),
        ({"a": {"$size": True}}, "The operator '$size' takes a whole number from 0, not True."),
        ({"a": {"$like": 1}}, "The operator '$like' takes a string, not an int."),
        ({"a": {"$like": "a\\"}}, "The operator '$like' has a pattern that ends in a lone backslash."),
        ({"a": {"$gt": None}}, "The operator '$gt' takes a string or a number, not None."),
        ([("a", "gt", True)], "The operator 'gt' takes a string or a number, not a bool."),
        ([("a", "lt", [1])], "The operator 'lt' takes a string or a number, not a list."),
        ([("a", "in", {1})], "The operator 'in' takes a list, not a set."),
        ([("a", "between", [1])], "The operator 'between' takes a list of two ends, not of 1."),
        ([("a", "between", 1)], "The operator 'between' takes a list, not an int."),
        ([("a", "starts_with", None)], "The operator 'starts_with' takes a string, not None."),
        ([("a", "is", 1)], "The operator 'is' takes None, True or False, not 1."),
        ([("a", "set", False)], "The operator 'set' takes no value, but has False."),
        ([("a", "exists", "yes")], "The operator 'exists' takes True or False, not a str."),
        ([("a", "and", [])], "The group 'and' takes no field, but has 'a'."),
        ([(None, "or", None)], "The group 'or' takes a list, not None."),
        ([(None, "not", 1)], "A condition is a FilterCondition or a mapping, not an int."),
        ([("a", "eq", math.nan)], "The operator 'eq' has nan, which JSON can not hold."),
        ([("a", "eq", [math.inf])], "The operator 'eq' has inf, which JSON can not hold."),
        ([("a", "gt", -math.inf)], "The operator 'gt' has -inf, which JSON can not hold."),
        ([("a", "eq", NUL)], "The operator 'eq' has a string with NUL or a lone surrogate, which JSON can not hold."),
        ([("a", "starts_with", LONE)], "The operator 'starts_with' has a string with NUL or a lone surrogate, which JSON can not hold."),
        ({"a": {NUL: 1}}, r"The field '\x00' has a key that no JSON object can have: '\x00'."),
        ({"a": [{LONE: 1}]}, "The field 'a' has a string with NUL or a lone surrogate, which JSON can not hold."),
        ([("a", "eq", {1: 2})], "The operator 'eq' has an object with a key that is no string: 1."),
        ([("a", "eq", datetime(2026, 1, 1))], "The operator 'eq' has a datetime, which is no JSON value."),  # noqa: DTZ001
        ([("a", "eq", Decimal(1))], "The operator 'eq' has a Decimal, which is no JSON value."),
        ([("a", "eq", 10**4000)], "The operator 'eq' has a number of more than 4000 digits."),
        ([("a", "eq", b"x")], "The operator 'eq' has a bytes, which is no JSON value."),
        ([(1, "eq", 1)], "A field is a dotted string or a list of keys, not an int."),
        ([(None, "eq", 1)], "A field is a dotted string or a list of keys, not None."),
        ([([], "eq", 1)], "A field has at least one key, not an empty list."),
        ([(["a", 0], "eq", 1)], "The field ['a', 0] has a key that no JSON object can have: 0."),
        ({1: 2}, "A field is a dotted string or a list of keys, not an int."),
        ([(["a"] * 501, "eq", 1)], "A field has at most 500 keys, not 501."),
        ("a", "A filter is a list of conditions or a Mongo-style mapping, not a str."),
        (7, "A filter is a list of conditions or a Mongo-style mapping, not an int."),
        ([7], "A condition is a FilterCondition or a mapping, not an int."),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_refused(filters: Any, words: str) -> None:
    if isinstance(filters, list):
        filters = [FilterCondition(*item) if isinstance(item, tuple) else item for item in filters]
    with pytest.raises(InvalidArgument) as caught:
        parse(filters)
    assert caught.value.message == words


def test_an_unknown_word_gets_the_known_ones() -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse([FilterCondition("a", "equals", 1)])
    assert caught.value.hint == (
        "One of: eq, not_eq, gt, gte, lt, lte, in, not_in, contains, not_contains, set, not_set, between, "
        "starts_with, ends_with, exists, is, and, or, not."
    )
    with pytest.raises(InvalidArgument) as caught:
        parse({"a": {"$equals": 1}})
    assert caught.value.hint == (
        "One of: $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $all, $exists, $contains, $size, $like, $ilike, "
        "$and, $or, $nor, $not, $elemMatch."
    )


def test_a_time_is_told_how_to_be_compared() -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse({"seen": {"$gte": datetime(2026, 1, 1)}})  # noqa: DTZ001
    assert caught.value.hint == "JSON has no times: compare with the text that is stored, .isoformat() say."


@pytest.mark.parametrize(
    "condition", [{"field": "a", "operator": "eq", "value": 1}, {"field": "a", "operator": "set"}]
)
def test_a_condition_outside_a_list_is_not_taken_for_three_fields(condition: dict[str, object]) -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse(condition)
    assert caught.value.message == (
        "A filter that is one mapping is Mongo-style, but this one looks like a condition."
    )
    assert caught.value.hint == (
        'Put the condition in a list. To ask for a field of that name, write {"operator": {"$eq": ...}}.'
    )


def test_a_mongo_style_mapping_in_a_list_is_refused() -> None:
    with pytest.raises(InvalidArgument) as caught:
        parse([{"status": "active"}])
    assert caught.value.message == (
        "A condition is a FilterCondition or a mapping with the keys field, operator and value, "
        "not one with ['status']."
    )
    assert caught.value.hint == "A Mongo-style filter is one mapping, outside a list."


@pytest.mark.parametrize("options", ["g", 1, "I", None])
def test_an_option_that_is_none_of_mongodbs_is_refused(options: object) -> None:
    with pytest.raises(
        InvalidArgument, match=r"The operator '\$options' takes letters of i, m, s and x, not"
    ):
        parse({"a": {"$regex": "x", "$options": options}}, regex=True)


# --- limits


def test_a_thousand_conditions_and_no_more() -> None:
    one = FilterCondition("a", "eq", 1)
    assert predicate(parse([one] * 1_000))({"a": 1})
    assert predicate(parse({"$or": [{"a": 1}] * 999}))({"a": 1})
    for filters in (
        [one] * 1_001,
        [FilterCondition(None, "or", [one] * 1_000)],
        {"$or": [{"a": 1, "b": 1}] * 500},
    ):
        with pytest.raises(InvalidArgument, match=r"A filter has at most 1,000 conditions\."):
            parse(filters)


def nested(depth: int, style: str) -> Any:
    filters: Any = {"a": 1} if style == "mongo" else FilterCondition("a", "eq", 1)
    for _ in range(depth):
        filters = {"$not": filters} if style == "mongo" else FilterCondition(None, "not", filters)
    return filters if style == "mongo" else [filters]


@pytest.mark.parametrize("style", ["mongo", "conditions"])
def test_fifty_deep_and_no_deeper(style: str) -> None:
    assert predicate(parse(nested(50, style)))({"a": 1})
    for depth in (51, 100_000):
        with pytest.raises(InvalidArgument, match=r"A filter is nested at most 50 deep\."):
            parse(nested(depth, style))


def test_a_filter_that_holds_itself_is_refused() -> None:
    filters: dict[str, Any] = {}
    filters["$and"] = [filters]
    with pytest.raises(InvalidArgument):
        parse(filters)
    value: list[Any] = []
    value.append(value)
    with pytest.raises(
        InvalidArgument, match=r"The operator 'eq' has a value that is nested more than 500 deep\."
    ):
        parse([FilterCondition("a", "eq", value)])


def test_an_operand_as_deep_as_a_record_may_be() -> None:
    deep: Any = 1
    for level in range(499):
        deep = [deep] if level % 2 else {"a": deep}
    for operator in ("eq", "contains"):
        assert meets({"f": deep}, ("f", operator, deep if operator == "eq" else [deep])) is (operator == "eq")
    assert meets({"f": {"g": deep}}, ("f", "contains", {"g": deep}))


def test_a_parsed_filter_is_not_changed_from_outside() -> None:
    wanted = [1, 2]
    holds = predicate(parse({"a": wanted}))
    wanted.append(3)
    assert not holds({"a": 3})


def test_equal_filters_are_equal_trees() -> None:
    assert parse([FilterCondition("data.a", "eq", {"x": 1, "y": 2})]) == parse(
        {"a": {"$eq": {"y": 2, "x": 1}}}
    )
    assert len({parse({"a": 1}), parse({"a": 1}), parse({"a": 2})}) == 2
