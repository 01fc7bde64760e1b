"""The README's first command and what comes after it, as somebody does it who has nothing but Python."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.test_wheel import wheel  # noqa: F401 (a fixture)

pytestmark = [pytest.mark.wheel, pytest.mark.timeout(600)]

ACCOUNT = "mastra-newcomer"


def install_line() -> str:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    [line] = re.findall(r"<!-- install -->\n```sh\n(.*)\n```", text)
    return line


@pytest.fixture(params=["root", "user"])
def newcomer(request: pytest.FixtureRequest) -> Iterator[tuple[list[str], Path]]:
    """How to run a command as somebody, and an empty directory of theirs; root is only there for root."""
    folder = Path(tempfile.mkdtemp(prefix="mastra newcomer ñ "))
    folder.chmod(0o755)
    home = folder / "hôme"
    (home / "my app").mkdir(parents=True)
    prefix: list[str] = []
    if request.param == "user" and os.geteuid() == 0:
        try:
            pwd.getpwnam(ACCOUNT)
        except KeyError:
            subprocess.run(["useradd", "--system", "--no-create-home", ACCOUNT], check=True)
        subprocess.run(["chown", "-R", ACCOUNT, str(home)], check=True)
        prefix = ["setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}", "--clear-groups"]
    yield prefix, home
    shutil.rmtree(folder)


def test_from_nothing_to_a_typed_database(newcomer: tuple[list[str], Path], wheel: Path) -> None:  # noqa: F811
    prefix, home = newcomer
    project = home / "my app"
    shared = home.parent / "wheels"
    shared.mkdir()
    shutil.copy(wheel, shared)
    shared.chmod(0o755)
    pip = {k: v for k, v in os.environ.items() if k.startswith("PIP_")}
    pip["PIP_FIND_LINKS"] = f"{shared.as_uri()} {pip.get('PIP_FIND_LINKS', '')}".strip()
    environ = {
        **pip, "HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C",
        "DOCKER_HOST": f"unix://{home}/none.sock",
    }  # fmt: skip

    def bash(line: str, code: int = 0) -> str:
        result = subprocess.run(
            [*prefix, "bash", "-c", line], cwd=project, env=environ, capture_output=True, text=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert result.returncode == code, result.stdout + result.stderr
        return result.stdout

    mastra = ".venv/bin/mastra engine"
    try:
        out = bash(install_line())
        assert re.match(
            r"Postgres 18\.\d+ with pgvector [\d.]+ is running on 127\.0\.0\.1:\d+ \(embedded\)\n", out
        )
        made = {p.name for p in project.iterdir()}
        assert made == {".venv", ".env", ".gitignore", ".mastra", "mastra-pg.docker-compose.yaml"}
        assert stat.S_IMODE((project / ".env").stat().st_mode) == 0o600
        assert json.loads(bash(f"{mastra} status --json"))["pending"] == []
        bash(f"{mastra} generate && .venv/bin/python -c 'import mastra_models'")
        sql = "import psycopg, mastra_cli.settings as s; c = psycopg.connect(s.require_url().value, autocommit=True);"
        bash(f".venv/bin/python -c '{sql} c.execute(\"CREATE TABLE kept AS SELECT 42 AS n\")'")
        bash(f"{mastra} down && {mastra} up")
        kept = bash(f".venv/bin/python -c '{sql} print(c.execute(\"SELECT n FROM kept\").fetchone())'")
        assert kept == "(42,)\n"
    finally:
        bash(f"{mastra} down --volumes --yes")
    assert json.loads(bash(f"{mastra} status --json", code=1))["running"] is False
