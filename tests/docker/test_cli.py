"""The commands on a real engine: what is printed, written and left behind."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from dotenv import dotenv_values

from mastra_cli.local.project import find_project
from tests.cli.conftest import Mastra, mastra, place  # noqa: F401 (fixtures)
from tests.servers import free_port

pytestmark = pytest.mark.docker


@pytest.fixture(autouse=True)
def leftovers(place: Path) -> Iterator[None]:  # noqa: F811
    """Whatever a test makes must be gone when it ends."""
    yield
    left: list[str] = []
    for name in (find_project(place).identity, f"custom-{place.parent.name.replace('_', '-')}"):
        label = f"label=com.docker.compose.project={name}"
        for words in (["ps", "-aq"], ["volume", "ls", "-q"], ["network", "ls", "-q"]):
            seen = subprocess.run(
                ["docker", *words, "--filter", label], capture_output=True, text=True, check=True
            )
            left += seen.stdout.split()
    assert left == []


@pytest.fixture
def project(place: Path, mastra: Mastra) -> Iterator[Path]:  # noqa: F811
    yield place
    for config in ("mastra-pg.docker-compose.yaml", "custom.yaml"):
        if (place / config).exists():
            mastra("down", "-f", config, "--volumes", "--yes")


def env(folder: Path) -> dict[str, str]:
    return {k: v or "" for k, v in dotenv_values(folder / ".env").items()}


def test_add_with_an_engine_that_answers_makes_a_container(project: Path, mastra: Mastra) -> None:  # noqa: F811
    port = free_port()
    first = mastra("add", "--port", str(port), "--json")
    assert first.code == 0, first.err
    document = first.document
    assert (document["provider"], document["port"], document["started"]) == ("docker", port, ["db"])
    identity = find_project(project).identity
    assert document["project"] == identity
    assert sorted(document["written"]) == [".env", ".gitignore", "mastra-pg.docker-compose.yaml"]
    assert stat.S_IMODE((project / ".env").stat().st_mode) == 0o600
    assert (project / ".gitignore").read_text() == ".env\n"
    shown = subprocess.run(["docker", "port", f"{identity}-db-1"], capture_output=True, text=True, check=True)
    assert shown.stdout == f"5432/tcp -> 127.0.0.1:{port}\n"
    values = env(project)
    assert values["POSTGRES_PASSWORD"] not in first.out + first.err

    again = mastra("add", "--json").document
    assert (again["written"], again["started"], again["migrated"]) == ([], [], [])
    seen = mastra("status", "--json").document
    assert (seen["running"], seen["provider"], seen["container"]["name"]) == (
        True,
        "docker",
        f"{identity}-db-1",
    )

    with psycopg.connect(values["DB_URL"]) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS n")
    down = mastra("down")
    assert down.code == 0
    assert f"kept {identity}_data (" in down.out
    assert mastra("status").code == 1
    up = mastra("up", "--json").document
    assert up["services"] == [{"name": "db", "state": "running", "address": f"127.0.0.1:{port}"}]
    with psycopg.connect(values["DB_URL"]) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (42,)
    gone = mastra("down", "--volumes", "--yes", "--json").document
    assert f"{identity}_data" in gone["removed"]
    assert gone["kept"] == []


CUSTOM = """\
name: {token}
services:
  db:
    image: pgvector/pgvector:pg18
    env_file: db.env
    ports:
      - 127.0.0.1:{port}:5432
    volumes:
      - data:/var/lib/postgresql
      - ./seed:/seed:ro
    healthcheck:
      test: [CMD-SHELL, "pg_isready -h 127.0.0.1 -U ann -d shop"]
      interval: 1s
      retries: 60
    depends_on:
      cache:
        condition: service_healthy
  cache:
    image: pgvector/pgvector:pg18
    environment:
      POSTGRES_PASSWORD: other
    healthcheck:
      test: [CMD-SHELL, "pg_isready -h 127.0.0.1 -U postgres"]
      interval: 1s
      retries: 60
volumes:
  data:
