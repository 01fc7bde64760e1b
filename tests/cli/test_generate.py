"""`mastra engine generate`: flags, words, exit codes and files. What is in the models: tests/golden."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from .conftest import Mastra

MODULE = Path("mastra_models.py")


@pytest.fixture
def contacts(empty_database: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database with a table `public.contact` and a view of it, named by DB_URL."""
    execute(
        empty_database,
        """CREATE TABLE public.contact (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
        CREATE VIEW public.contact_name AS SELECT name FROM public.contact;""",
    )
    monkeypatch.setenv("DB_URL", empty_database)
    return empty_database


def execute(url: str, script: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(script)  # pyright: ignore[reportArgumentType, reportCallIssue]


def test_a_migrated_database_becomes_a_module_that_can_be_imported(
    database: str, mastra: Mastra, place: Path
) -> None:
    os.environ["DB_URL"] = database
    try:
        result = mastra("generate")
    finally:
        del os.environ["DB_URL"]
    assert result.code == 0, result.err
    run = subprocess.run(
        [sys.executable, "-W", "error", "-c",
         "import mastra_models as m; print(sorted(m.TABLES)[:2], m.MastraEntity.__name__)"],
        capture_output=True, text=True, cwd=place,
    )  # fmt: skip
    assert run.stdout == "['mastra.alembic_version', 'mastra.entity'] MastraEntity\n", run.stderr


def test_it_says_what_it_wrote_and_the_second_time_that_nothing_changed(
    contacts: str, mastra: Mastra
) -> None:
    first = mastra("generate")
    assert (first.code, first.out, first.err) == (0, "", "mastra_models.py: written, 2 tables and views\n")
    before = MODULE.stat()
    second = mastra("generate")
    assert (second.code, second.out, second.err) == (0, "", "mastra_models.py: up to date\n")
    assert (MODULE.stat().st_mtime_ns, MODULE.stat().st_ino) == (before.st_mtime_ns, before.st_ino)


def test_json_has_the_documented_keys(contacts: str, mastra: Mastra) -> None:
    document = mastra("generate", "--json").document
    assert len(document.pop("fingerprint")) == 16
    assert document == {
        "ok": True,
        "command": "generate",
        "output": "mastra_models.py",
        "changed": True,
        "tables": ["public.contact", "public.contact_name"],
        "unsupported": [],
    }
    assert mastra("generate", "--json").document["changed"] is False


def test_check_is_0_when_fresh_and_3_with_a_diff_when_stale_and_never_writes(
    contacts: str, mastra: Mastra
) -> None:
    mastra("generate")
    fresh = mastra("generate", "--check")
    assert (fresh.code, fresh.out, fresh.err) == (0, "", "mastra_models.py: up to date\n")
    execute(contacts, "ALTER TABLE public.contact ADD COLUMN born date")
    old = MODULE.read_bytes()
    stale = mastra("generate", "--check")
    assert (stale.code, stale.err) == (
        3,
        "mastra_models.py is stale: the same command without --check writes it\n",
    )
    assert stale.out.startswith("--- mastra_models.py\n+++ mastra_models.py (from the database)\n@@ ")
    assert "\n+    born: date | None\n" in stale.out
    document = mastra("generate", "--check", "--json").document
    assert (document["ok"], document["changed"], document["diff"]) == (False, True, stale.out)
    assert "error" not in document
    assert MODULE.read_bytes() == old
    assert [file.name for file in Path().iterdir()] == ["mastra_models.py"]


def test_check_without_a_file_is_3_and_makes_none(contacts: str, mastra: Mastra, place: Path) -> None:
    result = mastra("generate", "--check")
    assert (result.code, result.err) == (
        3,
        "mastra_models.py (missing) is stale: the same command without --check writes it\n",
    )
    assert result.out.startswith("--- /dev/null\n")
    assert list(place.iterdir()) == []


def test_other_line_endings_are_no_change(contacts: str, mastra: Mastra) -> None:
    mastra("generate")
    MODULE.write_bytes(MODULE.read_bytes().replace(b"\n", b"\r\n"))
    assert mastra("generate", "--check").code == 0


def test_a_folder_in_the_files_place_is_an_error(contacts: str, mastra: Mastra) -> None:
    MODULE.mkdir()
    result = mastra("generate")
    assert (result.code, result.err.splitlines()[0]) == (
        1,
        "error: mastra_models.py can not be written: it is a directory",
    )


@pytest.mark.skipif(sys.platform == "win32", reason="has no pipe with a name")
@pytest.mark.parametrize("arguments", [[], ["--check"]])
def test_a_device_or_a_pipe_is_never_replaced_by_a_file(
    contacts: str, mastra: Mastra, arguments: list[str]
) -> None:
    os.mkfifo("models")
    result = mastra("generate", "--output", "models", *arguments)
    assert (result.code, result.err.splitlines()[0]) == (
        1,
        "error: models can not be written: it is a device or a pipe",
    )
    assert Path("models").is_fifo()


def test_what_a_symlink_leads_to_is_written(contacts: str, mastra: Mastra) -> None:
    Path("models").mkdir()
    Path("link.py").symlink_to("models/real.py")
    assert mastra("generate", "--output", "link.py").code == 0
    assert Path("link.py").is_symlink()
    assert "class Contact(" in Path("models/real.py").read_text()


@pytest.mark.parametrize("option", ["--output", "--diagram"])
def test_a_file_that_somebody_else_wrote_is_left_as_it_is(contacts: str, mastra: Mastra, option: str) -> None:
    Path("README.md").write_text("# My own words\n")
    result = mastra("generate", option, "README.md")
    assert (result.code, result.err) == (
        1,
        "error: README.md was not written by `mastra engine generate`, and is left as it is\n"
        " hint: name another file, or move it away: mv README.md README.md.old\n",
    )
    assert [(p.name, p.read_text()) for p in Path().iterdir()] == [("README.md", "# My own words\n")]
    Path("README.md").write_text("")
    assert mastra("generate", option, "README.md").code == 0
    assert mastra("generate", option, "README.md").err.endswith("README.md: up to date\n")


def test_a_role_that_may_not_read_the_revision_generates_all_the_same(
    database: str, mastra: Mastra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_URL", database)
    assert "\n# Revision: 0" in mastra("generate", "--output", "-").out
    execute(
        database,
        "DROP ROLE IF EXISTS visitor; CREATE ROLE visitor LOGIN; REVOKE ALL ON ALL TABLES IN SCHEMA mastra FROM visitor;"
        "CREATE TABLE public.t (id int)",
    )
    monkeypatch.setenv("DB_URL", database.replace("postgres@", "visitor@"))
    assert "\n# Revision: none\n" in mastra("generate", "--output", "-", "--schema", "public").out


def test_an_unreachable_database_is_5_and_leaves_the_old_file(
    contacts: str, mastra: Mastra, monkeypatch: pytest.MonkeyPatch
) -> None:
    mastra("generate")
    old = MODULE.read_bytes()
    monkeypatch.setenv("DB_URL", "postgresql://postgres:s3cret@127.0.0.1:1/x")
    for arguments in ([], ["--check"]):
        result = mastra("generate", *arguments)
        assert result.code == 5
        assert "postgresql://postgres:***@127.0.0.1:1/x does not answer" in result.err
        assert result.err.endswith(" (DB_URL in the environment)\n")
        assert "s3cret" not in result.err
    assert MODULE.read_bytes() == old


def test_a_missing_database_is_5(contacts: str, mastra: Mastra, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_URL", contacts.rpartition("/")[0] + "/nowhere")
    result = mastra("generate", "--json")
    assert (result.code, result.document["error"]["code"]) == (5, "database_unreachable")


def test_without_a_url_it_says_how_to_get_one(mastra: Mastra) -> None:
    result = mastra("generate")
    assert result.code == 1
    assert "mastra engine add" in result.err
    assert "DB_URL" in result.err


def test_an_unknown_schema_is_1_with_those_there_are(contacts: str, mastra: Mastra) -> None:
    result = mastra("generate", "--schema", "crm")
    assert (result.code, result.err) == (1, "error: there is no schema crm\n hint: there is: public\n")
    assert mastra("generate", "--schema", "crm", "--json").document["error"]["code"] == "schema_not_found"


def test_a_glob_that_matches_nothing_is_1_with_the_tables_there_are(contacts: str, mastra: Mastra) -> None:
    result = mastra("generate", "--table", "contact", "--table", "kontact*")
    assert (result.code, result.err) == (
        1,
        "error: --table kontact* matches no table in public\n"
        " hint: there is: public.contact, public.contact_name\n",
    )


def test_globs_choose_by_name_or_by_schema_and_name(contacts: str, mastra: Mastra) -> None:
    execute(contacts, "CREATE SCHEMA crm; CREATE TABLE crm.contact (id int); CREATE TABLE crm.log_1 (id int)")
    both = ("generate", "--json", "--schema", "crm", "--schema", "public")
    assert mastra(*both).document["tables"] == [
        "crm.contact", "crm.log_1", "public.contact", "public.contact_name",
    ]  # fmt: skip
    assert mastra(*both, "--table", "contact").document["tables"] == ["crm.contact", "public.contact"]
    assert mastra(*both, "--table", "crm.*").document["tables"] == ["crm.contact", "crm.log_1"]
    assert mastra(*both, "--table", "crm.*", "--exclude", "log_*").document["tables"] == ["crm.contact"]


def test_no_table_at_all_is_a_valid_module_and_a_line(
    empty_database: str, mastra: Mastra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_URL", empty_database)
    result = mastra("generate")
    assert (result.code, result.err.splitlines()[:2]) == (
        0,
        [
            "there is no table: the registry is empty",
            "for other schemas than mastra and public say --schema NAME",
        ],
    )
    namespace: dict[str, object] = {}
    exec(MODULE.read_text(), namespace)
    assert namespace["TABLES"] == {}


def test_without_a_single_schema_it_is_a_valid_module_too(
    empty_database: str, mastra: Mastra, monkeypatch: pytest.MonkeyPatch
) -> None:
    execute(empty_database, "DROP SCHEMA public")
    monkeypatch.setenv("DB_URL", empty_database)
    assert mastra("generate").code == 0
    exec(MODULE.read_text(), {})


def test_output_to_stdout_is_the_module_alone(contacts: str, mastra: Mastra, place: Path) -> None:
    result = mastra("generate", "--output", "-")
    assert (result.code, result.err) == (0, "")
    assert mastra("generate", "--output", "/dev/stdout").out == result.out
    assert mastra("generate", "--output", "/dev/stdout", "--json").code == 2
    mastra("generate")
    assert MODULE.read_text() == result.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--output", "-", "--check"), "--check compares with a file, and --output is -"),
        (("--diagram", "a.md", "--output", "./a.md"), "--output and --diagram name one file"),
        (("--diagram", "schema.png"), "--diagram schema.png: the name must end in .mmd or .md"),
        (("--style", "attrs"), "'attrs' is not one of"),
    ],
)
def test_usage(arguments: tuple[str, ...], words: str, mastra: Mastra) -> None:
    result = mastra("generate", *arguments)
    assert result.code == 2
    assert words in result.err


def test_stdout_can_not_take_the_module_and_json(mastra: Mastra) -> None:
    result = mastra("generate", "--output", "-", "--json")
    assert (result.code, result.document["error"]["code"]) == (2, "usage")
    assert result.document["error"]["message"] == "--output - and --json both want stdout"


def test_what_is_not_understood_is_listed_and_strict_makes_it_an_error(contacts: str, mastra: Mastra) -> None:
    execute(
        contacts,
        """CREATE TYPE public.shell;
        CREATE FUNCTION public.shell_in(cstring) RETURNS public.shell AS 'textin' LANGUAGE internal STRICT IMMUTABLE;
        CREATE FUNCTION public.shell_out(public.shell) RETURNS cstring AS 'textout'
          LANGUAGE internal STRICT IMMUTABLE;
        CREATE TYPE public.shell (input = public.shell_in, output = public.shell_out, like = text);
        CREATE TABLE public.odd (id int, what public.shell);""",
    )
    result = mastra("generate")
    reason = "type public.shell is not known: str, as psycopg returns its text"
    assert result.code == 0
    assert f"warning: public.odd.what: {reason}\n" in result.err
    assert "what: str | None" in MODULE.read_text()
    document = mastra("generate", "--json").document
    assert document["unsupported"] == [{"object": "public.odd.what", "reason": reason}]
    old = MODULE.read_bytes()
    execute(contacts, "ALTER TABLE public.odd ADD COLUMN more int")
    strict = mastra("generate", "--strict")
    assert strict.code == 1
    assert f"error: not understood: public.odd.what ({reason}); 1 in all\n" in strict.err
    assert MODULE.read_bytes() == old
    assert mastra("generate", "--strict", "--exclude", "odd").code == 0


def test_a_folder_that_takes_no_file_is_an_error_with_its_name(contacts: str, mastra: Mastra) -> None:
    result = mastra("generate", "--output", "no/such/folder.py")
    assert result.code == 1
    assert result.err.startswith("error: no/such/folder.py can not be written: ")


def test_a_diagram_is_written_beside_the_module_and_checked_with_it(contacts: str, mastra: Mastra) -> None:
    result = mastra("generate", "--diagram", "schema.md")
    assert (result.code, result.err) == (
        0,
        "mastra_models.py: written, 2 tables and views\nschema.md: written, 2 tables and views\n",
    )
    assert "\n```mermaid\n" in Path("schema.md").read_text()
    assert mastra("generate", "--diagram", "schema.md", "--check").code == 0
    Path("schema.md").write_text("old\n")
    assert mastra("generate", "--diagram", "schema.md", "--check").code == 3
    assert Path("schema.md").read_text() == "old\n"


def test_generating_writes_nothing_to_the_database(contacts: str, mastra: Mastra) -> None:
    name = contacts.rpartition("/")[2]
    with psycopg.connect(contacts, autocommit=True) as connection:
        query = "SELECT xact_commit >= 0, tup_inserted, tup_updated, tup_deleted FROM pg_stat_database WHERE datname = %s"
        connection.execute("SELECT pg_stat_force_next_flush()")
        before = connection.execute(query, [name]).fetchone()
        assert mastra("generate").code == 0
        connection.execute("SELECT pg_stat_force_next_flush()")
        assert connection.execute(query, [name]).fetchone() == before
