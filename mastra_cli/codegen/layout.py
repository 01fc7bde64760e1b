"""How a model of datamodel-code-generator is written down: a table becomes its row, insert and update class.

The generator's templates hand each of its models over with the type hints that it made; the rest of what is
written (marks, defaults, docstrings) was prepared from the schema.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from mastra_cli.codegen.annotations import Annotation, Style
from mastra_cli.codegen.text import comment, docstring, literal

_WIDTH = 110
Form = Literal["row", "insert", "update"]


@dataclass(frozen=True, slots=True)
class Attribute:
    """A column, or a field of a composite, as the models of one style have it."""

    name: str
    column: str
    annotation: Annotation
    insert: Literal["required", "optional", "absent"]
    doc: str | None

    def optional(self, form: Form) -> bool:
        return form == "update" or (form == "insert" and self.insert == "optional")


@dataclass(frozen=True, slots=True)
class Model:
    """One class, or a table's three."""

    name: str
    attributes: tuple[Attribute, ...]
    docs: Mapping[Form, str]
    """Which classes there are, with their docstrings."""


@dataclass(frozen=True, slots=True)
class Alias:
    """A name for a type: a domain, or an enum as a Literal."""

    name: str
    annotation: Annotation
    doc: str | None


@dataclass(frozen=True, slots=True)
class Members:
    """An enum as a class."""

    name: str
    members: tuple[tuple[str, str], ...]
    doc: str


def alias(model: Alias, hint: str, style: Style) -> str:
    """An alias with its documentation as a comment above it."""
    hint = _annotated(hint, model.annotation, style)
    text = (
        f"{model.name} = TypeAliasType({literal(model.name)}, {hint})"
        if style == "pydantic"
        else f"{model.name}: TypeAlias = {hint}"
    )
    return f"{comment(model.doc)}\n{text}" if model.doc else text


def members(model: Members) -> str:
    lines = [f"    {name} = {literal(value)}" for name, value in model.members]
    return "\n".join([f"class {model.name}(StrEnum):", f"    {docstring(model.doc)}", "", *lines])


def named_tuple(model: Model, hints: Mapping[str, str], style: Style) -> str:
    """A composite type: psycopg returns a tuple, and binds one."""
    lines = [f"class {model.name}(NamedTuple):", f"    {docstring(model.docs['row'])}", ""]
    for attribute in model.attributes:
        lines.append(
            f"    {attribute.name}: {_annotated(hints[attribute.name], attribute.annotation, style)}"
        )
        lines += _documented(attribute, style)
    return "\n".join(lines)


def table(model: Model, hints: Mapping[str, str], style: Style) -> str:
    """The classes of a table or view."""
    write = {"pydantic": _pydantic, "dataclass": _dataclass, "msgspec": _msgspec, "typeddict": _typed_dict}[
        style
    ]
    return "\n\n\n".join(write(model, hints, form) for form in model.docs)


def class_of(model: Model, form: Form) -> str:
    return model.name + {"row": "", "insert": "Insert", "update": "Update"}[form]


def _attributes(model: Model, form: Form) -> list[Attribute]:
    return [a for a in model.attributes if form == "row" or a.insert != "absent"]


def _annotated(hint: str, annotation: Annotation, style: Style, *arguments: str) -> str:
    if annotation.hint:
        hint = annotation.hint + " | None" * hint.endswith(" | None")
    arguments = (*annotation.arguments, *arguments)
    marks = list(annotation.marks)
    if style == "pydantic" and arguments:
        marks.append(f"Field({', '.join(arguments)})")
    if style == "msgspec" and arguments:
        null = hint.endswith(" | None")
        bare = hint.removesuffix(" | None")
        marks.append(f"Meta({', '.join(arguments)})")
        return f"Annotated[{', '.join([bare, *marks])}]{' | None' * null}"
    if style in ("dataclass", "typeddict"):
        marks = [mark for mark in marks if mark == "JsonColumn()"]
    return f"Annotated[{', '.join([hint, *marks])}]" if marks else hint