"""


def test_add_f_uses_a_config_with_more_services_as_it_is(project: Path, mastra: Mastra) -> None:  # noqa: F811
    port, name = free_port(), f"custom-{project.parent.name.replace('_', '-')}"
    text = CUSTOM.format(token=name, port=port)
    (project / "custom.yaml").write_text(text)
    (project / "db.env").write_text("POSTGRES_USER=ann\nPOSTGRES_PASSWORD=p%@/w\nPOSTGRES_DB=shop\n")
    (project / "seed").mkdir()
    added = mastra("add", "-f", "custom.yaml", "--json")
    assert added.code == 0, added.err
    assert sorted(added.document["started"]) == ["cache", "db"]
    assert added.document["port"] == port
    assert (project / "custom.yaml").read_text() == text
    assert not (project / "mastra-pg.docker-compose.yaml").exists()
    values = env(project)
    assert values["DB_URL"] == f"postgresql://ann:p%25%40%2Fw@127.0.0.1:{port}/shop"
    assert (values["POSTGRES_PASSWORD"], values["POSTGRES_PORT"]) == ("p%@/w", str(port))
    assert mastra("migrate", "--check").code == 0
    before = (project / ".env").read_bytes()
    assert mastra("add", "-f", "custom.yaml").code == 0
    assert (project / ".env").read_bytes() == before
    (project / ".env").unlink()
    for command in ("status", "up"):
        assert "`mastra engine add -f custom.yaml`" in mastra(command, "-f", "custom.yaml").err
    assert mastra("down", "-f", "custom.yaml", "--json").document["kept"][0] == f"{name}_data"


def test_an_unsupported_key_is_named_with_its_line(place: Path, mastra: Mastra) -> None:  # noqa: F811
    (place / "custom.yaml").write_text("services:\n  db:\n    image: postgres\n    build: .\n")
    result = mastra("up", "-f", "custom.yaml", "--json")
    assert result.code == 1
    error = result.document["error"]
    assert error["code"] == "docker_config_unsupported"
    assert "build" in error["message"]
    assert "line 4" in error["message"]
    assert "docker compose -f custom.yaml up -d" in error["hint"]


def test_a_taken_port_leaves_nothing(place: Path, mastra: Mastra) -> None:  # noqa: F811
    import socket

    with socket.create_server(("127.0.0.1", 0)) as holder:
        result = mastra("add", "--port", str(holder.getsockname()[1]), "--json")
    assert (result.code, result.document["error"]["code"]) == (1, "port_taken")
    assert list(place.iterdir()) == []


def test_an_image_that_can_not_be_had_leaves_nothing(place: Path, mastra: Mastra) -> None:  # noqa: F811
    result = mastra("add", "--image", "127.0.0.1:1/nobody/nothing:pg18", "--port", str(free_port()), "--json")
    assert (result.code, result.document["error"]["code"]) == (1, "image_unavailable")
    assert "127.0.0.1:1/nobody/nothing:pg18" in result.document["error"]["message"]
    assert list(place.iterdir()) == []


def test_a_name_that_no_image_can_have_is_an_image_that_can_not_be_had(place: Path, mastra: Mastra) -> None:  # noqa: F811
    result = mastra("add", "--image", "bad image", "--port", str(free_port()), "--json")
    assert (result.code, result.document["error"]["code"]) == (1, "image_unavailable")
    assert list(place.iterdir()) == []


def test_a_password_that_no_longer_fits_is_repaired_with_yes(project: Path, mastra: Mastra) -> None:  # noqa: F811
    assert mastra("add", "--port", str(free_port()), "--no-migrate").code == 0
    old = (project / ".env").read_text()
    assert mastra("down").code == 0
    (project / ".env").write_text(old.replace(env(project)["POSTGRES_PASSWORD"], "another-password"))
    refused = mastra("up", "--json")
    assert refused.code == 5
    assert "up --yes" in refused.document["error"]["hint"]
    assert mastra("up", "--yes").code == 0
    with psycopg.connect(env(project)["DB_URL"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_with_force_the_other_provider_takes_over_and_the_data_stays(project: Path, mastra: Mastra) -> None:  # noqa: F811
    assert mastra("add", "--port", str(free_port()), "--no-migrate").code == 0
    identity = find_project(project).identity
    refused = mastra("add", "--provider", "embedded")
    assert refused.code == 1
    assert refused.err == (
        f"error: this project's data is with the docker provider ({identity}_data)\n"
        " hint: delete it with `mastra engine down --volumes`, or leave it there and start an empty embedded "
        "database with --force\n"
    )
    moved = mastra("add", "--provider", "embedded", "--force", "--no-migrate")
    assert moved.code == 0, moved.err
    assert f"stopped the docker server; its data stays in {identity}_data\n" in moved.err
    assert env(project)["MASTRA_ENGINE_PROVIDER"] == "embedded"
    assert mastra("status", "--json").document["provider"] == "embedded"
    assert mastra("down", "--volumes", "--yes").code == 0


def test_an_engine_that_does_not_answer_is_exit_4(
    place: Path, mastra: Mastra, monkeypatch: pytest.MonkeyPatch  # noqa: F811
) -> None:  # fmt: skip
    with monkeypatch.context() as patch:
        patch.setenv("DOCKER_HOST", f"unix://{place}/none.sock")
        result = mastra("add", "--provider", "docker", "--json")
    assert (result.code, result.document["error"]["code"]) == (4, "no_engine")
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("at", [0.6, 1.2, 2.5])
def test_ctrl_c_undoes_what_the_run_made(place: Path, mastra: Mastra, at: float) -> None:  # noqa: F811
    process = subprocess.Popen(
        [sys.executable, "-m", "mastra_cli", "engine", "add", "--port", str(free_port()), "--json"],
        cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(at)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=90)
    if process.returncode == 0:
        assert mastra("down", "--volumes", "--yes").code == 0
        return
    assert process.returncode == 130, err
    assert json.loads(out)["error"]["code"] == "interrupted"
    assert list(place.iterdir()) == []
