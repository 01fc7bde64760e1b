"""The `mastra` command."""

from __future__ import annotations

import os
import signal
import sys
from typing import Annotated, Any, NoReturn

import typer

from mastra_cli.cli import engine, failures
from mastra_cli.cli.console import Console
from mastra_cli.errors import Usage

app = typer.Typer(
    name="mastra",
    help="Postgres for AI applications: a running, migrated, typed database in one command.",
    epilog="Start with: mastra engine add",
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(engine.app, name="engine")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"mastra {version('mastra-cli')}")
        raise typer.Exit


@app.callback()
def mastra(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None: ...


def main(arguments: list[str] | None = None, *, interrupted: bool = False) -> NoReturn:
    """Run the command line, unless it was `interrupted` already; never returns."""
    arguments = sys.argv[1:] if arguments is None else arguments
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started us: `>&-`
            setattr(sys, name, open(os.devnull, "w"))  # noqa: PTH123, SIM115
    signal.signal(signal.SIGTERM, _terminated)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # not under `nohup`
        signal.signal(signal.SIGHUP, _terminated)
    status = failures.report(_console(arguments), KeyboardInterrupt()) if interrupted else run(arguments)
    # What is done is done and told: a Ctrl-C while Python ends must not say otherwise.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    sys.exit(status)


def run(arguments: list[str]) -> int:
    """The exit status of one command line."""
    try:
        result: Any = app(args=arguments, prog_name="mastra", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except BrokenPipeError:
        # The reader of our output went away (`| head`): nobody is there to tell.
        sys.stdout = None
        return 1
    except (KeyboardInterrupt, typer.Abort):
        return failures.report(_console(arguments), KeyboardInterrupt())
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1
    except Exception as error:
        # Typer's usage errors differ in class between its versions; all of them can format themselves.
        message = getattr(error, "format_message", None)
        if callable(message) and not message() and "--json" not in arguments:
            return 2  # no command given: the help is printed already
        sentence = _sentence(message()) if callable(message) else ""
        failure = Usage(sentence or "no command given", hint=_help(arguments)) if callable(message) else error
        return failures.report(_console(arguments), failure)


def _terminated(number: int, frame: object) -> NoReturn:
    # As Ctrl-C: what waits for a server or a container already knows how to end cleanly on that.
    raise KeyboardInterrupt(f"ended by signal {signal.Signals(number).name}")


def _sentence(message: Any) -> str:
    # Some versions of Typer tell the class of the error too.
    text = str(message).strip().removesuffix(".").replace(": Value error, ", ": ", 1)
    return text[:1].lower() + text[1:]


def _help(arguments: list[str]) -> str:
    command = _command(arguments)
    if command:
        return f"see `mastra engine {command} --help`"
    return "see `mastra engine --help`" if "engine" in arguments[:1] else "see `mastra --help`"


def _command(arguments: list[str]) -> str | None:
    return next((word for word in arguments if word in engine.COMMANDS), None)


def _console(arguments: list[str]) -> Console:
    """For what fails before a command has one of its own."""
    return Console(_command(arguments) or "", json="--json" in arguments, no_color="--no-color" in arguments)
