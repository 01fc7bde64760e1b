"""What generated models import, and `register`, which makes a connection return the values they describe.

Importing this needs psycopg and pgvector alone; what pydantic must know is told to it when it asks.
"""

from __future__ import annotations

import abc
import ipaddress
from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, TypeAlias, TypeVar, Union, cast, get_origin

import pgvector
from psycopg.types.multirange import Multirange as _Multirange
from psycopg.types.range import Range as _Range

from mastra_cli.model_rows import UNSET, JsonColumn, Unset, columns, model_row
from mastra_cli.registration import register, register_async

__all__ = [
    "UNSET",
    "Array",
    "DeepArray",
    "IpAddress",
    "IpNetwork",
    "JsonColumn",
    "JsonValue",
    "Multirange",
    "Number",
    "Numeric",
    "Range",
    "SparseVector",
    "TableModels",
    "Unset",
    "Vector",
    "columns",
    "model_row",
    "register",
    "register_async",
]

T = TypeVar("T")


class TableModels(NamedTuple):
    """The classes of one table; a view has no insert and no update."""

    row: type[Any]
    insert: type[Any] | None
    update: type[Any] | None


class Number:
    """A number as Postgres checks it: digits, bounds, and NaN, which is greater than every number."""

    def __init__(
        self,
        precision: int | None = None,
        scale: int | None = None,
        *,
        ge: float | str | None = None,
        gt: float | str | None = None,
        le: float | str | None = None,
        lt: float | str | None = None,
    ) -> None:
        self.precision = precision
        self.scale = 0 if scale is None else scale
        self.bounds: dict[str, float | Decimal] = {
            name: Decimal(bound) if isinstance(bound, str) else bound
            for name, bound in (("ge", ge), ("gt", gt), ("le", le), ("lt", lt))
            if bound is not None
        }

    def check(self, value: Any) -> Any:
        """The value, or ValueError."""
        if value is None:
            return value
        if value != value:
            if self.bounds.keys() & {"le", "lt"}:
                raise ValueError(f"NaN is greater than {self.bounds.get('le', self.bounds.get('lt'))}")
            return value
        if self.precision is not None:
            self._check_digits(value)
        bounds = self.bounds
        if "ge" in bounds and not value >= bounds["ge"]:
            raise ValueError(f"must be at least {bounds['ge']}")
        if "gt" in bounds and not value > bounds["gt"]:
            raise ValueError(f"must be greater than {bounds['gt']}")
        if "le" in bounds and not value <= bounds["le"]:
            raise ValueError(f"must be at most {bounds['le']}")
        if "lt" in bounds and not value < bounds["lt"]:
            raise ValueError(f"must be less than {bounds['lt']}")
        return value

    def _check_digits(self, value: Decimal) -> None:
        assert self.precision is not None
        if not value.is_finite():
            raise ValueError(f"numeric({self.precision}, {self.scale}) holds no infinity")
        step = Decimal(1).scaleb(-self.scale)
        if abs(value) >= Decimal(1).scaleb(self.precision - self.scale):
            raise ValueError(f"has more digits than numeric({self.precision}, {self.scale}) holds")
        if value % step:
            raise ValueError(f"has more decimal places than numeric({self.precision}, {self.scale}) holds")

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        schema: Any = handler(source)
        if schema["type"] == "decimal":
            schema["allow_inf_nan"] = True
        if self.precision is None and not self.bounds:
            return schema
        return core_schema.no_info_after_validator_function(self.check, schema)


class _Parsed:
    """What pydantic is given goes through a function first, such as the text of a bare connection."""

    def __init__(self, parse: Callable[[Any], Any]) -> None:
        self.parse = parse

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(self.parse, handler(source))


class _Exact:
    """Pydantic takes instances of the class alone (after `parse`), and writes them as text in JSON."""

    def __init__(self, parse: Callable[[Any], Any] | None = None) -> None:
        self.parse = parse

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        schema = core_schema.is_instance_schema(
            get_origin(source) or source,
            serialization=core_schema.plain_serializer_function_ser_schema(
                _to_text, when_used="json", return_schema=core_schema.str_schema()
            ),
        )
        if self.parse is None:
            return schema
        return core_schema.no_info_before_validator_function(self.parse, schema)

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        return {"type": "string"}


def _to_text(value: Any) -> str:
    return value.to_text() if isinstance(value, pgvector.SparseVector) else str(value)


