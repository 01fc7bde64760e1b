"""From names in the database to names in Python: valid, and none changes because another one comes along.

Python's own tables of Unicode grow with its versions, so Unicode 3.2, which each of them has, decides here.
"""

from __future__ import annotations

import hashlib
import keyword
import re
from collections.abc import Iterable, Mapping
from unicodedata import ucd_3_2_0 as unicode

from mastra_cli.codegen.schema import Name

_KEYWORDS = frozenset(keyword.kwlist)
# A field of such a name hides what the annotations after it mean, or what the class itself needs.
_BUILTINS = frozenset(
    """
    bool bytearray bytes complex dict float frozenset int list memoryview object set str tuple type
    """.split()  # noqa: SIM905
)
_IMPORTS = frozenset(
    """
    Annotated Any AwareDatetime BaseModel ConfigDict Decimal Field IPv4Address IPv4Interface IPv4Network
    IPv6Address IPv6Interface IPv6Network Array DeepArray HalfVector IpAddress IpNetwork JsonValue Literal
    Meta Multirange NaiveDatetime NamedTuple NotRequired Number Numeric Optional Range SparseVector
    StrEnum Struct TABLES TableModels TypeAlias TypeAliasType TypedDict Union UNSET UUID Unset UnsetType
    Vector dataclasses msgspec date_aliased datetime_aliased time_aliased timedelta_aliased
    """.split()  # noqa: SIM905
)
# Attributes of pydantic's BaseModel, of any of its versions.
_PYDANTIC = frozenset(
    """
    construct copy dict from_orm json model_computed_fields model_config model_construct model_copy
    model_dump model_dump_json model_extra model_fields model_fields_set model_json_schema
    model_parametrized_name model_post_init model_rebuild model_validate model_validate_json
    model_validate_strings parse_file parse_obj parse_raw schema schema_json update_forward_refs
    validate
    """.split()  # noqa: SIM905
)
_RESERVED = _KEYWORDS | _BUILTINS | _IMPORTS
_OURS = re.compile(r"underscore_.*|digit_[0-9].*|.*_x[0-9a-f]{6}")


def field_name(column: str, *, pydantic: bool, types: frozenset[str] = frozenset()) -> str:
    """The attribute of a column. No other column has a say in it, and no two columns share one.

    Plain names stay as they are. What Python or the class reserves gets a `_` (and so, that none meet, does
    what is a reserved name with a `_` already); `_id` becomes `underscore_id`, `2fa` `digit_2fa`; where a
    character is lost, six digits of a hash follow. `types` are the names that annotations of the module use.
    """
    reserved = (_RESERVED | _PYDANTIC if pydantic else _RESERVED) | types
    plain = column.isascii() and column.isidentifier()
    if plain and not _OURS.fullmatch(column):
        if column.rstrip("_") in reserved:
            return f"{column}_"
        if not column.startswith("_"):
            return column
        rest = column[1:]
        if not rest.startswith("_") and rest and not rest[0].isdigit():
            return f"underscore_{rest}"
    if re.fullmatch(r"[0-9][0-9A-Za-z_]*", column):
        return f"digit_{column}"
    cleaned = _cleaned(column)
    if cleaned == column and not _OURS.fullmatch(column):
        return column
    return f"{cleaned or 'field'}_x{short_hash(column)}"


def is_reserved(name: str) -> bool:
    """Whether the module itself needs the name."""
    return name in _RESERVED


def class_name(name: Name, kind: str) -> str:
    """The class that a table (or a type) would have, were it alone; `kind` is `Table` or `Type`."""
    words = [] if name.schema == "public" else _words(name.schema)
    words += _words(name.name)
    camel = "".join(word[0].upper() + word[1:] for word in words)
    if not camel:
        return f"{kind}_{short_hash(str(name))}"
    if not camel[0].isidentifier():
        camel = kind + camel
    suffix = "Row" if kind == "Table" else "Type"
    if camel.lower().endswith(("insert", "update")) or camel in _RESERVED:
        camel += suffix
    return camel


def class_names(tables: Iterable[Name], types: Iterable[Name]) -> Mapping[tuple[str, Name], str]:
    """Every class's name, keyed by (`Table` or `Type`, name in the database).

    Where several would have one name, the plainest keeps it: a table before a type, `public` first, then what
    is in lower-case snake case, then the first in code-point order. The others take a hash of their own name.
    """
    groups: dict[str, list[tuple[str, Name]]] = {}
    for key in [*(("Table", name) for name in tables), *(("Type", name) for name in types)]:
        groups.setdefault(class_name(key[1], key[0]), []).append(key)

    def plainness(key: tuple[str, Name]) -> tuple[bool, bool, bool, str, str]:
        kind, name = key
        plain = re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name.name) is not None
        return kind != "Table", name.schema != "public", not plain, name.schema, name.name

    names: dict[tuple[str, Name], str] = {}
    for wanted, keys in groups.items():
        first, *others = sorted(keys, key=plainness)
        names[first] = wanted
        for key in others:
            names[key] = f"{wanted}_{short_hash('.'.join((key[0], *_parts(key[1]))))}"
    return names


def member_names(labels: Iterable[str]) -> list[str]:
    """The members of an enum class; a label's member depends on nothing but the label."""
    members: list[str] = []
    for label in labels:
        cleaned = _cleaned(label)
        upper = cleaned.upper()
        exact = re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", label) is not None
        members.append(upper if exact else f"{upper or 'MEMBER'}_x{short_hash(label)}")
    return members


def short_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]


def _parts(name: Name) -> tuple[str, str]:
    return name.schema, name.name


def _cleaned(text: str) -> str:
    """What of a name Python takes in an identifier; the rest becomes `_`, none at the ends."""
    folded = unicode.normalize("NFKC", text)
    kept = "".join(c if _takes(c) else "_" for c in folded)
    if kept != text or kept.startswith("_"):
        kept = re.sub(r"_{2,}", "_", kept).strip("_")
    if kept and not kept[0].isidentifier():
        kept = f"n{kept}"
    return kept


def _takes(character: str) -> bool:
    if character.isascii():
        return character == "_" or character.isalnum()
    return unicode.category(character) in ("Lu", "Ll", "Lt", "Lo", "Nd") and f"a{character}".isidentifier()


def _words(text: str) -> list[str]:
    return [word for word in _cleaned(text).split("_") if word]
