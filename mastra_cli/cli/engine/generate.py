"""`mastra engine generate`"""

from __future__ import annotations

import shlex
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from mastra_cli.cli import failures
from mastra_cli.cli.console import Console
from mastra_cli.errors import GenerateFailed, NotWritable, Usage
from mastra_cli.settings import require_url

if TYPE_CHECKING:
    from mastra_cli.codegen.render import Module
    from mastra_cli.codegen.schema import Schema

_STDOUT = Path("-")


def generate(
    console: Console,
    env_file: Path | None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The module to write; - is stdout.")
    ] = Path("mastra_models.py"),
    schema: Annotated[
        list[str] | None,
        typer.Option(
            "--schema", metavar="NAME", help="A schema; again for more (default: mastra and public)."
        ),
    ] = None,
    table: Annotated[
        list[str] | None, typer.Option("--table", metavar="GLOB", help="Only these: contact, crm.*, log_*.")
    ] = None,
    exclude: Annotated[list[str] | None, typer.Option("--exclude", metavar="GLOB", help="Not these.")] = None,
    style: Annotated[
        Literal["pydantic", "dataclass", "typeddict", "msgspec"], typer.Option(help="What the classes are.")
    ] = "pydantic",
    enums: Annotated[
        Literal["literal", "class"], typer.Option(help="Enums as Literal, or as StrEnum.")
    ] = "literal",
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 3 and print a diff when the file is stale.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail when a type is not understood, in place of a warning.")
    ] = False,
    diagram: Annotated[
        Path | None,
        typer.Option(
            "--diagram", metavar="FILE", help="Draw the tables too, as Mermaid: FILE.mmd or FILE.md."
        ),
    ] = None,
) -> None:
    """Write typed Python models of the database's tables, views, enums and composites.

    Example: mastra engine generate --output app/models.py --schema public
    """
    if output == Path("/dev/stdout"):
        output = _STDOUT  # a file where it was redirected to one, which a rename would not reach
    if output == _STDOUT and console.json:
        raise Usage("--output - and --json both want stdout", hint="name a file, or leave --json out")
    if output == _STDOUT and check:
        raise Usage("--check compares with a file, and --output is -", hint="name the file with --output")
    if diagram is not None and diagram.suffix not in (".mmd", ".md"):
        raise Usage(f"--diagram {diagram}: the name must end in .mmd or .md", hint="say --diagram schema.md")
    if diagram is not None and diagram.resolve() == output.resolve():
        raise Usage("--output and --diagram name one file", hint="say --diagram schema.md")
    read, module = _make(console, env_file, (schema, table, exclude), style, enums)
    for name, reason in module.unsupported:
        console.warn(f"{name}: {reason}")
    if strict and module.unsupported:
        name, reason = module.unsupported[0]
        raise GenerateFailed(
            f"not understood: {name} ({reason}); {len(module.unsupported)} in all",
            hint="leave --strict out, or leave the table out with --exclude",
        )
    if not read.tables:
        console.say("there is no table: the registry is empty")
        if not (schema or table or exclude):
            console.say("for other schemas than mastra and public say --schema NAME")
    files = {output: module.text}
    if diagram is not None:
        from mastra_cli.codegen.diagram import draw

        files[diagram] = draw(read, markdown=diagram.suffix == ".md")
    keys = {
        "output": str(output),
        "fingerprint": read.fingerprint,
        "tables": [str(table.name) for table in read.tables],
        "unsupported": [{"object": name, "reason": reason} for name, reason in module.unsupported],
    }
    if check:
        _check(console, files, keys)
    else:
        _write(console, files, keys)


def _make(
    console: Console, env_file: Path | None, globs: tuple[list[str] | None, ...], style: Any, enums: Any
) -> tuple[Schema, Module]:
    url = require_url(env_file)
    console.detail(f"database: {url.masked} ({url.source})")
    from mastra_cli.codegen.catalog import Selection, read_schema
    from mastra_cli.codegen.render import render
    from mastra_cli.local.ready import probe

    with failures.traced_to(url):
        probe(url.value, timeout=10)
        read = read_schema(url.value, Selection(*(tuple(glob or ()) for glob in globs)))
    return read, render(read, style, enums)


def _present(path: Path) -> str | None:
    """What is there now; None: nothing. Line endings are not compared: git may have changed them."""
    from mastra_cli.local.files import refuse_what_is_no_file

    refuse_what_is_no_file(path)
    try:
        return path.read_bytes().decode(errors="replace").replace("\r\n", "\n")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise NotWritable(
            f"{path} can not be read: {error.strerror}", hint="name another file with --output"
        ) from error


def _check(console: Console, files: dict[Path, str], keys: dict[str, Any]) -> None:
    diffs: list[str] = []
    for path, text in files.items():
        old = _present(path)
        if old != text:
            before, name = ("/dev/null", f"{path} (missing)") if old is None else (str(path), str(path))
            console.say(f"{name} is stale: the same command without --check writes it")
            lines = unified_diff(
                (old or "").splitlines(keepends=True),
                text.splitlines(keepends=True),
                before,
                f"{path} (from the database)",
            )
            diffs += [
                line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
            ]
    diff = "".join(diffs)
    if diff:
        console.answer(diff)
    else:
        console.say(f"{' and '.join(map(str, files))}: up to date")
    console.finish(3 if diff else 0, **keys, changed=bool(diff), diff=diff)


def _write(console: Console, files: dict[Path, str], keys: dict[str, Any]) -> None:
    from mastra_cli.codegen.text import SIGNATURE
    from mastra_cli.local.files import write_atomically

    present = {path: _present(path) for path in files if path != _STDOUT}
    for path, old in present.items():
        # Models or a README that somebody wrote by hand may exist nowhere else.
        if old and old.strip() and SIGNATURE not in old:
            raise NotWritable(
                f"{path} was not written by `mastra engine generate`, and is left as it is",
                hint=f"name another file, or move it away: mv {shlex.quote(str(path))} "
                f"{shlex.quote(f'{path}.old')}",
            )
    changed = False
    for path, text in files.items():
        if path == _STDOUT:
            console.answer(text)
        elif present[path] == text:
            console.say(f"{path}: up to date")
        else:
            write_atomically(path, text.encode())
            console.say(f"{path}: written, {len(keys['tables'])} tables and views")
            changed = True
    console.finish(0, **keys, changed=changed)
