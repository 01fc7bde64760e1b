"""`mastra engine ...`: one command a file; what all of them share is here."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

import typer

from mastra_cli.cli import failures
from mastra_cli.cli.console import Console
from mastra_cli.cli.engine import add, down, generate, migrate, status, up

COMMANDS = ("add", "up", "down", "status", "migrate", "generate")

app = typer.Typer(
    help="A Postgres with pgvector for this project: start it, migrate it, generate models from it.",
    epilog=failures.EXIT_HELP,
    no_args_is_help=True,
)

_EVERYWHERE: dict[str, Any] = {
    "json": Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")],
    "quiet": Annotated[bool, typer.Option("--quiet", "-q", help="Print answers, warnings and errors alone.")],
    "verbose": Annotated[bool, typer.Option("--verbose", "-v", help="Say more on stderr.")],
    "no_color": Annotated[bool, typer.Option("--no-color", help="No colours (as NO_COLOR=1).")],
    "env_file": Annotated[
        Path | None,
        typer.Option("--env-file", metavar="FILE", help="Read and write FILE in place of .env."),
    ],
}


def _command(function: Callable[..., None]) -> None:
    """Register a command: it gets its `Console`, every command's options, and its failures reported."""

    @wraps(function)
    def run(
        json: bool, quiet: bool, verbose: bool, no_color: bool, env_file: Path | None, **options: Any
    ) -> int:
        console = Console(function.__name__, json=json, quiet=quiet, verbose=verbose, no_color=no_color)
        try:
            function(console, env_file, **options)
            return console.exit_code
        except BrokenPipeError:
            raise  # nobody reads stdout, and `main` knows what to do
        except (Exception, KeyboardInterrupt) as failure:
            return failures.report(console, failure)

    own = list(inspect.signature(function, eval_str=True).parameters.values())[2:]
    shared = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            annotation=annotation,
            default=None if name == "env_file" else False,
        )
        for name, annotation in _EVERYWHERE.items()
    ]
    signature = inspect.Signature([p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own] + shared)
    run.__signature__ = signature  # pyright: ignore[reportAttributeAccessIssue]
    run.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    del run.__wrapped__  # or Typer reads the inner function's signature
    app.command(function.__name__, epilog=failures.EXIT_HELP)(run)


for _function in (add.add, up.up, down.down, status.status, migrate.migrate, generate.generate):
    _command(_function)
