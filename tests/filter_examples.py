"""Examples of the filter language and their answers, for every evaluator."""

from __future__ import annotations

from typing import Any

LONG = "a" * 499

# (the value of the field, operator, operand, answer)
WORDS: list[tuple[Any, ...]] = [
    ({"a": 1}, "contains", {"a": {}}, False), ({"a": 1}, "contains", {"a": [1]}, False),
    (LONG + "a", "eq", LONG + "ab", False), (LONG + "ab", "eq", LONG + "a", False), (LONG + "ab", "in", [LONG + "ac", 1], False),
    (LONG + "ab", "in", [LONG + "ab", 1], True), ([2], "gt", 1, False), ("a", "lt", 1, False), ({}, "gte", 1, False), (True, "gte", 1, False),
    (1, "eq", 1.0, True), (1, "eq", "1", False), (2.5, "eq", 2.50, True), (1, "eq", True, False),
    (10**23, "eq", 1e23, True), (0, "eq", -0.0, True), (0.1, "eq", 0.1000000000000000055, True),
    ("new", "eq", "New", False), ("new", "eq", ["new", "old"], False), (["new", "old"], "eq", ["new", "old"], True),
    (["new", "old"], "eq", ["old", "new"], False), (["new", "old"], "eq", "new", False),
    ({"a": 1, "b": [2]}, "eq", {"b": [2.0], "a": 1}, True), ({"a": 1, "b": 2}, "eq", {"a": 1}, False),
    (None, "eq", None, True), ([], "eq", [], True), ({}, "eq", {}, True), ({}, "eq", [], False),
    (1, "not_eq", 2, True), (1, "not_eq", 1, False), (None, "not_eq", None, False), ("x", "not_eq", None, True),
    (5, "gt", 4.5, True), (5, "gt", 5, False), (5, "gte", 5, True), (5, "lt", 5, False), (5, "lte", 5, True),
    ("5", "gt", 4, False), (5, "gt", "4", False), (None, "lt", 1, False), (True, "gt", 0, False), ([5], "gt", 4, False),
    ("b", "gt", "B", True), ("Z", "lt", "a", True), ("é", "gt", "z", True), ("\uffff", "lt", "\U00010000", True),
    (1, "in", [1, 2], True), (1, "in", ["1"], False), (1, "in", [], False), (None, "in", [None], True),
    ([1], "in", [1], False), ([1], "in", [[1]], True), (3, "not_in", [1, 2], True), (3, "not_in", [], True),
    ("Hello World", "contains", "LO wO", True), ("100%", "contains", "0%", True), ("1000", "contains", "0%", False),
    ("a_b", "contains", "_", True), ("ab", "contains", "_", False), ("x", "contains", "", True), ("ÀÉ", "contains", "àé", True),
    ("new", "contains", ["new"], False), (["New"], "contains", "new", False), (["new"], "contains", "new", True),
    ([1, 2, 3], "contains", [3, 1.0], True), ([1, 2], "contains", [1, 9], False), ([1], "contains", [], True),
    ("x", "contains", [], False), ([None], "contains", None, True), ([[1]], "contains", [1], False),
    ([[1]], "contains", [[1]], True), ([{"a": 1, "b": 2}], "contains", {"a": 1}, False), ([{"a": 1}], "contains", {"a": 1}, True),
    ({"a": 1, "b": {"c": [1, 2], "d": 3}}, "contains", {"b": {"c": [2]}}, True), ({"a": 1}, "contains", {"a": 2}, False),
    ({"a": 1}, "contains", "a", False), ({"a": 1}, "contains", {}, True), ({"a": ["x"]}, "contains", {"a": "x"}, False),
    (12, "contains", "1", False), (12, "contains", 12, False), (None, "contains", None, False),
    ("x", "not_contains", "y", True), ([1], "not_contains", 1, False), (7, "not_contains", 7, True),
    (0, "set", None, True), ("", "set", None, True), (None, "set", None, False), (None, "not_set", None, True),
    (None, "exists", None, True), (None, "exists", True, True), (None, "exists", False, False),
    (3, "between", [3, 5], True), (5, "between", [3, 5], True), (5.1, "between", [3, 5], False), ("4", "between", [3, 5], False),
    ("m", "between", ["a", "m"], True), (4, "between", [5, 3], False), (4, "between", [3, "z"], False),
    ("Anna", "starts_with", "An", True), ("Anna", "starts_with", "an", False), ("Anna", "starts_with", "", True),
    ("a%", "starts_with", "a%", True), ("ab", "starts_with", "a%", False), (["A"], "starts_with", "A", False),
    ("Anna", "ends_with", "na", True), ("Anna", "ends_with", "NA", False), ("a", "ends_with", "aa", False), ("a", "ends_with", "", True),
    (None, "is", None, True), (False, "is", False, True), (0, "is", False, False), ("true", "is", True, False), (True, "is", True, True),
]  # fmt: skip

