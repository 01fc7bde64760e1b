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
    nullable: bool
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

    def of(self, form: Form) -> list[Attribute]:
        return [a for a in self.attributes if form == "row" or a.insert != "absent"]


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


def class_of(model: Model, form: Form) -> str:
    return model.name + {"row": "", "insert": "Insert", "update": "Update"}[form]


class Writer:
    """Writes models in one style, and remembers what of Python it used for that."""

    def __init__(self, style: Style) -> None:
        self.style: Style = style
        self.used: set[str] = set()
        """Source text that names what must be imported."""

    def alias(self, model: Alias, hint: str) -> str:
        """An alias with its documentation as a comment above it."""
        hint = self._hint(hint, model.annotation, null=False)
        if self.style == "pydantic":
            text = f"{model.name} = {self._use('TypeAliasType')}({literal(model.name)}, {hint})"
        else:
            text = f"{model.name}: {self._use('TypeAlias')} = {hint}"
        return f"{comment(model.doc)}\n{text}" if model.doc else text

    def members(self, model: Members) -> str:
        lines = [f"    {name} = {literal(value)}" for name, value in model.members]
        head = f"class {model.name}({self._use('StrEnum')}):"
        return "\n".join([head, f"    {docstring(model.doc)}", "", *lines])

    def named_tuple(self, model: Model, hints: Mapping[str, str]) -> str:
        """A composite type: psycopg returns a tuple, and binds one."""
        head = f"class {model.name}({self._use('NamedTuple')}):"
        lines = [head, f"    {docstring(model.docs['row'])}", ""]
        for a in model.attributes:
            line = _line(a.name, self._hint(hints[a.name], a.annotation, null=True))
            # The methods of a tuple; psycopg's named tuple hides them too.
            hidden = (
                "  # pyright: ignore[reportIncompatibleMethodOverride]"
                if a.name in ("count", "index")
                else ""
            )
            lines += [f"{line}{hidden}", *_documented(a)]
        return "\n".join(lines)

    def table(self, model: Model, hints: Mapping[str, str]) -> str:
        """The classes of a table or view."""
        write = {
            "pydantic": self._pydantic,
            "dataclass": self._dataclass,
            "msgspec": self._msgspec,
            "typeddict": self._typed_dict,
        }[self.style]
        return "\n\n\n".join(write(model, hints, form) for form in model.docs)

    def _use(self, code: str) -> str:
        self.used.add(code)
        return code

    def _hint(self, hint: str, annotation: Annotation, *, null: bool, arguments: tuple[str, ...] = ()) -> str:
        hint = self._use(annotation.hint or hint)
        if annotation.array:
            hint = f"{self._use(annotation.array)}[{hint.removeprefix('list[').removesuffix(' | None]')}]"
        arguments = (*annotation.arguments, *arguments)
        none = " | None" if null else ""
        # Where limits stand: msgspec takes them on the bare type alone.
        if self.style == "msgspec":
            marks = [*annotation.marks, *([f"Meta({', '.join(arguments)})"] if arguments else [])]
            hint, none = (f"Annotated[{', '.join([hint, *marks])}]{none}", "") if marks else (hint, none)
        elif self.style == "pydantic":
            marks = [*annotation.marks, *([f"Field({', '.join(arguments)})"] if arguments else [])]
        else:
            marks = [mark for mark in annotation.marks if mark == "JsonColumn()"]
        for mark in marks:
            self.used.add(mark.partition("(")[0])
        if not marks:
            return f"{hint}{none}"
        self.used.add("Annotated")
        return (
            f"{hint}{none}" if self.style == "msgspec" else f"Annotated[{', '.join([hint + none, *marks])}]"
        )

    def _pydantic(self, model: Model, hints: Mapping[str, str], form: Form) -> str:
        attributes = model.of(form)
        settings = [self._use("BaseModel"), *(['extra="forbid"'] if form != "row" else [])]
        if any(a.name != a.column for a in attributes):
            settings += ["populate_by_name=True", "serialize_by_alias=True"]
        if any(a.name.startswith("model_") for a in attributes):
            settings.append("protected_namespaces=()")
        lines = [
            f"class {class_of(model, form)}({', '.join(settings)}):",
            f"    {docstring(model.docs[form])}",
        ]
        lines += [""] if attributes else []
        for a in attributes:
            arguments = [f"alias={literal(a.column)}"] if a.name != a.column else []
            arguments += [f"description={literal(a.doc)}"] if a.doc else []
            null = a.nullable or a.optional(form)
            hint = self._hint(hints[a.name], a.annotation, null=null, arguments=tuple(arguments))
            lines.append(_line(a.name, hint, " = None" if a.optional(form) else ""))
        return "\n".join(lines)

    def _dataclass(self, model: Model, hints: Mapping[str, str], form: Form) -> str:
        attributes = model.of(form)
        lines = [f"@{self._use('dataclass')}(kw_only=True, slots=True)", f"class {class_of(model, form)}:"]
        lines += [f"    {docstring(model.docs[form])}", *([""] if attributes else [])]
        for a in attributes:
            hint = self._hint(hints[a.name], a.annotation, null=a.nullable)
            default = ""
            if a.optional(form):
                self.used |= {"Unset", "UNSET"}
                hint, default = f"{hint} | Unset", " = UNSET"
            if a.name != a.column:
                self.used.add("dataclasses")
                given = "default=UNSET, " if default else ""
                default = f' = dataclasses.field({given}metadata={{"column": {literal(a.column)}}})'
            lines += [_line(a.name, hint, default), *_documented(a)]
        return "\n".join(lines)

    def _msgspec(self, model: Model, hints: Mapping[str, str], form: Form) -> str:
        attributes = model.of(form)
        renamed = {a.name: a.column for a in attributes if a.name != a.column}
        beyond = {name: column for name, column in renamed.items() if not msgspec_renames(column)}
        taken = {name: column for name, column in renamed.items() if name not in beyond}
        rename = f", rename={_mapping(taken)}" if taken else ""
        lines = [f"class {class_of(model, form)}({self._use('Struct')}, kw_only=True{rename}):"]
        lines += [f"    {docstring(model.docs[form])}", *([""] if attributes else [])]
        if beyond:
            lines.append(f"    __columns__: {self._use('ClassVar')}[dict[str, str]] = {_mapping(beyond)}")
        for a in attributes:
            hint, default = self._hint(hints[a.name], a.annotation, null=a.nullable), ""
            if a.optional(form):
                self.used |= {"UnsetType", "UNSET"}
                hint, default = f"{hint} | UnsetType", " = UNSET"
            lines += [_line(a.name, hint, default), *_documented(a)]
        return "\n".join(lines)

    def _typed_dict(self, model: Model, hints: Mapping[str, str], form: Form) -> str:
        """By the columns' own names: a dictionary's keys need not be identifiers."""
        attributes = model.of(form)
        name, base = class_of(model, form), self._use("TypedDict")
        hinted: list[tuple[Attribute, str]] = []
        for a in attributes:
            hint = self._hint(hints[a.name], a.annotation, null=a.nullable)
            hinted.append((a, f"{self._use('NotRequired')}[{hint}]" if a.optional(form) else hint))
        if all(a.name == a.column for a in attributes):
            lines = [
                f"class {name}({base}):",
                f"    {docstring(model.docs[form])}",
                *([""] if hinted else []),
            ]
            for a, hint in hinted:
                lines += [_line(a.name, hint), *_documented(a)]
            return "\n".join(lines)
        lines = [comment(model.docs[form]), f"{name} = {base}(", f"    {literal(name)},", "    {"]
        for a, hint in hinted:
            lines += [f"        {line}" for line in comment(a.doc).split("\n")] if a.doc else []
            lines.append(f"        {literal(a.column)}: {hint},")
        return "\n".join([*lines, "    },", ")"])


def msgspec_renames(column: str) -> bool:
    """Whether msgspec takes a field of that name."""
    return not any(c in '"\\' or c < " " for c in column)


def _mapping(names: Mapping[str, str]) -> str:
    return f"{{{', '.join(f'{literal(name)}: {literal(column)}' for name, column in names.items())}}}"


def _line(name: str, hint: str, default: str = "") -> str:
    """An attribute; on several lines when it is too long for one."""
    line = f"    {name}: {hint}{default}"
    if len(line) <= _WIDTH or not (hint.startswith("Annotated[") and hint.endswith("]")):
        return line
    return f"    {name}: Annotated[\n        {hint[len('Annotated[') : -1]}\n    ]{default}"


def _documented(attribute: Attribute) -> list[str]:
    return [f"    {docstring(attribute.doc)}"] if attribute.doc else []
