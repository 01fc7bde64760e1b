from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import mastra_cli
from mastra_cli.runtime import _async, _sync


@pytest.mark.parametrize("name", mastra_cli.__all__)
def test_every_public_name_loads_and_has_a_docstring(name: str) -> None:
    value = getattr(mastra_cli, name)
    assert value.__name__ == name
    assert value.__doc__
    assert name in dir(mastra_cli)


def test_type_checkers_see_what_the_program_loads() -> None:
    tree = ast.parse(Path(mastra_cli.__file__).read_text(encoding="utf-8"))
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        a.name: node.module for node in block.body if isinstance(node, ast.ImportFrom) for a in node.names
    }
    assert seen == mastra_cli._HOMES
    assert sorted(seen) == mastra_cli.__all__


def test_every_class_of_the_library_is_public_in_both_colours() -> None:
    for tree in (_async, _sync):
        for name, module in tree.HOMES.items():
            assert mastra_cli._HOMES[name] == f"{tree.__name__}.{module}"


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'mastra_cli' has no attribute 'Nonsense'"):
        _ = mastra_cli.Nonsense


def test_errors_are_caught_by_either_name() -> None:
    code = "import mastra_cli; assert mastra_cli.errors.EntityExists is mastra_cli.EntityExists"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_importing_the_package_loads_nothing() -> None:
    code = "import sys, mastra_cli; print('psycopg' in sys.modules, 'typer' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "False False\n"
