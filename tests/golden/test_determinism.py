"""The same schema gives the same bytes: wherever it is generated, and however it was made."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from mastra_cli.codegen.catalog import Selection, read_schema
from mastra_cli.codegen.render import render

SCHEMAS = Path(__file__).parent / "schemas"
FEATURES = sorted(path.stem for path in SCHEMAS.glob("*.sql"))
# Of these, those that are found run; the running one always does.
PYTHONS = ("3.11", "3.12", "3.13", "3.14", "3.15")


@pytest.fixture(scope="module")
def create(server: Any, admin: psycopg.Connection) -> Iterator[Callable[..., str]]:
    names: list[str] = []

    def create(*scripts: str) -> str:
        name = f"determined_{len(names)}"
        admin.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        names.append(name)
        with psycopg.connect(server.url(name), autocommit=True) as connection:
            for script in scripts:
                connection.execute(script)  # pyright: ignore[reportArgumentType, reportCallIssue]
        return server.url(name)

    yield create
    for name in names:
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="module")
def everything(create: Callable[..., str]) -> str:
    return create(*((SCHEMAS / f"{feature}.sql").read_text() for feature in FEATURES))


def text(url: str, *schemas: str) -> str:
    return render(read_schema(url, Selection(schemas or tuple(FEATURES)))).text


def command_line(url: str, folder: Path, **environment: str) -> bytes:
    run = subprocess.run(
        [sys.executable, "-m", "mastra_cli", "engine", "generate", "--output", "-",
         *(word for feature in FEATURES for word in ("--schema", feature))],
        cwd=folder, capture_output=True, check=True,
        env={"PATH": os.environ["PATH"], "DB_URL": url, **environment},
    )  # fmt: skip
    return run.stdout


def test_directory_locale_and_hash_seed_do_not_show(everything: str, tmp_path: Path) -> None:
    plain, other = tmp_path / "plain", tmp_path / "other"
    for folder in (plain, other):
        folder.mkdir()
    other.joinpath("pyproject.toml").write_text(
        "[tool.black]\nline-length = 40\nskip-string-normalization = true\n[tool.ruff]\nline-length = 40\n"
        "[tool.isort]\nforce_single_line = true\n"
        '[tool.datamodel-codegen]\noutput-model-type = "dataclasses.dataclass"\nuse-double-quotes = true\n'
    )
    first = command_line(everything, plain, LC_ALL="C.UTF-8", PYTHONHASHSEED="1")
    second = command_line(
        everything, other, LC_ALL="C", LANG="tr_TR", PYTHONHASHSEED="2", PYTHONIOENCODING="utf-8"
    )
    assert first == second
    assert first.decode() == text(everything)


def test_the_roles_settings_do_not_show(everything: str, admin: psycopg.Connection) -> None:
    wanted = text(everything)
    admin.execute("ALTER ROLE postgres SET search_path = names, checks, public")
    admin.execute("ALTER ROLE postgres SET datestyle = 'German'")
    admin.execute("ALTER ROLE postgres SET quote_all_identifiers = on")
    try:
        assert text(everything) == wanted
    finally:
        admin.execute("ALTER ROLE postgres RESET ALL")


def test_a_restored_dump_gives_the_same_bytes(
    everything: str, create: Callable[..., str], server: Any
) -> None:
    more = (
        "CREATE SCHEMA more; CREATE TABLE more.t (s varchar(9) CHECK (s IN ('a', 'b')), n numeric CHECK (n IN (1, 2)),"
        " d date DEFAULT '2020-01-02' CHECK (d > '2020-01-01'), i int, drop_me int, z int[][]);"
        "ALTER TABLE more.t DROP COLUMN drop_me; ALTER TABLE more.t ADD COLUMN last char(2) CHECK (last IN ('ab', 'cd'));"
        "CREATE INDEX ON more.t (i) WHERE s IN ('a', 'b') AND last IN ('ab');"
    )
    with psycopg.connect(everything, autocommit=True) as connection:
        connection.execute(more)
    dump = subprocess.run([server.bin / "pg_dump", everything], capture_output=True, check=True).stdout
    restored = create()
    psql = [server.bin / "psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", restored]
    subprocess.run(psql, input=dump, check=True, stdout=subprocess.DEVNULL)
    assert text(everything, *FEATURES, "more") == text(restored, *FEATURES, "more")
    assert 's: Literal["a", "b"] | None' in text(restored, "more")


def test_the_order_in_which_things_were_made_does_not_show(create: Callable[..., str]) -> None:
    pieces = [
        "CREATE TYPE public.b_mood AS ENUM ('x', 'y')",
        "CREATE TYPE public.a_mood AS ENUM ('x')",
        "CREATE DOMAIN public.b_short AS varchar(3)",
        "CREATE DOMAIN public.a_short AS text",
        "CREATE TYPE public.b_pair AS (l int, r public.b_mood)",
        "CREATE TABLE public.z (id int PRIMARY KEY, m public.b_mood)",
        'CREATE TABLE public."Z" (id int PRIMARY KEY, p public.b_pair)',
        "CREATE TABLE public.a (id int PRIMARY KEY, z int REFERENCES public.z, s public.b_short)",
        "ALTER TABLE public.z ADD CONSTRAINT c2 UNIQUE (m)",
        "ALTER TABLE public.z ADD CONSTRAINT c1 CHECK (id > 0)",
        "ALTER TABLE public.z ADD CONSTRAINT c0 CHECK (id < 9)",
    ]
    other = [pieces[i] for i in (0, 5, 10, 9, 8, 2, 7, 4, 6, 3, 1)]
    assert text(create(*pieces), "public") == text(create(*other), "public")


def test_what_the_models_do_not_show_is_in_the_fingerprint_no_more_than_it_must(
    create: Callable[..., str],
) -> None:
    url = create("CREATE TABLE public.t (id int)", "INSERT INTO public.t VALUES (1)")
    before = read_schema(url, Selection()).fingerprint
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO public.t VALUES (2); ANALYZE public.t; CREATE SCHEMA elsewhere")
        assert read_schema(url, Selection()).fingerprint == before
        connection.execute("ALTER TABLE public.t ALTER COLUMN id SET NOT NULL")
        assert read_schema(url, Selection()).fingerprint != before


@pytest.mark.nightly
def test_every_python_writes_the_same_bytes(everything: str, tmp_path: Path) -> None:
    wanted = text(everything).encode()
    seen: list[str] = []
    root = Path(__file__).parent.parent.parent
    for version in PYTHONS:
        python = _python(version)
        if python is None:
            continue
        venv = tmp_path / version
        subprocess.run([python, "-m", "venv", str(venv)], check=True, stdout=subprocess.DEVNULL)
        installed = subprocess.run(
            [str(venv / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check", str(root)],
            capture_output=True, text=True,
        )  # fmt: skip
        assert installed.returncode == 0, installed.stderr
        run = subprocess.run(
            [str(venv / "bin" / "mastra"), "engine", "generate", "--output", "-",
             *(word for feature in FEATURES for word in ("--schema", feature))],
            cwd=tmp_path, capture_output=True, env={"PATH": os.environ["PATH"], "DB_URL": everything},
        )  # fmt: skip
        assert run.returncode == 0, run.stderr.decode()
        assert run.stdout == wanted, version
        seen.append(version)
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in seen


def _python(version: str) -> str | None:
    """That Python's program: of pyenv, else of PATH; the running one is always there."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    candidates = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
    return str(candidates[-1]) if candidates else shutil.which(f"python{version}")
