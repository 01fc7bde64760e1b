"""`add`, `up`, `status`, `down` with the embedded server; tests/docker has them with containers."""

from __future__ import annotations

import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import yaml
from dotenv import dotenv_values

from mastra_cli.local.files import write_atomically
from mastra_cli.local.project import find_project

from .conftest import Mastra

ADD = ("add", "--provider", "embedded")


@pytest.fixture
def project(place: Path, mastra: Mastra) -> Iterator[Path]:
    """A directory whose server, if it has one in the end, is taken down with its data."""
    yield place
    if (place / ".env").exists():
        place.chmod(0o755)
        mastra("down", "--volumes", "--yes")


def env(folder: Path) -> dict[str, str]:
    return {k: v or "" for k, v in dotenv_values(folder / ".env").items()}


def files(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        p.name: (p.read_bytes(), stat.S_IMODE(p.stat().st_mode))
        for p in sorted(folder.iterdir())
        if p.is_file()
    }


def test_from_an_empty_directory_to_a_migrated_database_and_back(project: Path, mastra: Mastra) -> None:
    added = mastra(*ADD)
    assert added.code == 0, added.err
    values = env(project)
    port = values["POSTGRES_PORT"]
    head = r"Postgres 18\.\d+ with pgvector [\d.]+ is running on 127\.0\.0\.1:" + port + r" \(embedded\)\n"
    assert re.match(head, added.out)
    assert "wrote .env, .gitignore, mastra-pg.docker-compose.yaml\n" in added.out
    assert "  mastra engine status     what runs, and where\n" in added.out
    assert values["DB_URL"] == values["POSTGRES_CONNECTION_STRING"]
    password = values["POSTGRES_PASSWORD"]
    assert values["DB_URL"] == f"postgresql://postgres:{password}@127.0.0.1:{port}/mastra"
    assert len(password) >= 22
    assert password not in added.out + added.err
    assert stat.S_IMODE((project / ".env").stat().st_mode) == 0o600
    assert (project / ".gitignore").read_text() == ".env\n.mastra/\n"
    assert (project / ".mastra/.gitignore").read_text() == "*\n"
    config = yaml.safe_load((project / "mastra-pg.docker-compose.yaml").read_text())
    assert config["name"] == find_project(project).identity
    assert password not in (project / "mastra-pg.docker-compose.yaml").read_text()

    before = files(project)
    again = mastra(*ADD)
    assert again.code == 0
    assert "everything was there already: nothing changed\n" in again.out
    assert files(project) == before

    status = mastra("status", "--json")
    assert status.code == 0
    seen = status.document
    assert (seen["ok"], seen["running"], seen["provider"]) == (True, True, "embedded")
    assert seen["url"] == f"postgresql://postgres:***@127.0.0.1:{port}/mastra"
    assert seen["url_source"] == "DB_URL in .env"
    assert seen["pending"] == []
    assert seen["revision"] == seen["head"]
    assert {"schema": "mastra", "name": "records"}.items() <= seen["tables"][-2].items() or any(
        t["name"] == "records" for t in seen["tables"]
    )
    assert seen["pid"] > 0

    with psycopg.connect(values["DB_URL"]) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (42)")
    down = mastra("down")
    assert (down.code, down.out.splitlines()[0]) == (0, "stopped postgres")
    assert "kept " in down.out
    stopped = mastra("status")
    assert stopped.code == 1
    assert stopped.out.startswith("running   no\n")
    assert "start it with `mastra engine up`\n" in stopped.err
    assert mastra("down").out.startswith("nothing was running\n")

    up = mastra("up")
    assert (up.code, up.out.splitlines()[1]) == (0, f"  postgres  running  127.0.0.1:{port}")
    assert mastra("up").out.splitlines()[0].endswith("already up, nothing to do")
    with psycopg.connect(values["DB_URL"]) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (42,)

    gone = mastra("down", "--volumes", "--yes", "--json").document
    assert (gone["ok"], gone["stopped"], gone["kept"]) == (True, ["postgres"], [])
    assert len(gone["removed"]) == 1
    fresh = mastra("up")
    assert fresh.code == 0
    assert "pending: run `mastra engine migrate`" in fresh.err
    with psycopg.connect(values["DB_URL"]) as connection:
        assert connection.execute("SELECT to_regclass('kept')").fetchone() == (None,)


