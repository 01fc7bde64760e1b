"""Which line belongs in which file: one table, checked on syntax trees."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "mastra_cli"

# A dotted name as it is written in code, and the files that may use it.
WALLS: dict[str, tuple[str, ...]] = {
    "typer": ("cli/",),
    "rich": ("cli/console.py",),
    "docker": ("local/docker.py", "local/docker_"),
    "alembic": ("local/migrations.py", "local/migrations_index.py"),
    "sqlalchemy": ("local/migrations.py", "local/migrations_index.py"),
    "yaml": ("local/compose.py", "local/compose_"),
    "dotenv": ("settings.py", "local/dotenv.py"),
    "datamodel_code_generator": ("codegen/render.py", "codegen/render_"),
    "os.environ": ("settings.py",),
    "os.getenv": ("settings.py",),
    "psycopg.sql": (
        "runtime/sql/vectors.py",
        "runtime/sql/vectors_",
        "runtime/sql/selections.py",
        "runtime/fragments.py",
        "runtime/filter_sql.py",
        "runtime/ordering_sql.py",
    ),
    "asyncio": ("runtime/_async/waiting.py", "runtime/_sync/waiting.py"),
    "print": (),
    "sys.exit": ("cli/__init__.py",),
}


def used_names(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute):
            names.add(ast.unparse(node))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            names.add(node.func.id)
    return names


@pytest.mark.parametrize("wall", WALLS)
def test_only_its_room_uses(wall: str) -> None:
    strangers: list[str] = []
    for file in sorted(PACKAGE.rglob("*.py")):
        place = file.relative_to(PACKAGE).as_posix()
        if place.startswith(WALLS[wall]) if WALLS[wall] else False:
            continue
        names = used_names(ast.parse(file.read_text(encoding="utf-8")))
        if any(name == wall or name.startswith(f"{wall}.") for name in names):
            strangers.append(place)
    assert strangers == []


def test_the_migrations_folder_is_no_package() -> None:
    assert not (ROOT / "alembic" / "__init__.py").exists(), "it would shadow the alembic library"