# (field, document, whether it leads to a 1)
FIELDS: list[tuple[Any, ...]] = [
    ("details.color", {"details": {"color": 1}}, True), ("data.details.color", {"details": {"color": 1}}, True),
    ("data", {"data": 1}, True), ("data.data", {"data": 1}, True), (["data", "x"], {"data": {"x": 1}}, True),
    (["a.b"], {"a.b": 1}, True), ("a.b", {"a.b": 1}, False), (("a", "b"), {"a": {"b": 1}}, True),
    ("a.0", {"a": [1]}, True), ("a.0", {"a": {"0": 1}}, True), ("a.1", {"a": [1]}, False), ("a.10", {"a": [0] * 10 + [1]}, True),
    ("a.-1", {"a": [1]}, False), ("a.+0", {"a": [1]}, False), ("a.00", {"a": [1]}, False), ("a. 0", {"a": [1]}, False),
    ("a.-1", {"a": {"-1": 1}}, True), ("a.01", {"a": {"01": 1}}, True), ("a.٠", {"a": [1]}, False),
    ("a.99999999999999999999", {"a": [1]}, False), ("", {"": 1}, True), ("a..b", {"a": {"": {"b": 1}}}, True),
    ("a.b", {"a": "b"}, False), ("'\"%s\\{}", {"'\"%s\\{}": 1}, True),
]  # fmt: skip