def test_add_as_one_document(project: Path, mastra: Mastra) -> None:
    first = mastra(*ADD, "--json").document
    port = int(env(project)["POSTGRES_PORT"])
    assert set(first) == {
        "ok", "command", "project", "provider", "url", "port", "env_file", "docker_config", "written", "started",
        "migrated", "server", "pgvector",
    }  # fmt: skip
    assert (first["ok"], first["command"], first["provider"], first["port"]) == (
        True,
        "add",
        "embedded",
        port,
    )
    assert sorted(first["written"]) == [".env", ".gitignore", "mastra-pg.docker-compose.yaml"]
    assert first["started"] == ["postgres"]
    assert first["migrated"][0] == "0001"
    assert first["url"] == f"postgresql://postgres:***@127.0.0.1:{port}/mastra"
    second = mastra(*ADD, "--json").document
    assert (second["ok"], second["written"], second["started"], second["migrated"]) == (True, [], [], [])
    assert second["port"] == port


def test_a_dry_run_touches_nothing(place: Path, mastra: Mastra) -> None:
    result = mastra(*ADD, "--dry-run", "--port", "5999")
    assert result.code == 0
    assert result.out == (
        "start Postgres on 127.0.0.1:5999 (embedded: asked for)\n"
        "write mastra-pg.docker-compose.yaml\n"
        "set in .env: DB_URL, MASTRA_ENGINE_PROVIDER, POSTGRES_CONNECTION_STRING, POSTGRES_DB, POSTGRES_PASSWORD, "
        "POSTGRES_PORT, POSTGRES_USER\n"
        "add to .gitignore: .env, .mastra/\n"
    )
    assert list(place.iterdir()) == []
    assert mastra(*ADD, "--dry-run", "--json").document["plan"][1] == "write mastra-pg.docker-compose.yaml"


def test_wishes_in_env_are_kept(project: Path, mastra: Mastra) -> None:
    (project / ".env").write_text(
        "# mine\nPOSTGRES_USER=ann\nPOSTGRES_PASSWORD='p%40 @/ß'\nPOSTGRES_DB=shop\nX=1\n"
    )
    result = mastra(*ADD, "--no-migrate")
    assert result.code == 0, result.err
    assert "can be read by its owner alone from now on" in result.err
    text = (project / ".env").read_text()
    assert text.startswith("# mine\nPOSTGRES_USER=ann\nPOSTGRES_PASSWORD='p%40 @/ß'\nPOSTGRES_DB=shop\nX=1\n")
    with psycopg.connect(env(project)["DB_URL"]) as connection:
        assert connection.execute("SELECT current_user, current_database()").fetchone() == ("ann", "shop")
    assert mastra("migrate", "--check").code == 3


def test_what_failed_before_it_did_anything_undoes_nothing(place: Path, mastra: Mastra) -> None:
    (place / ".gitignore").mkdir()
    (place / "mastra-pg.docker-compose.yaml").write_text("services: {db: {image: postgres}}\n")
    assert mastra(*ADD).err.startswith("error: ")


def test_a_taken_port_that_was_asked_for_fails_and_leaves_nothing(place: Path, mastra: Mastra) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        result = mastra(*ADD, "--port", str(port), "--json")
        assert result.code == 1
        assert result.document["error"]["code"] == "port_taken"
        assert str(port) in result.document["error"]["message"]
        assert f"{os.getpid()}" in result.document["error"]["message"]
    assert list(place.iterdir()) == []