def _line(name: str, hint: str, default: str = "") -> str:
    """An attribute; on several lines when it is too long for one."""
    line = f"    {name}: {hint}{default}"
    if len(line) <= _WIDTH or not hint.startswith("Annotated["):
        return line
    return f"    {name}: Annotated[\n        {hint[len('Annotated[') : -1]}\n    ]{default}"


def _documented(attribute: Attribute, style: Style) -> list[str]:
    return [f"    {docstring(attribute.doc)}"] if attribute.doc else []


def _pydantic(model: Model, hints: Mapping[str, str], form: Form) -> str:
    attributes = _attributes(model, form)
    settings = ["extra='forbid'"] if form != "row" else []
    if any(a.name != a.column for a in attributes):
        settings += ["populate_by_name=True", "serialize_by_alias=True"]
    if any(a.name.startswith("model_") for a in attributes):
        settings.append("protected_namespaces=()")
    head = ", ".join(["BaseModel", *(s.replace("'", '"') for s in settings)])
    lines = [f"class {class_of(model, form)}({head}):", f"    {docstring(model.docs[form])}", ""]
    for a in attributes:
        hint = hints[a.name]
        if a.optional(form) and not hint.endswith("| None"):
            hint += " | None"
        arguments = [f"alias={literal(a.column)}"] if a.name != a.column else []
        arguments += [f"description={literal(a.doc)}"] if a.doc else []
        default = " = None" if a.optional(form) else ""
        lines.append(_line(a.name, _annotated(hint, a.annotation, "pydantic", *arguments), default))
    return "\n".join(lines)


def _dataclass(model: Model, hints: Mapping[str, str], form: Form) -> str:
    lines = ["@dataclass(kw_only=True, slots=True)", f"class {class_of(model, form)}:"]
    lines += [f"    {docstring(model.docs[form])}", ""]
    for a in _attributes(model, form):
        hint = _annotated(hints[a.name], a.annotation, "dataclass")
        default = ""
        if a.optional(form):
            hint, default = f"{hint} | Unset", " = UNSET"
        if a.name != a.column:
            given = "default=UNSET, " if default else ""
            default = f' = dataclasses.field({given}metadata={{"column": {literal(a.column)}}})'
        lines += [f"    {a.name}: {hint}{default}", *_documented(a, "dataclass")]
    return "\n".join(lines)


def _msgspec(model: Model, hints: Mapping[str, str], form: Form) -> str:
    attributes = _attributes(model, form)
    renamed = [f"{literal(a.name)}: {literal(a.column)}" for a in attributes if a.name != a.column]
    rename = f", rename={{{', '.join(renamed)}}}" if renamed else ""
    lines = [
        f"class {class_of(model, form)}(Struct, kw_only=True{rename}):",
        f"    {docstring(model.docs[form])}",
        "",
    ]
    for a in attributes:
        hint = _annotated(hints[a.name], a.annotation, "msgspec")
        optional = " | UnsetType = UNSET" if a.optional(form) else ""
        lines += [f"    {a.name}: {hint}{optional}", *_documented(a, "msgspec")]
    return "\n".join(lines)


def _typed_dict(model: Model, hints: Mapping[str, str], form: Form) -> str:
    """By the columns' own names: a dictionary's keys need not be identifiers."""
    attributes = _attributes(model, form)
    hinted: list[tuple[Attribute, str]] = []
    for a in attributes:
        hint = _annotated(hints[a.name], a.annotation, "typeddict")
        hinted.append((a, f"NotRequired[{hint}]" if a.optional(form) else hint))
    name = class_of(model, form)
    if all(a.name == a.column for a in attributes):
        lines = [f"class {name}(TypedDict):", f"    {docstring(model.docs[form])}", ""]
        for a, hint in hinted:
            lines += [f"    {a.name}: {hint}", *_documented(a, "typeddict")]
        return "\n".join(lines)
    lines = [comment(model.docs[form]), f"{name} = TypedDict(", f"    {literal(name)},", "    {"]
    for a, hint in hinted:
        lines += [f"        {line}" for line in comment(a.doc).split("\n")] if a.doc else []
        lines.append(f"        {literal(a.column)}: {hint},")
    return "\n".join([*lines, "    },", ")"])
