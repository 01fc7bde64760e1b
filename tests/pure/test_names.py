"""Names in Python: valid, each its own, and none changes because another comes along."""

from __future__ import annotations

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mastra_cli.codegen.names import class_name, class_names, field_name, member_names
from mastra_cli.codegen.schema import Name

# Close to each other on purpose, and then anything.
STRANGE = st.text(
    st.sampled_from("aAbx_0 1-éﬁ．日💥$x") | st.characters(exclude_characters="\0"), min_size=1, max_size=12
)
KNOWN = st.sampled_from(
    [
        "class",
        "class_",
        "class__",
        "_class",
        "None",
        "int",
        "int_",
        "_int",
        "with_space",
        "with",
        "space",
        "2fa",
        "digit_2fa",
        "_2fa",
        "underscore_a",
        "_a",
        "__a",
        "_",
        "__",
        "a",
        "a_",
        "date",
        "json",
        "model_dump",
        "model_config",
        "copy",
        "Field",
        "with_space_xb8b8f2",
        "ﬁ",
        "fi",
        "Ⅳ",
        "IV",
    ]
)
COLUMNS = st.lists(STRANGE | KNOWN | st.just("with space"), unique=True, max_size=15)


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("name", "name"),
        ("firstName", "firstName"),
        ("größe", "größe"),
        ("日本", "日本"),
        ("class", "class_"),
        ("class_", "class__"),
        ("None", "None_"),
        ("int", "int_"),
        ("id", "id"),
        ("type", "type_"),
        ("json", "json_"),
        ("model_name", "model_name"),
        ("model_dump", "model_dump_"),
        ("metadata_", "metadata_"),
        ("_id", "underscore_id"),
        ("2fa", "digit_2fa"),
        ("with space", "with_space_xb8b8f2"),
        ("with_space", "with_space"),
        ("💥", "field_x0fadd2"),
        ("ﬁ", "fi_xb6554c"),
        ("underscore_id", "underscore_id_xbad62c"),
    ],
)
def test_a_columns_field(column: str, field: str) -> None:
    assert field_name(column, pydantic=True) == field


def test_only_pydantic_reserves_the_names_of_its_methods() -> None:
    assert [field_name(name, pydantic=False) for name in ("json", "copy", "class")] == [
        "json",
        "copy",
        "class_",
    ]


def is_usable(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("_")


@given(COLUMNS, st.booleans())
def test_fields_are_valid_and_no_two_columns_share_one(columns: list[str], pydantic: bool) -> None:
    fields = [field_name(column, pydantic=pydantic) for column in columns]
    assert all(map(is_usable, fields)), fields
    assert len(set(fields)) == len(fields)


@pytest.mark.parametrize(
    ("schema", "table", "cls"),
    [
        ("public", "contact", "Contact"),
        ("crm", "contact", "CrmContact"),
        ("mastra", "entity", "MastraEntity"),
        ("public", "contact_insert", "ContactInsertRow"),
        ("public", "contact_update", "ContactUpdateRow"),
        ("public", "userProfile", "UserProfile"),
        ("public", "field", "FieldRow"),
        ("public", "none", "NoneRow"),
        ("public", "2nd", "N2nd"),
        ("public", "with space", "WithSpace"),
        ("my-crm", "x", "MyCrmX"),
        ("public", "größe", "Größe"),
    ],
)
def test_a_tables_class(schema: str, table: str, cls: str) -> None:
    assert class_name(Name(schema, table), "Table") == cls


def test_where_two_tables_meet_the_plainest_keeps_the_name() -> None:
    def keeper(*names: Name) -> Name:
        classes = class_names(names, ())
        return next(name for name in names if "_" not in classes["Table", name])

    assert keeper(Name("crm", "contact"), Name("public", "crm_contact")) == Name("public", "crm_contact")
    assert keeper(Name("public", "Album"), Name("public", "album")) == Name("public", "album")
    assert keeper(Name("public", "aB"), Name("public", "AB")) == Name("public", "AB")
    assert keeper(Name("a", "b_c"), Name("a_b", "c")) == Name("a", "b_c")


TABLES = st.lists(
    st.builds(Name, st.sampled_from(["public", "crm", "a", "a_b", "é"]), STRANGE | st.sampled_from(
        ["contact", "Contact", "crm_contact", "contact_insert", "contact_insert_row", "b_c", "c", "album", "Album", "field", "FIELD", "2nd", "n2nd"])),
    unique=True, max_size=10,
)  # fmt: skip


@given(TABLES, TABLES)
def test_classes_are_valid_and_each_its_own_with_those_of_insert_and_update(
    tables: list[Name], types: list[Name]
) -> None:
    classes = class_names(tables, types)
    tabled = [name for (kind, _), name in classes.items() if kind == "Table"]
    every = [*classes.values(), *(f"{name}{form}" for name in tabled for form in ("Insert", "Update"))]
    assert all(map(is_usable, every)), every
    assert len(set(every)) == len(every)


@given(TABLES, st.data())
def test_adding_a_table_renames_at_most_the_one_whose_name_it_takes(
    tables: list[Name], data: st.DataObject
) -> None:
    if not tables:
        return
    new = data.draw(st.sampled_from(tables))
    before = class_names([name for name in tables if name != new], ())
    after = class_names(tables, ())
    renamed = [key for key, name in before.items() if after[key] != name]
    assert len(renamed) <= 1
    assert all(before[key] == after["Table", new] for key in renamed)


@given(
    st.lists(st.text(st.characters(exclude_characters="\0"), max_size=8), unique=True, max_size=12), st.data()
)
def test_members_of_an_enum_are_valid_each_its_own_and_stable(labels: list[str], data: st.DataObject) -> None:
    members = member_names(labels)
    assert all(map(is_usable, members)), members
    assert len(set(members)) == len(members)
    assert [member_names([label])[0] for label in labels] == members
