from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mastra_cli import cli, errors
from mastra_cli.cli import failures
from mastra_cli.cli.console import Console
from mastra_cli.cli.engine import COMMANDS

from .conftest import Mastra

CLASSES = [name for name in errors.__all__ if name[0].isupper()]


def mastra(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "mastra_cli", *arguments], capture_output=True, text=True)


def test_version() -> None:
    result = mastra("--version")
    assert (result.returncode, result.stdout, result.stderr) == (0, "mastra 0.1.0\n", "")


@pytest.mark.parametrize("words", [[], ["engine"]])
def test_without_a_command_help_is_shown(words: list[str]) -> None:
    result = mastra(*words)
    assert result.returncode == 2
    assert "Usage: mastra" in result.stdout + result.stderr
    assert "error:" not in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_and_the_exit_codes(command: str) -> None:
    result = mastra("engine", command, "--help")
    assert result.returncode == 0
    text = " ".join(result.stdout.split())
    assert re.search(rf"Example: (DB_URL=\S+ )?mastra engine {command}", text)
    assert "4 no Docker engine answers" in text
    assert "…" not in text  # nothing is cut off at 80 columns
    for option in ("--json", "--quiet", "--verbose", "--no-color", "--env-file"):
        assert option in text


@pytest.mark.parametrize(
    ("words", "message"),  # Typer words them differently from version to version
    [
        (["--nonsense"], "no such option: --nonsense"),
        (["--timeout", "x"], "invalid value for '--timeout': "),
        (["extra"], "got unexpected extra argument"),
    ],
)
def test_a_usage_error_is_one_document_too(mastra: Mastra, words: list[str], message: str) -> None:
    result = mastra("up", *words, "--json")
    assert result.code == 2
    document = result.document
    assert document["error"].pop("message").startswith(message)
    fault = {"code": "usage", "hint": "see `mastra engine up --help`"}
    assert document == {"ok": False, "command": "up", "error": fault}


def test_a_usage_error_in_words(mastra: Mastra) -> None:
    result = mastra("up", "--nonsense")
    assert (result.code, result.out) == (2, "")
    assert result.err == "error: no such option: --nonsense\n hint: see `mastra engine up --help`\n"


def test_a_value_that_is_none_of_a_few_is_told_beside_them(mastra: Mastra) -> None:
    assert mastra("add", "--provider", "dockr").err.splitlines() == [
        "error: invalid value for '--provider': 'dockr' is not one of 'auto', 'docker', 'embedded'",
        " hint: see `mastra engine add --help`",
    ]


def test_an_unknown_command_is_a_document_too(mastra: Mastra) -> None:
    result = mastra("launch", "--json")
    assert result.code == 2
    assert result.document["error"]["message"] == "no such command 'launch'"


def test_an_unknown_command_leads_to_the_help_that_lists_them(mastra: Mastra) -> None:
    assert mastra("launch").err == "error: no such command 'launch'\n hint: see `mastra engine --help`\n"


def test_ctrl_c_at_a_question_ends_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def readline(self, *_: object) -> str:
            raise KeyboardInterrupt

        def isatty(self) -> bool:
            return True

    said = io.StringIO()
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr("sys.stderr", said)
    with pytest.raises(KeyboardInterrupt):
        Console("down").ask("Sure?", flag="--yes")
    assert said.getvalue() == "Sure? \n"


