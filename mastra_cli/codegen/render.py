"""From a `Schema` to the source text of a module, by way of JSON Schema and datamodel-code-generator."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from mastra_cli.codegen import documents, imports
from mastra_cli.codegen.annotations import Annotation, Annotator, Style
from mastra_cli.codegen.checks import NO_LIMITS, limits
from mastra_cli.codegen.layout import Alias, Attribute, Members, Model, Writer, msgspec_renames
from mastra_cli.codegen.names import class_names, field_name, member_names
from mastra_cli.codegen.schema import Column, Composite, Domain, Enum, Schema, Table
from mastra_cli.codegen.text import literal
from mastra_cli.errors import GenerateFailed

Enums = Literal["literal", "class"]
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Module:
    """The source text of the models, and what in the schema was not understood."""

    text: str
    unsupported: tuple[tuple[str, str], ...]
    """(object, reason)"""


def render(schema: Schema, style: Style = "pydantic", enums: Enums = "literal") -> Module:
    """The module of a schema: the same text for the same schema, wherever it is made."""
    module = _Module(schema, style, enums)
    module.collect()
    return Module(module.text(), tuple(dict.fromkeys(module.annotator.unsupported)))


class _Module:
    def __init__(self, schema: Schema, style: Style, enums: Enums) -> None:
        self.schema = schema
        self.style: Style = style
        self.writer = Writer(style)
        self.enums = enums
        # A composite that is a table's row type meets the table's class name, and gives way.
        types = [item.name for item in (*schema.enums, *schema.domains, *schema.composites)]
        self.classes = class_names((table.name for table in schema.tables), types)
        self.types = frozenset(name for (kind, _), name in self.classes.items() if kind == "Type")
        self.annotator = Annotator(schema, style, self.classes)
        self.definitions: dict[str, dict[str, Any]] = {}
        self.layouts: dict[str, Callable[[Mapping[str, str]], str]] = {}

    def collect(self) -> None:
        for enum in self.schema.enums:
            self._enum(enum)
        # A domain is evaluated where it stands, after what it is made of; a class's hints are not.
        for composite in self.schema.composites:
            self._composite(composite)
        for domain in self.schema.domains:
            self._domain(domain)
        for table in self.schema.tables:
            self._table(table)

    def _enum(self, enum: Enum) -> None:
        name = self.classes["Type", enum.name]
        if self.enums == "class" and enum.labels:
            doc = enum.comment or f"The enum {enum.name}."
            named = tuple(zip(member_names(enum.labels), enum.labels, strict=True))
            members = Members(name, named, doc)
            self._object(name, {}, lambda hints: self.writer.members(members))
            return
        hint = f"Literal[{', '.join(map(literal, enum.labels))}]" if enum.labels else "Literal[None]"
        alias = Alias(name, Annotation({}, hint=hint), enum.comment)
        self.definitions[name] = {"type": "string", "enum": list(enum.labels) or ["-"]}
        self.layouts[name] = lambda hints: self.writer.alias(alias, "")

    def _domain(self, domain: Domain) -> None:
        name = self.classes["Type", domain.name]
        found = limits(domain.checks).get("VALUE", NO_LIMITS)
        annotation = self.annotator.annotate(domain.type, str(domain.name), found, exact=domain.exact)
        alias = Alias(name, annotation, domain.comment)
        self.definitions[name] = annotation.schema
        self.layouts[name] = lambda hints: self.writer.alias(alias, hints[""])

    def _composite(self, composite: Composite) -> None:
        name = self.classes["Type", composite.name]
        attributes = tuple(
            Attribute(
                field_name(field.name, pydantic=False, types=self.types),
                field.name,
                self.annotator.annotate(field.type, f"{composite.name}.{field.name}", comment=field.comment),
                True,
                "optional",
                field.comment,
            )
            for field in composite.fields
        )
        model = Model(name, attributes, {"row": composite.comment or f"The composite type {composite.name}."})
        properties = {a.name: a.annotation.schema for a in attributes}
        self._object(name, properties, lambda hints: self.writer.named_tuple(model, hints))

    def _table(self, table: Table) -> None:
        name = self.classes["Table", table.name]
        found = limits(table.checks)
        attributes = tuple(
            Attribute(
                field_name(column.name, pydantic=self.style == "pydantic", types=self.types),
                column.name,
                self.annotator.annotate(
                    column.type,
                    f"{table.name}.{column.name}",
                    found.get(column.name, NO_LIMITS),
                    column.comment,
                    column.exact,
                ),
                column.nullable,
                self._insert(column),
                column.comment,
            )
            for column in table.columns
        )
        for a in attributes if self.style == "msgspec" else ():
            if not msgspec_renames(a.column):
                where = f"{table.name}.{a.column}"
                self.annotator.unsupported.append((where, f"msgspec.convert knows it as {a.name} alone"))
        model = Model(name, attributes, documents.table(table))
        properties = {a.name: a.annotation.schema for a in attributes}
        self._object(name, properties, lambda hints: self.writer.table(model, hints))

    def _insert(self, column: Column) -> Literal["required", "optional", "absent"]:
        if column.generated or column.identity == "always":
            return "absent"
        use, by_type = column.type, False
        while use.kind == "domain" and not use.array and not by_type:
            domain = self.annotator.domains[use.name]
            use, by_type = domain.type, domain.has_default
        given = column.has_default or column.identity or by_type
        return "optional" if column.nullable or given else "required"

    def _object(
        self, name: str, properties: dict[str, Any], write: Callable[[Mapping[str, str]], str]
    ) -> None:
        self.definitions[name] = {"type": "object", "properties": properties, "required": list(properties)}
        self.layouts[name] = write

    def text(self) -> str:
        header = documents.header(self.schema, version("mastra-cli"))
        generated, blocks = (
            _generate(self.definitions, self.layouts, self.style) if self.definitions else ("", [])
        )
        used = set[str]().union(*map(imports.names_in, {*self.writer.used, "TableModels"}))
        commented = self.annotator.commented
        return imports.assemble(header, generated, [*blocks, self._registry()], used, commented, self.style)

    def _registry(self) -> str:
        lines: list[str] = []
        for table in self.schema.tables:
            row = self.classes["Table", table.name]
            others = f"{row}Insert, {row}Update" if table.writable else "None, None"
            lines.append(f"    {literal(str(table.name))}: TableModels({row}, {others}),")
        return "\n".join(["TABLES: dict[str, TableModels] = {", *lines, "}"]) if lines else _EMPTY


_EMPTY = "TABLES: dict[str, TableModels] = {}"


def _generate(
    definitions: Mapping[str, Any], layouts: Mapping[str, Callable[[Mapping[str, str]], str]], style: Style
) -> tuple[str, list[str]]:
    """The generator's module, and each definition as its layout wrote it, in our own order."""
    # Heavy, so imported when there is work for it.
    from datamodel_code_generator import generate
    from datamodel_code_generator.enums import DataModelType, InputFileType
    from datamodel_code_generator.format import PythonVersion
    from datamodel_code_generator.parser import LiteralType

    written: dict[str, str] = {}

    def write(name: str, fields: Iterable[Any]) -> str:
        written[name] = layouts[name]({field.original_name or "": field.type_hint for field in fields})
        return written[name]

    extra: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for name in layouts:
        extra[name] = {"layout": partial(write, name)}
    models = {
        "pydantic": DataModelType.PydanticV2BaseModel,
        "dataclass": DataModelType.DataclassesDataclass,
        "typeddict": DataModelType.TypingTypedDict,
        "msgspec": DataModelType.MsgspecStruct,
    }
    # Every setting that has an effect is set: none may come from the working directory.
    text = generate(
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": definitions},
        input_file_type=InputFileType.JsonSchema,
        output_model_type=models[style],
        custom_template_dir=_TEMPLATES,
        extra_template_data=extra,
        custom_class_name_generator=str,
        target_python_version=PythonVersion.PY_311,
        formatters=[],
        enum_field_as_literal=LiteralType.All,
        use_type_alias=True,
        skip_root_model=True,
        strict_nullable=True,
        use_standard_collections=True,
        use_union_operator=True,
        disable_timestamp=True,
        custom_file_header="#",
    )
    if not isinstance(text, str) or written.keys() != layouts.keys():
        missing = sorted(layouts.keys() - written.keys())
        raise GenerateFailed(f"datamodel-code-generator left out {', '.join(missing)}")
    return text, [written[name] for name in definitions]
