"""A row or two for the tables of tests/golden/schemas, as psycopg returns them from a registered connection.

Full rows name every column; what a row leaves out is left to the database.
"""

from __future__ import annotations

import datetime as dt
import ipaddress as ip
from collections import namedtuple
from decimal import Decimal
from typing import Any
from uuid import UUID

from pgvector import SparseVector
from psycopg.types.multirange import Multirange
from psycopg.types.range import Range

UTC = dt.UTC
NAN = float("nan")
KEY = UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11")
Address = namedtuple("Address", "street post_code kind place")
Tally = namedtuple("Tally", "count index date x")
Place = namedtuple("Place", "lat lon")
DAY = dt.date(2024, 2, 29)
NAIVE = dt.datetime(2024, 2, 29, 12, 30, 1, 5)  # noqa: DTZ001
AWARE = dt.datetime(2024, 2, 29, 12, 30, tzinfo=UTC)

ROWS: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "scalars": [
        ("number", {"id": 1, "small": -5, "big": 2**62, "single": 0.5, "double": -0.1, "plain": Decimal("1e30"),
                    "price": Decimal("123.45"), "ratio": Decimal("0.0012"), "thousands": Decimal("12345000"),
                    "flag": True, "object": 4_000_000_000}),
        ("number", {"id": 2, "big": -1, "double": NAN, "plain": Decimal("NaN"), "price": Decimal("NaN"),
                    "single": float("-inf"), "flag": False}),
        ("number", {"id": 3, "big": 0, "double": 0.0, "plain": Decimal("Infinity"), "price": Decimal("-999.99"),
                    "flag": False}),
        ("text", {"id": 1, "body": "a\tb'\\ü", "title": "x" * 20, "code": "ab  ", "letter": "q", "label": "l",
                  "data": b"\x00\xff", "bits": "101", "more_bits": "11", "cash": "$1,234.50",
                  "mac": "08:00:2b:01:02:03", "mac8": "08:00:2b:01:02:03:04:05"}),
        ("moment", {"id": 1, "day": DAY, "clock": dt.time(1, 2, 3), "zoned_clock": dt.time(1, 2, tzinfo=UTC),
                    "naive": NAIVE, "aware": AWARE, "lasting": dt.timedelta(days=3, seconds=5), "key": KEY}),
        ("various", {"id": 1, "address": ip.ip_address("10.0.0.1"), "network": ip.ip_network("10.0.0.0/8"),
                     "spot": "(1,2)", "way": "[(1,2),(3,4)]", "shape": "((1,2),(3,4),(5,6))", "disc": "<(1,2),3>",
                     "edge": "[(1,2),(3,4)]", "frame": "(3,4),(1,2)", "ruler": "{1,2,3}", "words": "'a' 'b'",
                     "question": "'a' & 'b'", "path_in": '$."a"', "position": "0/16", "class": "pg_class",
                     "seen": "3"}),
        ("various", {"id": 2, "address": ip.ip_interface("::1/64"), "network": ip.ip_network("fe80::/10")}),
        ("various", {"id": 3, "address": ip.ip_interface("1.2.3.4/24")}),
    ],
    "defaults": [("task", {"title": "abc", "note": None, "state": "old", "number": 7}), ("task", {"title": "ü"})],
    "enums": [
        ("person", {"id": 1, "mood": "very happy", "moods": ["sad", None, "it's", '"x"', "back\\slash", ""],
                    "maybe": None}),
        ("person", {"id": 2, "mood": "", "moods": []}),
    ],
    "arrays": [
        ("bag", {"id": 1, "tags": ["a", None, '"', "{}", ""], "grid": [[1, None], [3, 4]], "cube": [[[1]], [[2]]],
                 "names": ["12345"], "prices": [Decimal("1.50"), Decimal("NaN")], "days": [DAY, None],
                 "moments": [AWARE], "keys": [KEY], "blobs": [b"\x00"], "flags": [True, None],
                 "documents": [{"a": [1]}, None], "boxes": ["(3,4),(1,2)"],
                 "addresses": [ip.ip_address("::1")], "spans": [Range(1, 3, "[)")], "cash": ["$1.00"]}),
        ("bag", {"id": 2, "tags": [], "grid": []}),
    ],
    "domains": [
        ("account", {"id": 1, "email": "a@b", "share": Decimal("99.50"), "half": Decimal("50"), "state": "done",
                     "tags": ["x", None], "rating": 5, "emails": [1, None, 5]}),
        ("account", {"id": 2, "email": "a@b", "share": Decimal("0")}),
    ],
    "composites": [
        ("person", {"id": 1, "home": Address("a, (b)", None, "home", Place(1.5, None)),
                    "others": [Address('"', "1", None, None), None], "place": Place(0.0, -1.0)}),
        ("person", {"id": 2, "home": Address(None, None, None, None), "others": []}),
        ("history", {"id": 1, "old": None, "tally": Tally(1, None, DAY, 2)}),
    ],
    "ranges": [
        ("booking", {"id": 1, "seats": Range(1, 3, "[)"), "ids": Range(None, 5, "()"),
                     "prices": Range(Decimal("1.5"), Decimal("2"), "[]"), "days": Range(DAY, None, "[)"),
                     "naive": Range(NAIVE, None, "[)"), "aware": Range(AWARE, None, "(]"[0] + ")"),
                     "many": Multirange([Range(DAY, dt.date(2024, 3, 2), "[)")]), "own": Range(0.5, 1.5, "[]"),
                     "names": Range("a", "b", "[)"), "own_many": Multirange([Range(0.5, 1.5, "[)")]),
                     "own_list": [Range(0.5, 1.5, "[)"), None]}),
        ("booking", {"id": 2, "seats": Range(empty=True), "days": Range(empty=True), "many": Multirange()}),
    ],
    "vectors": [
        ("item", {"id": 1, "embedding": [1.0, -2.5, 0.0], "any_length": [0.5], "half": [0.5, 1.0],
                  "sparse": SparseVector({0: 1.0, 3: 2.0}, 5), "bits": "1010"}),
        ("item", {"id": 2, "embedding": [0.0, 0.0, 0.0], "bits": "0000"}),
    ],
    "checks": [
        ("product", {"id": 1, "state": "it's", "grade": "b", "sex": "f", "size": "xxl", "level": -3, "stars": 5,
                     "amount": Decimal("0.00"), "weight": 0.75, "rate": 0.0625, "name": "1234567890", "slug": "s",
                     "old": 9, "low": 1, "high": 10, "free": "xyz"}),
        ("product", {"id": 2, "state": "back\\slash", "size": "s  ", "amount": Decimal("NaN")}),
    ],
    "names": [
        ("field", {"id": 1, "class": 2, "class_": 3, "None": 4, "2fa": 5, "with space": 6, "with_space": 7,
                   "größe": 8, "int": 9, "str": "s", "list": 1, "json": 2, "copy": 3, "schema": 4, "model_dump": 5,
                   "model_config": 6, "model_name": 7, "_private": 8, "__both__": 9, "UPPER": 1, "camelCase": 2,
                   "ﬁ": 3, "日本": 4, "💥": 5, "a-b": 6, "a.b": 7, 'quote"d': 8, "back\\slash": 9, "%s": 1, "{x}": 2,
                   "date": DAY, "time": dt.time(1), "datetime": NAIVE, "timedelta": dt.timedelta(1), "Field": 3,
                   "Literal": 4, "field": 5, "self": 6, "cls": 7, "type": 8, "Mood": 9}),
        ("contact", {"id": 1, "mood": "a"}),
        ("contact_insert", {"id": 1}),
        ("with space", {"id": 1}),
    ],
    "comments": [
        ("note", {"id": 1, "body": "b", "tail": "t", 'x"""y': "z"}),
        ('"""; import os', {"id": 1, "l": "\u202e", "s": '"'}),
        ('"""; import os', {"id": 2, "l": '"""'}),
    ],
    "keys": [
        ("company", {"id": 1, "name": "n"}),
        ("employee", {"company_id": 1, "number": 1, "email": "e"}),
        ("measure", {"at": dt.date(2020, 5, 5), "value": 1}),
        ("child", {"id": 1, "extra": "x"}),
    ],
    "documents": [
        ("page", {"id": 1, "body": {"a": [1, None, "x", {"b": 1.5}]}, "meta": [1, 2], "bad": True}),
        ("page", {"id": 2, "body": [], "meta": "text", "bad": {}}),
    ],
    "views": [],
}  # fmt: skip
ROWS.pop("views")
