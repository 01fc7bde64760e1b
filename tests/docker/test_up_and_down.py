"""The file that `add` writes, on a real engine: up, looked at, changed, down."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from mastra_cli.errors import (
    ContainerFailed,
    DatabaseUnreachable,
    DockerConfigInvalid,
    PortTaken,
    ProjectNameTaken,
)
from mastra_cli.local import compose, ports
from mastra_cli.local.docker import DockerProvider
from mastra_cli.local.docker_services import Engine
from mastra_cli.local.provider import Running
from tests.docker.conftest import IMAGE, PASSWORD, Place, Talk, quick

pytestmark = pytest.mark.docker


def start(provider: DockerProvider, talk: Talk | None = None, **options: Any) -> Running:
    return provider.start(talk or Talk(), timeout=40, **options)


def test_an_empty_directory_becomes_a_database_that_compose_sees_and_down_takes_it_away(place: Place) -> None:
    provider = place.provider()
    talk = Talk()
    running = start(provider, talk)
    identity = place.project.identity
    (service,) = running.services
    assert (service.name, service.state, service.address) == ("db", "running", f"127.0.0.1:{place.port}")
    assert running.started == ("db",)
    assert running.server is not None
    assert running.server.startswith("18.")
    assert running.pgvector
    assert place.ask("SELECT current_user || '@' || current_database()", running.url) == ("postgres@mastra",)
    assert talk.lines == ["starting db", "waiting until db is ready"]

    # Loopback only; the password in no argument.
    (container,) = place.containers()
    assert {p["IP"] for p in container["Ports"] if p.get("PublicPort")} == {"127.0.0.1"}
    listing = Path("/proc").glob("[0-9]*/cmdline")
    assert not [path for path in listing if PASSWORD.encode() in _read(path)]

    # Compose's own view.
    (line,) = json.loads(f"[{','.join(place.compose('ps', '--format', 'json').splitlines())}]")
    assert (line["Service"], line["State"], line["Health"]) == ("db", "running", "healthy")
    listed = {p["Name"]: p for p in json.loads(place.compose("ls", "--format", "json"))}
    assert listed[identity]["ConfigFiles"] == str(place.config)

    # Again: nothing is done and nothing is said.
    talk = Talk()
    again = start(place.provider(), talk)
    assert again.started == ()
    assert again.services == running.services
    assert talk.lines == []

    place.ask("CREATE TABLE kept AS SELECT 1 AS x", running.url)
    stopped = place.provider().stop(Talk())
    assert stopped.stopped == ("db",)
    assert stopped.removed == (f"{identity}-db-1", f"{identity}_default")
    assert [(k.name, k.external) for k in stopped.kept] == [(f"{identity}_data", False)]
    assert (stopped.kept[0].bytes or 0) > 10**6
    assert (place.names(), place.networks(), place.volumes()) == ([], [], [f"{identity}_data"])
    assert place.provider().look()[0].state == "missing"

    assert place.ask("SELECT x FROM kept", start(place.provider()).url) == (1,)
    gone = place.provider().stop(Talk(), volumes=True)
    assert gone.kept == ()
    assert gone.removed == (f"{identity}-db-1", f"{identity}_default", f"{identity}_data")
    assert place.volumes() == []
    nothing = place.provider().stop(Talk(), volumes=True)
    assert (nothing.stopped, nothing.removed, nothing.kept) == ((), (), ())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def test_compose_config_agrees_and_its_down_removes_all_that_we_made(place: Place) -> None:
    start(place.provider())
    config = json.loads(place.compose("config", "--format", "json"))
    assert config["name"] == place.project.identity
    (db,) = place.containers()
    info = place.engine.api.inspect_container(db["Id"])
    said = config["services"]["db"]
    assert info["Config"]["Healthcheck"]["Test"] == [
        w.replace("$$", "$") for w in said["healthcheck"]["test"]
    ]
    assert {f"{k}={v.replace('$$', '$')}" for k, v in said["environment"].items()} <= set(
        info["Config"]["Env"]
    )
    assert str(info["HostConfig"]["ShmSize"]) == said["shm_size"]
    assert info["Config"]["StopTimeout"] == 60
    place.compose("down", "--volumes")
    assert (place.names(), place.networks(), place.volumes()) == ([], [], [])


def test_what_compose_started_is_left_alone_and_taken_down(place: Place) -> None:
    provider = place.provider()
    place.compose("up", "-d", "--wait")
    (before,) = place.containers()
    running = start(provider)
    assert running.started == ()
    assert place.containers()[0]["Id"] == before["Id"]
    assert place.ask("SELECT 1", running.url) == (1,)
    assert provider.stop(Talk(), volumes=True).stopped == ("db",)
    assert (place.names(), place.networks(), place.volumes()) == ([], [], [])


def test_a_changed_service_is_made_anew_and_keeps_its_data(place: Place) -> None:
    running = start(place.provider())
    place.ask("CREATE TABLE kept AS SELECT 1 AS x", running.url)
    (before,) = place.containers()
    text = place.config.read_text()
    talk = Talk()
    changed = start(place.provider(text.replace("256mb", "300mb")), talk)
    assert changed.started == ("db",)
    assert talk.lines[0] == "making db anew, for its configuration changed"
    (after,) = place.containers()
    assert after["Id"] != before["Id"]
    assert after["Names"] == before["Names"]
    assert place.ask("SELECT x FROM kept", changed.url) == (1,)


def test_a_recreation_that_fails_brings_the_old_container_back(place: Place) -> None:
    running = start(place.provider())
    (before,) = place.containers()
    talk = Talk()
    broken = place.config.read_text().replace(
        "    shm_size", "    command: postgres --no-such-option\n    shm_size"
    )
    began = time.monotonic()
    with pytest.raises(ContainerFailed) as caught:
        start(place.provider(broken), talk)
    assert time.monotonic() - began < 20
    assert "service db died while starting (exit status 1)" in caught.value.message
    assert "no-such-option" in caught.value.message
    assert talk.lines[-1] == f"{place.project.identity}-db-1 is back as it was before"
    (after,) = place.containers()
    assert (after["Id"], after["Names"]) == (before["Id"], before["Names"])
    _until_it_answers(place, running.url)


def _until_it_answers(place: Place, url: str | None) -> None:
    from mastra_cli.local.ready import wait_until_ready

    assert url is not None
    wait_until_ready(url, timeout=20)


def test_undo_removes_what_this_run_made_and_nothing_older(place: Place) -> None:
    provider = place.provider()
    start(provider)
    talk = Talk()
    provider.undo(talk)
    assert (place.names(), place.networks(), place.volumes()) == ([], [], [])
    identity = place.project.identity
    assert talk.lines == [f"removed again: {identity}-db-1, {identity}_default, {identity}_data"]

    start(place.provider())
    again = place.provider()
    start(again)
    again.undo(Talk())
    assert (place.names(), place.volumes()) == ([f"{identity}-db-1"], [f"{identity}_data"])


@pytest.mark.parametrize("phase", ["starting db", "waiting until db is ready"])
def test_ctrl_c_leaves_nothing_that_undo_does_not_remove(place: Place, phase: str) -> None:
    provider = place.provider()
    talk = Talk()

    def interrupt(text: str) -> None:
        if text == phase:
            raise KeyboardInterrupt

    talk.on_phase = interrupt
    with pytest.raises(KeyboardInterrupt):
        start(provider, talk)
    provider.undo(talk)
    assert (place.names(), place.networks(), place.volumes()) == ([], [], [])


def test_ctrl_c_while_the_engine_makes_the_container_leaves_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = place.provider()
    api = type(place.engine.api)
    create = api.create_container_from_config

    def interrupted(self: Any, *arguments: Any, **keywords: Any) -> Any:
        create(self, *arguments, **keywords)
        raise KeyboardInterrupt

    monkeypatch.setattr(api, "create_container_from_config", interrupted)
    with pytest.raises(KeyboardInterrupt):
        start(provider)
    provider.undo(Talk())
    assert (place.names(), place.networks(), place.volumes()) == ([], [], [])


def test_two_directories_of_one_name_do_not_touch_each_other(place: Place, another: Place) -> None:
    one, two = start(place.provider()), start(another.provider())
    assert place.project.name == another.project.name
    place.ask("CREATE TABLE here AS SELECT 1 AS x", one.url)
    assert place.ask("SELECT to_regclass('here')", two.url) == (None,)
    another.provider().stop(Talk(), volumes=True)
    assert place.ask("SELECT x FROM here", one.url) == (1,)


def test_a_project_name_that_another_directory_has_is_refused(place: Place, another: Place) -> None:
    text = quick(compose.render("mastra-test-shared", IMAGE))
    start(place.provider(text), wait=False)
    for step in (lambda p: start(p), lambda p: p.stop(Talk(), volumes=True)):
        with pytest.raises(ProjectNameTaken) as caught:
            step(another.provider(text))
        assert (
            caught.value.message == f"a project named mastra-test-shared is there already, from {place.root}"
        )
        assert caught.value.hint is not None
        assert "a `name:` of its own" in caught.value.hint
    assert another.provider(text).look()[0].state == "missing"
    # Its volume too, when only that is left of it.
    place.provider().stop(Talk())
    with pytest.raises(ProjectNameTaken, match=f"volume mastra-test-shared_data belongs to {place.root}"):
        start(another.provider(text))
    assert another.provider(text).stop(Talk(), volumes=True).kept[0].external
    assert place.volumes() == ["mastra-test-shared_data"]


# The port


def test_a_taken_port_names_the_container_that_holds_it(place: Place, another: Place) -> None:
    start(place.provider(), wait=False)
    another.port = place.port
    provider = another.provider()
    with pytest.raises(PortTaken) as caught:
        start(provider)
    assert caught.value.message == f"port {place.port} is taken by container {place.project.identity}-db-1"
    assert ports.who_holds(place.port) == f"container {place.project.identity}-db-1"
    assert caught.value.hint is not None
    assert "POSTGRES_PORT in .env, or line 14 of mastra-pg.docker-compose.yaml" in caught.value.hint
    assert another.names() == []
    provider.undo(Talk())
    assert (another.networks(), another.volumes()) == ([], [])


def test_the_engine_is_the_last_judge_of_a_port(
    place: Place, another: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(place.provider(), wait=False)
    another.port = place.port
    monkeypatch.setattr(ports, "is_free", lambda host, port: True)
    with pytest.raises(PortTaken, match=f"port {place.port} is taken by container"):
        start(another.provider())
    assert another.names() == [], "what was created and never ran is removed"


# The password


def test_a_password_that_no_longer_fits_the_volume_is_repaired_after_asking(place: Place) -> None:
    running = start(place.provider())
    place.ask("CREATE TABLE kept AS SELECT 1 AS x", running.url)
    (before,) = place.containers()
    place.write_env(POSTGRES_PASSWORD="the-new-one")

    talk = Talk()
    with pytest.raises(DatabaseUnreachable) as caught:
        start(place.provider(), talk)
    assert (
        caught.value.hint
        == "`mastra engine up --yes` gives the database the password of .env; the data stays"
    )
    assert "the volume was made with another password for postgres than .env has" in caught.value.message
    assert "the-new-one" not in str(caught.value)
    assert talk.questions[0].endswith("Change it in the database? up --yes")
    assert place.containers()[0]["Id"] == before["Id"]

    with pytest.raises(DatabaseUnreachable):
        start(place.provider(), Talk(answer=False))
    repaired = start(place.provider(), Talk(answer=True))
    assert place.ask("SELECT x FROM kept", repaired.url) == (1,)

    place.write_env(POSTGRES_PASSWORD="an-other$one %")
    assert place.ask("SELECT x FROM kept", start(place.provider(), yes=True).url) == (1,)
    log = place.engine.api.logs(place.containers()[0]["Id"]).decode()
    assert "an-other" not in log
    assert "the-new-one" not in log


def test_a_volume_whose_first_start_was_cut_short_is_told_how_to_begin_anew(place: Place) -> None:
    start(place.provider())
    (container,) = place.containers()
    cut = "find /var/lib/postgresql -name pg_hba.conf -exec sed -i '/^host *all *all *all/d' {} +"
    api = place.engine.api
    api.exec_start(api.exec_create(container["Id"], ["sh", "-c", cut], user="postgres")["Id"])
    api.restart(container["Id"])
    with pytest.raises(DatabaseUnreachable) as caught:
        start(place.provider())
    assert "begin anew, without the data: `mastra engine down --volumes`" in (caught.value.hint or "")


# Why a container died


def test_a_volume_of_another_major_version_is_told_fast_with_what_mends_it(place: Place) -> None:
    provider = place.provider()
    start(provider)
    provider.stop(Talk())
    volume = f"{place.project.identity}_data"
    place.engine.containers.run(
        IMAGE, ["bash", "-c", "echo 17 > $PGDATA/PG_VERSION"],
        volumes=[f"{volume}:/var/lib/postgresql"], remove=True,
    )  # fmt: skip
    began = time.monotonic()
    with pytest.raises(ContainerFailed) as caught:
        start(provider)
    assert time.monotonic() - began < 15
    assert "the volume holds data of PostgreSQL 17, the image is PostgreSQL 18" in caught.value.message
    assert caught.value.hint == (
        "write an image of version 17 at services.db.image of mastra-pg.docker-compose.yaml, or begin anew, "
        "without the data: `mastra engine down --volumes`"
    )


def test_a_mount_at_the_old_place_is_told_with_the_line(place: Place) -> None:
    text = compose.render(place.project.identity, IMAGE).replace(
        "data:/var/lib/postgresql", "data:/var/lib/postgresql/data"
    )
    with pytest.raises(
        ContainerFailed, match="images from version 18 on keep their data at /var/lib/postgresql"
    ) as caught:
        start(place.provider(text))
    assert caught.value.hint == (
        "mount the volume at /var/lib/postgresql: `volumes:` of db, line 6 of mastra-pg.docker-compose.yaml"
    )


def test_a_container_that_is_not_ready_in_time_is_told_with_its_healthcheck(place: Place) -> None:
    text = compose.render(place.project.identity, IMAGE).replace("pg_isready", "echo not-me; false; #")
    with pytest.raises(ContainerFailed) as caught:
        place.provider(text).start(Talk(), timeout=3)
    assert caught.value.message.startswith(
        "service db was not ready within 3 s: its healthcheck said 'not-me'"
    )
    assert caught.value.hint is not None
    assert "--timeout" in caught.value.hint
    assert PASSWORD not in caught.value.message


def test_a_service_that_dies_again_and_again_is_not_waited_for(place: Place) -> None:
    text = f"services:\n  db:\n    image: {IMAGE}\n    restart: always\n    command: ['false']\n"
    with pytest.raises(ContainerFailed, match="service db died while starting"):
        start(place.provider(text))
    assert [c for c in place.containers() if c["State"] in ("running", "restarting")] == []


def test_a_missing_bind_path_that_must_not_be_made_is_the_engines_word(place: Place) -> None:
    text = (
        f"services:\n  db:\n    image: {IMAGE}\n    volumes:\n"
        "      - {type: bind, source: ./none, target: /x, bind: {create_host_path: false}}\n"
    )
    with pytest.raises(
        ContainerFailed, match=r"the Docker engine refused: .*bind source path does not exist"
    ):
        start(place.provider(text))
    assert place.names() == []


def test_external_things_that_are_not_there_are_named_with_the_command_that_makes_them(place: Place) -> None:
    service = f"services: {{db: {{image: '{IMAGE}', volumes: ['vol:/v'], networks: [n]}}}}\n"
    text = service + "volumes: {vol: {external: true, name: mastra-none}}\nnetworks: {n: }\n"
    with pytest.raises(DockerConfigInvalid) as caught:
        start(place.provider(text))
    assert caught.value.hint == "make it: `docker volume create mastra-none`"
    text = service + "volumes: {vol: }\nnetworks: {n: {external: true, name: mastra-none}}\n"
    with pytest.raises(DockerConfigInvalid) as caught:
        start(place.provider(text))
    assert caught.value.hint == "make it: `docker network create mastra-none`"


def test_what_a_killed_run_left_set_aside_is_found_again(place: Place) -> None:
    running = start(place.provider())
    (container,) = place.containers()
    place.engine.api.rename(container["Id"], f"{container['Id'][:12]}_{place.project.identity}-db-1")
    place.engine.api.stop(container["Id"])
    again = start(place.provider())
    assert (again.started, place.names()) == (("db",), [f"{place.project.identity}-db-1"])
    assert place.containers()[0]["Id"] == container["Id"]
    assert again.url == running.url


def test_what_a_killed_run_set_aside_goes_when_its_successor_is_good(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    start(place.provider())
    with monkeypatch.context() as killed:
        killed.setattr(Engine, "settle", lambda self: None)
        start(place.provider(place.config.read_text().replace("256mb", "300mb")))
    assert len(place.names()) == 2
    assert start(place.provider()).started == ()
    assert place.names() == [f"{place.project.identity}-db-1"]


def test_without_the_env_file_what_runs_is_still_found_and_stopped(place: Place) -> None:
    start(place.provider(), wait=False)
    place.project.env_file.unlink()
    blind = DockerProvider(place.project, place.config, {})
    assert [s.state for s in blind.look()] == ["running"]
    with pytest.raises(DockerConfigInvalid, match=r"needs POSTGRES_PASSWORD: .*`mastra engine add`"):
        start(blind)
    assert blind.stop(Talk()).stopped == ("db",)


def test_the_docker_command_shows_no_password_of_ours_in_its_listings(place: Place) -> None:
    start(place.provider(), wait=False)
    for words in (["ps", "-a", "--no-trunc"], ["volume", "ls"], ["network", "ls"]):
        assert (
            PASSWORD
            not in subprocess.run(["docker", *words], capture_output=True, text=True, check=True).stdout
        )
