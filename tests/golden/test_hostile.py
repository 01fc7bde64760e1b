"""Whatever names, comments and values a database holds, the module is inert, valid Python."""

from __future__ import annotations

import ast
import enum
import sys
import types
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mastra_cli.codegen.annotations import Style
from mastra_cli.codegen.diagram import draw
from mastra_cli.codegen.render import render
from mastra_cli.codegen.schema import (
    Check,
    Column,
    Composite,
    Domain,
    Enum,
    Field,
    Index,
    Name,
    Schema,
    Table,
    TypeUse,
)
from mastra_cli.codegen.text import comment, docstring, literal

HOSTILE = [
    '"""', "'''", "\\", '\\"', '"""\\', "\\N{BULLET}", "\\x00", "\\u", "\n", "\r", "\r\nimport os", "\x0c", "\u2028",
    "\u202e", "\ufeff", "{{ x }}", "{% for %}", "{# c #}", "%s", "{x}", "'''\nimport os\n'''", "#", "\t", "\x1b[31m", "\x7f",
    '"; import os; "', "'); import os; ('", "None", "", " ", "\ud7ff", "\U0010ffff", "é", "e\u0301", "-->", "```", "]]",
    "__import__('os').system('id')",
]  # fmt: skip
TEXT = st.sampled_from(HOSTILE) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=12
)
TEXTS = st.lists(TEXT, max_size=3).map("".join)
NAMES = st.lists(TEXTS.filter(bool), unique=True, min_size=1, max_size=4)
ALLOWED_CALLS = {
    "Field", "Number", "JsonColumn", "TableModels", "TypeAliasType", "Meta", "dataclass", "dataclasses.field",
    "TypedDict",
}  # fmt: skip


def use(name: Name, kind: Any = "base", array: bool = False) -> TypeUse:
    return TypeUse(name, kind, array, -1, str(name))


TEXT_TYPE = use(Name("pg_catalog", "text"))


@st.composite
def schemas(draw: Any) -> Schema:
    space = draw(TEXTS.filter(bool))
    mood = Enum(Name(space, draw(TEXTS.filter(bool))), tuple(draw(NAMES)), draw(TEXTS | st.none()))
    domain = Domain(
        Name(space, mood.name.name + "d"), TEXT_TYPE, True, False, True, (), draw(TEXTS | st.none())
    )
    fields = tuple(Field(name, TEXT_TYPE, draw(TEXTS | st.none())) for name in draw(NAMES))
    composite = Composite(Name(space, mood.name.name + "c"), fields, draw(TEXTS | st.none()))
    kinds = [TEXT_TYPE, use(mood.name, "enum"), use(mood.name, "enum", True), use(domain.name, "domain"),
             use(composite.name, "composite")]  # fmt: skip
    names = draw(NAMES)
    values = ", ".join("'" + text.replace("'", "''") + "'::text" for text in draw(NAMES))
    columns = tuple(
        Column(
            name,
            draw(st.sampled_from(kinds)),
            draw(st.booleans()),
            False,
            "",
            False,
            True,
            draw(TEXTS | st.none()),
        )
        for name in names
    )
    quoted = '"' + names[0].replace('"', '""') + '"'
    check = Check(draw(TEXTS), draw(TEXTS), f"({quoted} = ANY (ARRAY[{values}]))")
    table = Table(Name(space, draw(TEXTS.filter(bool))), "table", columns, (), (), (Index(names[0], names[-1], True),),
                  (check,), draw(TEXTS | st.none()))  # fmt: skip
    return Schema((table,), (mood,), (domain,), (composite,), (), draw(TEXTS | st.none()))


def assert_inert(text: str) -> None:
    """Imports, classes, aliases and the registry; called is nothing but what our models are made with."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = {alias.name for alias in node.names} if isinstance(node, ast.Import) else {node.module}
            assert names <= {
                "__future__", "typing", "enum", "dataclasses", "mastra_cli.types", "pydantic", "typing_extensions",
                "msgspec",
            }, names  # fmt: skip
        elif isinstance(node, ast.Call):
            assert ast.unparse(node.func) in ALLOWED_CALLS, ast.unparse(node.func)
    assert {type(node) for node in tree.body} <= {
        ast.Import, ast.ImportFrom, ast.ClassDef, ast.Assign, ast.AnnAssign
    }  # fmt: skip


@pytest.mark.parametrize("style", get_args(Style))
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(schema=schemas(), enums=st.sampled_from(["literal", "class"]))
def test_any_schema_becomes_an_inert_module_that_says_the_same(
    schema: Schema, style: Style, enums: Any
) -> None:
    text = render(schema, style, enums).text
    text.encode()
    assert_inert(text)
    module = types.ModuleType("hostile")
    sys.modules["hostile"] = module
    exec(compile(text, "hostile", "exec"), module.__dict__)
    (table,) = schema.tables
    row = module.TABLES[str(table.name)].row
    if style == "pydantic":
        described = {field.alias or name: field.description for name, field in row.model_fields.items()}
        assert described == {column.name: column.comment or None for column in table.columns}
    if enums == "class":
        made = [
            v for v in vars(module).values() if isinstance(v, enum.EnumMeta) and v.__module__ == "hostile"
        ]
        assert [[member.value for member in cls] for cls in made] == [list(schema.enums[0].labels)]
    draw(schema)


@given(TEXTS)
def test_a_literal_is_the_text_it_was_made_of(text: str) -> None:
    written = literal(text)
    assert ast.literal_eval(written) == text
    assert written.isprintable()


@given(TEXTS)
def test_a_docstring_is_one_statement_that_says_the_text(text: str) -> None:
    source = f"class C:\n    {docstring(text)}"
    (cls,) = ast.parse(source).body
    assert isinstance(cls, ast.ClassDef)
    assert len(cls.body) == 1
    said = (ast.get_docstring(cls, clean=False) or "").split()
    assert said == text.split()


@given(TEXTS)
def test_a_comment_is_no_code(text: str) -> None:
    assert ast.parse(comment(text)).body == []