def test_a_taken_default_port_gives_way_to_the_next(
    project: Path, mastra: Mastra, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        monkeypatch.setattr("mastra_cli.local.plan.DEFAULT_PORT", port)
        assert mastra(*ADD, "--no-migrate").code == 0
        assert int(env(project)["POSTGRES_PORT"]) > port


def test_a_url_that_points_elsewhere_needs_force(project: Path, mastra: Mastra) -> None:
    before = "DB_URL=postgresql://me:s3cret@db.example.com:5432/prod\n"
    (project / ".env").write_text(before)
    refused = mastra(*ADD, "--yes")
    assert refused.code == 2
    assert "points to postgresql://me:***@db.example.com:5432/prod. Replace it?" in refused.err
    assert " hint: answer it with --force\n" in refused.err
    assert "s3cret" not in refused.err
    assert (project / ".env").read_text() == before
    assert mastra(*ADD, "--force", "--no-migrate").code == 0
    assert env(project)["DB_URL"].startswith("postgresql://postgres:")


def test_a_url_in_the_shell_gets_one_warning(
    project: Path, mastra: Mastra, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_URL", "postgresql://me:s3cret@elsewhere/x")
    result = mastra(*ADD)
    assert result.code == 0
    assert result.err.count("warning:") == 1
    assert "warning: DB_URL in this shell (postgresql://me:***@elsewhere/x) beats .env" in result.err
    monkeypatch.delenv("DB_URL")
    assert (
        mastra("migrate", "--check").code == 0
    )  # the database that was added, not the shell's, was migrated


def test_two_directories_of_one_name_are_two_projects(tmp_path: Path) -> None:
    for parent in ("a", "b"):
        (tmp_path / parent / "shop").mkdir(parents=True)
    one, other = (find_project(tmp_path / parent / "shop") for parent in ("a", "b"))
    assert one.name == other.name == "shop"
    assert one.identity != other.identity
    assert re.fullmatch(r"shop-[0-9a-f]{8}", one.identity)


def test_the_other_provider_is_refused_while_there_is_data(project: Path, mastra: Mastra) -> None:
    assert mastra(*ADD, "--no-migrate").code == 0
    refused = mastra("add", "--provider", "docker")
    assert refused.code == 1
    assert refused.err.startswith("error: this project's data is with the embedded provider (")
    assert "`mastra engine down --volumes`" in refused.err
    assert env(project)["MASTRA_ENGINE_PROVIDER"] == "embedded"


def test_a_user_s_own_config_is_never_rewritten(place: Path, mastra: Mastra) -> None:
    config = place / "mastra-pg.docker-compose.yaml"
    config.write_text("services:\n  db:\n    image: postgres:17\n    ports:\n      - 127.0.0.1:6000:5432\n")
    refused = mastra(*ADD, "--image", "postgres:18")
    assert refused.code == 1
    assert refused.err == (
        "error: mastra-pg.docker-compose.yaml is your own file, so --image postgres:18 does not change it\n"
        " hint: edit line 3 of mastra-pg.docker-compose.yaml\n"
    )
    refused = mastra(*ADD, "--port", "6001")
    assert refused.err.endswith(" hint: edit line 4 of mastra-pg.docker-compose.yaml\n")
    assert sorted(p.name for p in place.iterdir()) == ["mastra-pg.docker-compose.yaml"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("MASTRA_ENGINE_PROVIDER=podman\n", "sets MASTRA_ENGINE_PROVIDER=podman"),
        ("MASTRA_ENGINE_PROVIDER=embedded\nPOSTGRES_PORT=many\n", "sets POSTGRES_PORT=many"),
        ("A='\n", "line 1 is not NAME=value"),
    ],
)
def test_a_broken_env_is_refused_in_words(place: Path, mastra: Mastra, text: str, words: str) -> None:
    (place / ".env").write_text(text)
    for command in (ADD, ("up",), ("down",), ("status",)):
        result = mastra(*command, "--json")
        assert (result.code, result.document["error"]["code"]) == (1, "env_file_refused")
        assert words in result.document["error"]["message"]
    assert (place / ".env").read_text() == text


def test_a_symlinked_env_is_refused(place: Path, mastra: Mastra) -> None:
    (place / "real").write_text("A=1\n")
    (place / ".env").symlink_to("real")
    result = mastra(*ADD, "--json")
    assert (result.code, result.document["error"]["code"]) == (1, "env_file_refused")
    assert (place / "real").read_text() == "A=1\n"


def test_f_with_the_embedded_provider_is_a_usage_error(place: Path, mastra: Mastra) -> None:
    result = mastra(*ADD, "-f", "x.yaml", "--json")
    assert (result.code, result.document["error"]["code"]) == (2, "usage")


def test_a_dry_run_says_which_url_would_have_to_go(place: Path, mastra: Mastra) -> None:
    (place / ".env").write_text("DB_URL=postgresql://me:s3cret@db.example.com/prod\n")
    said = mastra(*ADD, "--dry-run").out
    assert (
        "replace DB_URL in .env, after a yes or with --force: it points to postgresql://me:***@db.example.com/prod\n"
        in said
    )
    assert "set in .env: MASTRA_ENGINE_PROVIDER, POSTGRES_CONNECTION_STRING," in said


@pytest.mark.parametrize("words", [ADD, ("up", "-f", "mastra-pg.docker-compose.yaml")])
def test_a_directory_in_the_docker_configs_place_is_said(
    place: Path, mastra: Mastra, words: tuple[str, ...]
) -> None:
    (place / "mastra-pg.docker-compose.yaml").mkdir()
    result = mastra(*words)
    assert result.code == 1
    assert re.fullmatch(
        r"error: .*mastra-pg\.docker-compose\.yaml can not be read: Is a directory\n hint: make it a file .*\n",
        result.err,
    )


def test_another_env_file_is_written_and_ignored(project: Path, mastra: Mastra) -> None:
    result = mastra(*ADD, "--env-file", "local.env", "--no-migrate")
    assert result.code == 0
    assert not (project / ".env").exists()
    assert (project / ".gitignore").read_text() == "local.env\n.mastra/\n"
    assert mastra("status", "--env-file", "local.env").code == 0
    assert mastra("down", "--env-file", "local.env").code == 0
    down = mastra("status", "--env-file", "local.env")
    assert "start it with `mastra engine up --env-file local.env`\n" in down.err
    assert mastra("down", "--env-file", "local.env", "--volumes", "--yes").code == 0


def test_nothing_to_start_names_add(place: Path, mastra: Mastra) -> None:
    result = mastra("up")
    assert result.code == 1
    assert result.err == (
        "error: nothing to start: neither a docker config nor a .env of ours is here\n"
        " hint: run `mastra engine add`\n"
    )


def test_down_where_nothing_is_says_so(place: Path, mastra: Mastra) -> None:
    result = mastra("down")
    assert (result.code, result.out) == (0, "nothing runs here: this directory has no server of ours\n")
    assert mastra("down", "--json").document == {
        "ok": True, "command": "down", "project": find_project(place).identity, "provider": None, "stopped": [],
        "removed": [], "kept": [],
    }  # fmt: skip


def test_down_with_volumes_needs_a_yes(project: Path, mastra: Mastra) -> None:
    assert mastra(*ADD, "--no-migrate").code == 0
    result = mastra("down", "--volumes")
    assert result.code == 2
    assert "will be deleted: " in result.err
    assert f"Type {find_project(project).identity} to delete this data:" in result.err
    assert " hint: answer it with --yes\n" in result.err
    assert mastra("status").code == 0


def test_status_where_nothing_is_is_an_answer(place: Path, mastra: Mastra) -> None:
    result = mastra("status")
    assert result.code == 1
    assert result.out == "running   no\nurl       none\n"
    assert "make one with `mastra engine add`" in result.err
    document = mastra("status", "--json").document
    assert (document["ok"], document["running"], document["url"]) == (False, False, None)
    assert "error" not in document


def test_status_of_a_database_that_add_did_not_make(
    place: Path, mastra: Mastra, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_URL", database)
    document = mastra("status", "--json").document
    assert (document["running"], document["provider"], document["pid"]) == (True, "external", None)
    assert document["url_source"] == "DB_URL in the environment"


@pytest.mark.parametrize("at", [0.3, 1.0, 1.6])
def test_ctrl_c_undoes_what_the_run_made(place: Path, at: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "mastra_cli", "engine", *ADD, "--json"],
        cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    time.sleep(at)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    if process.returncode == 0:  # it was done before the signal came
        down = [sys.executable, "-m", "mastra_cli", "engine", "down", "--volumes", "--yes"]
        subprocess.run(down, cwd=place, check=True, capture_output=True)
        return
    # On a slow machine the earliest one meets Python's own start, which knows nothing of us yet.
    early = at < 0.5 and process.returncode == -signal.SIGINT
    assert process.returncode == 130 or early, err
    assert '"code": "interrupted"' in out or at < 0.5
    assert list(place.iterdir()) == []


def test_nobody_who_listens_is_no_reason_to_stop_halfway(project: Path) -> None:
    command = f"'{sys.executable}' -m mastra_cli engine add --provider embedded 2>&1 | true"
    subprocess.run(command, shell=True, cwd=project, check=True, capture_output=True)
    with psycopg.connect(env(project)["DB_URL"]) as connection:
        assert connection.execute("SELECT count(*) FROM mastra.alembic_version").fetchone() == (1,)


def test_a_terminal_that_is_closed_is_as_ctrl_c(place: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "mastra_cli", "engine", *ADD],
        cwd=place, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    assert process.stderr.readline() == "making a Postgres data directory\n"
    process.send_signal(signal.SIGHUP)
    assert "ended by signal SIGHUP" in process.communicate(timeout=60)[1]
    assert (process.returncode, list(place.iterdir())) == (130, [])


def test_a_directory_that_can_not_be_written_is_said(place: Path, mastra: Mastra) -> None:
    (place / ".gitignore").mkdir()
    result = mastra(*ADD)
    assert result.code == 1
    assert ".gitignore can not be read: Is a directory" in result.err
    assert [p.name for p in place.iterdir()] == [".gitignore"]


def test_files_outside_of_the_project_are_written_and_shown_with_their_path(
    project: Path, tmp_path: Path, mastra: Mastra
) -> None:
    outside = tmp_path / "outside.env"
    added = mastra(*ADD, "--json", "--env-file", "../outside.env")
    try:
        assert added.code == 0, added.err
        names = [".gitignore", "mastra-pg.docker-compose.yaml", str(outside)]
        assert sorted(added.document["written"]) == sorted(names)
        assert (project / ".gitignore").read_text() == ".mastra/\n"
        again = mastra(*ADD, "--env-file", str(outside))
        assert f"  mastra engine down --env-file {outside}" in again.out
    finally:
        mastra("down", "--volumes", "--yes", "--env-file", str(outside))


def test_an_env_file_in_a_directory_that_is_not_there_is_said(place: Path, mastra: Mastra) -> None:
    result = mastra(*ADD, "--env-file", "conf/dev.env")
    assert (result.code, list(place.iterdir())) == (1, [])
    assert "its directory is not there" in result.err
    assert f"hint: make it: mkdir -p '{place / 'conf'}'" in result.err


def test_without_its_env_file_the_server_is_still_found(project: Path, mastra: Mastra) -> None:
    assert "  mastra engine migrate    make the tables" in mastra(*ADD, "--no-migrate").out
    kept = (project / ".env").read_bytes()
    (project / ".env").unlink()
    seen = mastra("status")
    assert re.search(r"provider  embedded, pid \d+\n", seen.out)
    assert "its server runs, and no URL leads to it: `mastra engine add` mends that" in seen.err
    refused = mastra("add")
    assert (refused.code, (project / ".env").exists()) == (5, False)
    assert "give the data a new one: `mastra engine add --yes`" in refused.err
    (project / ".env").write_bytes(kept)
    assert mastra("up").out.startswith("Postgres 18")
    (project / ".env").unlink()
    assert mastra("down").out.startswith("stopped postgres\n")
    added = mastra("add", "--yes", "--json")
    assert (added.code, added.document["provider"]) == (0, "embedded"), added.err


def test_a_changed_password_reaches_the_url_too(project: Path, mastra: Mastra) -> None:
    assert mastra(*ADD, "--no-migrate").code == 0
    text = (project / ".env").read_text()
    port = env(project)["POSTGRES_PORT"]
    text = re.sub(r"(?m)^POSTGRES_PASSWORD=.*", "POSTGRES_PASSWORD=n@w", text)
    (project / ".env").write_text(re.sub(r"(?m)^(DB_URL=.*)$", r"\1?application_name=x", text))
    up = mastra("up", "--yes")
    assert up.code == 0
    refusal = r"warning: .*mastra\?application_name=x refused the login: .* \(DB_URL in \.env\): run `mastra engine add`\n"
    assert re.search(refusal, up.err)
    assert "no URL leads to it" in mastra("status").err
    added = mastra("add")
    assert added.code == 0, added.err
    assert env(project)["DB_URL"] == f"postgresql://postgres:n%40w@127.0.0.1:{port}/mastra?application_name=x"
    assert mastra("status").code == 0


def test_up_warns_when_the_url_leads_elsewhere(
    project: Path, mastra: Mastra, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert mastra(*ADD, "--no-migrate").code == 0
    monkeypatch.setenv("DB_URL", "postgresql://u:secret@127.0.0.1:1/d")
    up = mastra("up")
    assert "warning: DB_URL in the environment leads to another database: postgresql://u:***@127" in up.err
    monkeypatch.delenv("DB_URL")
    (project / ".env").write_text(
        re.sub(r"(?m)^(DB_URL|POSTGRES_C.*)=.*\n", "", (project / ".env").read_text())
    )
    assert "warning: .env has no URL of it: run `mastra engine add`" in mastra("up").err


def test_a_docker_config_that_is_not_for_us_does_not_hide_a_database(
    place: Path, mastra: Mastra, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "compose.yaml").write_text("services: {web: {build: .}}\n")
    monkeypatch.setenv("DB_URL", database)
    seen = mastra("status", "--json")
    assert (seen.code, seen.document["provider"]) == (0, "external")
    assert "services.web.build is not supported" in seen.err
    assert (
        mastra("status", "-f", "compose.yaml", "--json").document["error"]["code"]
        == "docker_config_unsupported"
    )


@pytest.mark.parametrize("url", ["postgresql://127.0.0.1:port/d", "postgresql://u:p[w@127.0.0.1:1/d"])
def test_a_url_that_is_none_is_said(
    place: Path, mastra: Mastra, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB_URL", url)
    (place / ".env").write_text("POSTGRES_PORT=1\nMASTRA_ENGINE_PROVIDER=embedded\n")
    assert "unexpected" not in mastra("migrate", "--wait", "0").err
    seen = mastra("status", "--json")
    assert (seen.code, seen.document["running"]) == (1, False)


def test_an_undo_that_is_interrupted_keeps_the_password_of_the_data(
    project: Path, mastra: Mastra, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("mastra_cli.local.migrations.migrate", interrupted)
        patched.setattr("mastra_cli.local.embedded.EmbeddedProvider.undo", interrupted)
        assert mastra(*ADD).code == 130
    assert env(project)["POSTGRES_PASSWORD"]
    assert mastra(*ADD).code == 0


class TestRoot:
    __test__ = os.name == "posix" and os.geteuid() == 0  # nobody else can give a file away

    def test_an_edit_leaves_a_users_file_the_users(self, tmp_path: Path) -> None:
        path = tmp_path / ".env"
        path.write_text("A=1\n")
        os.chown(path, 12345, 54321)
        write_atomically(path, b"A=2\n")
        assert (path.stat().st_uid, path.stat().st_gid, path.read_text()) == (12345, 54321, "A=2\n")