def _floats(value: Any) -> Any:
    if isinstance(value, str):
        if not (value.startswith("[") and value.endswith("]")):
            raise ValueError("must be a vector's text: [1,2,3]")
        return [float(item) for item in value[1:-1].split(",")]
    if isinstance(value, pgvector.Vector | pgvector.HalfVector):
        return value.to_list()
    # numpy arrays, without importing numpy
    return value.tolist() if hasattr(value, "tolist") else value


def _sparse(value: Any) -> Any:
    if isinstance(value, str):
        return pgvector.SparseVector.from_text(value)
    if isinstance(value, list) or hasattr(value, "tolist"):
        return pgvector.SparseVector(value)
    return value


class _AnyDepth:
    """Pydantic takes lists of such lists as well, and the text that a bare connection returns for enums."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import ValidationError, core_schema

        def validate(value: Any, flat: Any) -> Any:
            value = array_items(value) if isinstance(value, str) else value
            try:
                return flat(value)
            except ValidationError:
                if not _is_deep(value):
                    raise
            return [validate(item, flat) for item in value]

        def serialize(value: Any, flat: Any) -> Any:
            return [serialize(item, flat) for item in value] if _is_deep(value) else flat(value)

        return core_schema.no_info_wrap_validator_function(
            validate,
            handler(source),
            serialization=core_schema.wrap_serializer_function_ser_schema(serialize),
        )


def _is_deep(value: Any) -> bool:
    if not isinstance(value, list):
        return False
    items = cast("list[Any]", value)
    return bool(items) and all(isinstance(item, list) for item in items)


def array_items(text: str) -> list[Any]:
    """The items of an array's text, `{a,"b c",NULL}`, as text; ValueError when it is none."""
    text = text[text.find("=") + 1 :] if text.startswith("[") else text
    stack: list[list[Any]] = []
    place, end = 0, len(text)
    while place < end:
        character = text[place]
        if character == "{":
            stack.append([])
            place += 1
        elif character == "}" and stack:
            done = stack.pop()
            place += 1
            if not stack:
                if place != end:
                    break
                return done
            stack[-1].append(done)
        elif character == "," and stack:
            place += 1
        elif not stack:
            break
        elif character == '"':
            item: list[str] = []
            place += 1
            while place < end and text[place] != '"':
                place += text[place] == "\\"
                item.append(text[place : place + 1])
                place += 1
            place += 1
            stack[-1].append("".join(item))
        else:
            begin = place
            while place < end and text[place] not in ",}":
                place += 1
            word = text[begin:place]
            stack[-1].append(None if word.upper() == "NULL" else word)
    raise ValueError("must be an array's text: {a,b}")


Array = Annotated[list[T | None], _AnyDepth()]
"""An array. Its type is that of a flat list; deeper ones, which the same column may hold, validate too."""

Numeric = Annotated[Decimal, Number()]
"""A numeric: any Decimal, NaN and infinity included."""

Vector = Annotated[list[float], _Parsed(_floats)]
"""A vector or halfvec: takes lists, numpy arrays, pgvector's objects, and Postgres' text."""

SparseVector = Annotated[pgvector.SparseVector, _Exact(_sparse)]
"""A sparsevec: takes pgvector's `SparseVector`, a dense list, and Postgres' text."""

Range = Annotated[_Range[T], _Exact()]
"""psycopg's `Range`."""

Multirange = Annotated[_Multirange[T], _Exact()]
"""psycopg's `Multirange`."""

if TYPE_CHECKING:
    DeepArray = list[T | None]
    """`Array` for msgspec."""
    JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
    IpAddress: TypeAlias = (
        ipaddress.IPv4Address | ipaddress.IPv6Address | ipaddress.IPv4Interface | ipaddress.IPv6Interface
    )
    IpNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
else:
    # msgspec takes neither a recursive alias nor a union of several classes that it does not know.
    JsonValue = Annotated[Any, JsonColumn(any_json=True)]

    class DeepArray:
        """`Array` for msgspec, which takes no alias of itself: as deep as Postgres goes."""

        def __class_getitem__(cls, item: Any) -> Any:
            array: Any = list[Union[item, None]]  # noqa: UP007
            for _ in range(5):
                array = list[Union[item, array, None]]  # noqa: UP007
            return array

    class IpAddress(abc.ABC):  # noqa: B024
        """What psycopg returns for inet."""

    class IpNetwork(abc.ABC):  # noqa: B024
        """What psycopg returns for cidr."""

    IpAddress.register(ipaddress.IPv4Address)
    IpAddress.register(ipaddress.IPv6Address)
    IpNetwork.register(ipaddress.IPv4Network)
    IpNetwork.register(ipaddress.IPv6Network)