def test_ctrl_c_is_a_document_too(mastra: Mastra, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mastra_cli.local.project.find_project", interrupted)
    result = mastra("status", "--json")
    assert result.code == 130
    assert result.document == {
        "ok": False,
        "command": "status",
        "error": {"code": "interrupted", "message": "interrupted", "hint": None},
    }


def test_ctrl_c_while_the_command_is_loaded_is_a_document_too(tmp_path: Path) -> None:
    # A module that the command imports, in whose place another presses Ctrl-C.
    (tmp_path / "typer.py").write_text(
        "import os, signal, sys\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.path.remove(os.path.dirname(__file__))\n"
        "del sys.modules['typer']\n"
        "import typer\n"
    )
    result = subprocess.run(
        [sys.executable, "-m", "mastra_cli", "engine", "status", "--json"],
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr) == (130, "")
    assert json.loads(result.stdout)["error"]["code"] == "interrupted"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_while_python_ends_changes_no_exit_status(place: Path, name: str) -> None:
    # What Python forgets last presses Ctrl-C, when none of its own handlers are left.
    program = (
        "import os, signal, sys\n"
        "from mastra_cli.__main__ import main\n"
        "class Last:\n"
        f"    def __del__(self, kill=os.kill, me=os.getpid(), signal=signal.{name}): kill(me, signal)\n"
        "sys.last = Last()\n"
        "main()\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program, "--version"], cwd=place, capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith("mastra ")


def test_what_is_no_error_of_ours_shows_its_class_and_place_alone(
    mastra: Mastra, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("postgresql://u:s3cret@h/d")

    monkeypatch.setattr("mastra_cli.local.project.find_project", broken)
    result = mastra("status")
    assert result.code == 1
    assert result.err.startswith("error: unexpected ValueError at ")
    assert "s3cret" not in result.err
    assert "this is a bug in mastra-cli; please report it" in result.err


def test_every_error_has_an_exit_code_of_the_table() -> None:
    for name in CLASSES:
        assert failures.EXIT_CODES.get(getattr(errors, name), 1) in (1, 2, 4, 5, 6, 7, 130)


def test_the_error_tree_is_drawn_whole() -> None:
    drawn = {line.split()[-1] for line in (errors.__doc__ or "").splitlines() if line.strip()[-1:].isalnum()}
    assert set(CLASSES) <= drawn
    assert errors.__all__ == sorted(errors.__all__)


def test_a_code_is_the_class_in_snake_case() -> None:
    assert errors.PortTaken("x").code == "port_taken"
    assert errors.NoDatabaseUrl("x").code == "no_database_url"


def test_a_reader_that_goes_away_is_no_traceback() -> None:
    result = subprocess.run(
        f"'{sys.executable}' -m mastra_cli engine --help | true", shell=True, capture_output=True, text=True
    )
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("redirection", ["2>&-", ">&-", ">&- 2>&- <&-"])
def test_closed_streams_change_no_exit_status(place: Path, redirection: str) -> None:
    command = f"'{sys.executable}' -m mastra_cli engine migrate --env-file nowhere {redirection}"
    result = subprocess.run(command, shell=True, capture_output=True, text=True, cwd=place)
    assert result.returncode == 1
    assert "AttributeError" not in result.stderr
    assert ("no database URL" in result.stderr) == ("2>&-" not in redirection)


def test_a_terminal_that_can_not_show_a_character_gets_its_code(place: Path) -> None:
    command = [sys.executable, "-m", "mastra_cli", "engine", "migrate", "--env-file", "nö-😀", "--json"]
    environ = os.environ | {"PYTHONIOENCODING": "ascii"}
    result = subprocess.run(command, capture_output=True, text=True, cwd=place, env=environ)
    assert json.loads(result.stdout)["error"]["message"].endswith("or in nö-😀")
    (place / ".env").write_text("DB_URL=postgresql://bö:pw@127.0.0.1:1/d\n")
    command[4:] = ["status"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=place, env=environ)
    assert (result.returncode, "//b\\xf6:***@" in result.stdout) == (1, True)


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from mastra_cli import cli; cli.run(['engine', '--help']); import json;"
        "print(json.dumps([m for m in ('docker','alembic','sqlalchemy','datamodel_code_generator','psycopg')"
        " if m in sys.modules]))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert json.loads(result.stdout.splitlines()[-1]) == []


def test_the_exit_status_of_a_run_is_returned() -> None:
    assert cli.run(["--version"]) == 0