# (filter, document, answer)
MONGO: list[tuple[Any, ...]] = [
    ({"a": {"$elemMatch": {"b": {"$in": [1, 2]}}}}, {"a": [{"b": 2}]}, True), ({"a": {"$elemMatch": {"0": 1}}}, {"a": [[1]]}, True),
    ({"a": {"$elemMatch": {"b": {"c": [1]}}}}, {"a": [{"b": {"c": 1}}]}, True), ({"a": {"$elemMatch": {"$eq": {"b": 1}}}}, {"a": [{"b": 1, "c": 2}]}, False),
    ({"a": 1}, {"a": 1}, True), ({"a": [1, 2]}, {"a": 2}, True), ({"a": []}, {"a": []}, False), ({"a": {"$eq": []}}, {"a": []}, True),
    ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}, True), ({"a.b": 1}, {"a": {"b": 1}}, True), ({"data.a": 1}, {"a": 1}, True),
    ({"a": {"data.b": 1}}, {"a": {"data": {"b": 1}}}, True), ({"a": {}}, {"a": {}}, True), ({"a": {}}, {"a": {"b": 1}}, False),
    ({"a": {"$eq": {"b": 1}}}, {"a": {"b": 1, "c": 2}}, False),
    ({"a": None}, {}, True), ({"a": None}, {"a": None}, True), ({"a": None}, {"a": 0}, False), ({"a": {"$ne": None}}, {}, False),
    ({"a": {"$ne": None}}, {"a": 0}, True), ({"a": {"$in": [None, 1]}}, {}, True), ({"a": {"$nin": [None, 1]}}, {}, False),
    ({"a": {"$nin": [1]}}, {}, True), ({"a": {"$nin": [None, 1]}}, {"a": 2}, True), ({"a": {"$ne": 1}}, {}, True),
    ({"a": {"$gt": 1, "$lt": 3}}, {"a": 2}, True), ({"a": {"$gt": 1, "$lt": 3}}, {"a": 3}, False),
    ({"a": 1, "b": 2}, {"a": 1}, False), ({"a": 1, "$or": [{"b": 1}, {"c": 1}]}, {"a": 1, "c": 1}, True),
    ({"$nor": [{"a": 1}, {"b": 1}]}, {"c": 1}, True), ({"$nor": [{"a": 1}, {"b": 1}]}, {"b": 1}, False),
    ({"$not": {"a": 1}}, {}, True), ({"a": {"$not": {"$gt": 1}}}, {"a": "x"}, True), ({"a": {"$not": {"b": 1}}}, {"a": {"b": 1}}, False),
    ({"a": {"$or": [{"$lt": 1}, {"$gt": 5}]}}, {"a": 9}, True), ({"a": {"$or": [{"$lt": 1}, {"$gt": 5}]}}, {"a": 3}, False),
    ({"a": {"$exists": True}}, {"a": None}, True), ({"a": {"$exists": False}}, {}, True),
    ({"a": {"$all": [1, 2]}}, {"a": [2, 1, 3]}, True), ({"a": {"$all": [1, [2]]}}, {"a": [1, 2]}, False), ({"a": {"$all": []}}, {"a": []}, False),
    ({"a": {"$all": ["x"]}}, {"a": "x"}, False), ({"a": {"$size": 0}}, {"a": []}, True), ({"a": {"$size": 1}}, {"a": "x"}, False),
    ({"a": {"$elemMatch": {"$gt": 1, "$lt": 3}}}, {"a": [0, 2]}, True), ({"a": {"$elemMatch": {"$gt": 1, "$lt": 3}}}, {"a": [0, 4]}, False),
    ({"a": {"$elemMatch": {"b": 1, "c": {"$gt": 1}}}}, {"a": [{"b": 1, "c": 0}, {"b": 1, "c": 2}]}, True),
    ({"a": {"$elemMatch": {"b": 1, "c": 2}}}, {"a": [{"b": 1}, {"c": 2}]}, False), ({"a": {"$elemMatch": {"b": 1}}}, {"a": {"b": 1}}, False),
    ({"a": {"$elemMatch": {"$elemMatch": {"$eq": 1}}}}, {"a": [[0, 1]]}, True), ({"a": {"$elemMatch": {"$size": 1}}}, {"a": [[], [1]]}, True),
    ({"a": {"$elemMatch": {"$eq": None}}}, {"a": [None]}, True), ({"a": {"$elemMatch": {"b": None}}}, {"a": [1]}, True),
    ({"a": {"$contains": "X"}}, {"a": "axa"}, True), ({"a": {"$contains": None}}, {"a": [None]}, True),
    ({"a": {"$like": "a%c"}}, {"a": "abbc"}, True), ({"a": {"$like": "a_c"}}, {"a": "abbc"}, False), ({"a": {"$like": "A%"}}, {"a": "ab"}, False),
    ({"a": {"$ilike": "A%"}}, {"a": "ab"}, True), ({"a": {"$like": r"100\%"}}, {"a": "100%"}, True), ({"a": {"$like": r"100\%"}}, {"a": "1000"}, False),
    ({"a": {"$like": "a%"}}, {"a": "a\nb"}, True), ({"a": {"$like": "_"}}, {"a": "\U0001d4b3"}, True), ({"a": {"$like": ""}}, {"a": ""}, True),
    ({"a": {"$like": "%a%b%c"}}, {"a": "xaybxxbc"}, True), ({"a": {"$like": "5"}}, {"a": 5}, False), ({"a": {"$like": r"\a.*"}}, {"a": "a.*"}, True),
]  # fmt: skip

# (operator, operand, answer when the field is missing)
MISSING: list[tuple[Any, ...]] = [
    ("eq", None, False), ("not_eq", 1, True), ("not_eq", None, True), ("in", [None], False), ("not_in", [1], True),
    ("gt", 1, False), ("lte", "z", False), ("contains", "", False), ("not_contains", "", True), ("set", None, False),
    ("not_set", None, True), ("between", [0, 1], False), ("starts_with", "", False), ("ends_with", "", False),
    ("exists", True, False), ("exists", False, True), ("is", None, False),
]  # fmt: skip
