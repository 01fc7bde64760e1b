"""Docker configs of users' own: several services, every supported key, as Compose itself would make them."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from mastra_cli.errors import ContainerFailed
from tests.docker.conftest import IMAGE, Place, Talk

pytestmark = pytest.mark.docker

NEEDS = "com.docker.compose.depends_on"
EVERYTHING = """
version: "3.9"
x-logging: &quiet
  LOG: "quiet"
services:
  db:
    image: ${IMAGE}
    environment:
      <<: *quiet
      POSTGRES_PASSWORD: ${POSTGRES_PASSWORD}
      FLAG: true
      NUMBER: 12
    env_file:
      - first.env
      - path: second.env
        required: false
    ports:
      - "127.0.0.1:${POSTGRES_PORT}:5432"
      - target: 9000
        host_ip: 127.0.0.1
        protocol: udp
    expose: ["7000/udp"]
    volumes:
      - data:/var/lib/postgresql
      - ./init:/init:ro
      - type: bind
        source: ./init
        target: /again
        read_only: true
        bind: {create_host_path: false}
      - type: tmpfs
        target: /scratch
        tmpfs: {size: 1m, mode: 0700}
      - /anonymous
    tmpfs: ["/run/small:size=64k"]
    healthcheck:
      test: ["CMD", "pg_isready", "-q", "-h", "127.0.0.1"]
      interval: 300ms
      timeout: 3s
      retries: 20
      start_period: 20s
    restart: unless-stopped
    labels: {team: "data"}
    shm_size: 96m
    hostname: primary
    init: true
    stop_signal: SIGINT
    stop_grace_period: 20s
    networks:
      default:
      back: {aliases: [sql]}
  seed:
    image: ${IMAGE}
    command: bash -c 'pg_isready -h sql && pg_isready -h db'
    user: postgres
    working_dir: /tmp
    depends_on: {db: {condition: service_healthy}}
    networks: [back]
  second:
    image: ${IMAGE}
    container_name: mastra-test-second
    environment: ["POSTGRES_PASSWORD=${POSTGRES_PASSWORD}", "FROM_SHELL"]
    depends_on:
      seed: {condition: service_completed_successfully}
      db: {condition: service_started}
    healthcheck: {disable: true}
    volumes: ["more:/var/lib/postgresql"]
  admin:
    image: nothing/of-this-name
    build: .
    profiles: [debug]
volumes:
  data: {labels: {keep: "yes"}}
  more: {name: mastra-test-more}
networks:
  back: {internal: true}
"""


def prepared(place: Place) -> str:
    (place.root / "init").mkdir()
    (place.root / "first.env").write_text("POSTGRES_USER=keeper\nFLAG=overridden\nPOSTGRES_DB=shop\n")
    place.write_env(IMAGE=IMAGE, FROM_SHELL="x")
    return EVERYTHING


def facts(place: Place, service: str) -> dict[str, Any]:
    """What an engine knows of a service's container, without what differs from run to run."""
    (container,) = [c for c in place.containers() if c["Labels"]["com.docker.compose.service"] == service]
    info = place.engine.api.inspect_container(container["Id"])
    config, host = info["Config"], info["HostConfig"]
    ignored = {"com.docker.compose.config-hash", "com.docker.compose.version", "com.docker.compose.replace"}
    labels = {
        k: v for k, v in config["Labels"].items() if k not in ignored and not k.startswith("com.mastra.")
    }
    kept = ("Cmd", "Entrypoint", "User", "WorkingDir", "StopSignal", "StopTimeout", "ExposedPorts", "Image",
            "Healthcheck")  # fmt: skip
    return {
        "name": info["Name"],
        "env": sorted(e for e in config["Env"] if "=" in e),
        "labels": labels
        | {NEEDS: sorted(labels[NEEDS].split(","))},  # Compose's order changes from run to run
        "hostname": config["Hostname"] if config["Hostname"] != info["Id"][:12] else None,
        "restart": host["RestartPolicy"]["Name"] or "no",
        "mounts": sorted(
            (
                m["Type"],
                m["Name"] if m["Type"] == "volume" and len(m["Name"]) < 64 else "",
                m["Destination"],
                m["RW"],
            )
            for m in info["Mounts"]
        ),
        "networks": {
            name: sorted(a for a in net["Aliases"] if a != info["Id"][:12])
            for name, net in info["NetworkSettings"]["Networks"].items()
        },
        **{key: config.get(key) for key in kept},
        **{key: host.get(key) for key in ("PortBindings", "ShmSize", "Init", "Tmpfs", "NetworkMode")},
    }


def test_every_supported_key_makes_what_compose_makes_of_it(place: Place) -> None:
    provider = place.provider(prepared(place))
    talk = Talk()
    began = time.monotonic()
    running = provider.start(talk, timeout=40)
    assert time.monotonic() - began < 30
    assert "left out, for they have a profile: admin" in talk.lines
    assert running.started == ("db", "seed", "second")
    assert {s.name: s.state for s in running.services} == {
        "db": "running",
        "seed": "exited",
        "second": "running",
    }
    assert place.ask("SELECT current_user || '@' || current_database()", running.url) == ("keeper@shop",)
    assert provider.start(Talk(), timeout=40).started == ("seed",), (
        "a service that is done runs again, as in Compose"
    )
    ours = {name: facts(place, name) for name in ("db", "seed", "second")}
    volumes = {v["Name"]: v["Labels"] for v in place._labelled("volumes")}
    networks = {n["Name"]: (n["Internal"], n["Driver"]) for n in place._labelled("networks")}
    lines = [json.loads(line) for line in place.compose("ps", "-a", "--format", "json").splitlines()]
    assert {(line["Service"], line["State"]) for line in lines} == {
        ("db", "running"),
        ("seed", "exited"),
        ("second", "running"),
    }
    place.compose("down", "--volumes")
    assert (place.names(), place.networks(), place.volumes()) == ([], [], [])

    place.compose("up", "-d", "--wait", "db")
    place.compose("create", "seed", "second")
    theirs = {name: facts(place, name) for name in ("db", "seed", "second")}
    for name, made in ours.items():
        for key, value in made.items():
            assert (name, key, value) == (name, key, theirs[name][key])
    mine = lambda labels: {k: v for k, v in labels.items() if not k.startswith("com.mastra.")}  # noqa: E731
    assert {name: mine(labels) for name, labels in volumes.items() if len(name) < 64} == {
        v["Name"]: v["Labels"] for v in place._labelled("volumes")
    }
    assert networks == {n["Name"]: (n["Internal"], n["Driver"]) for n in place._labelled("networks")}
    stopped = provider.stop(Talk(), volumes=True)
    assert stopped.stopped == ("db",)
    assert stopped.kept == ()
    assert (place.names(), place.networks(), place.volumes()) == ([], [], [])


def test_volumes_without_a_name_move_into_the_next_container(place: Place) -> None:
    text = (
        f"services:\n  db:\n    image: {IMAGE}\n    environment: {{POSTGRES_PASSWORD: p}}\n"
        f"    ports: ['127.0.0.1:{place.port}:5432']\n    volumes: [/more]\n"
    )
    place.provider(text).start(Talk(), timeout=40)
    mounts = lambda: sorted((m["Destination"], m["Name"]) for m in place.containers()[0]["Mounts"])  # noqa: E731
    before = mounts()
    assert [path for path, _ in before] == ["/more", "/var/lib/postgresql"]
    running = place.provider(text + "    labels: [a=b]\n").start(Talk(), timeout=40)
    assert running.started == ("db",)
    assert mounts() == before
    place.ask("CREATE TABLE kept AS SELECT 1 AS x", running.url)
    stopped = place.provider().stop(Talk())
    assert sorted(k.name for k in stopped.kept) == sorted(name for _, name in before)
    again = place.provider().start(Talk(), timeout=40)
    assert mounts() == before, "down keeps data: up finds it, though no name leads to it"
    assert place.ask("SELECT x FROM kept", again.url) == (1,)
    place.provider().stop(Talk())
    assert place.provider().stop(Talk(), volumes=True).kept == ()
    left = {v["Name"] for v in place.engine.api.volumes()["Volumes"] or []}
    assert not left & {name for _, name in before}


def test_external_volumes_bind_mounts_and_other_services_are_never_deleted(place: Place) -> None:
    api = place.engine.api
    api.create_volume("mastra-test-external")
    try:
        text = (
            f"services:\n  db:\n    image: {IMAGE}\n    environment: {{POSTGRES_PASSWORD: p}}\n"
            "    stop_grace_period: 1s\n    volumes: ['theirs:/var/lib/postgresql', './files:/files']\n"
            "volumes: {theirs: {external: true, name: mastra-test-external}}\n"
        )
        provider = place.provider(text)
        provider.start(Talk(), timeout=40)
        stopped = provider.stop(Talk(), volumes=True)
        assert [(k.name, k.external) for k in stopped.kept] == [
            ("mastra-test-external", True),
            (str(place.root / "files"), True),
        ]
        assert (place.root / "files").is_dir()
        assert api.inspect_volume("mastra-test-external")
    finally:
        place.clean()
        api.remove_volume("mastra-test-external")


def test_a_volume_that_was_made_by_hand_or_that_others_use_stays(place: Place) -> None:
    api = place.engine.api
    text = (
        f"name: mastra-test-volumes\nservices: {{db: {{image: '{IMAGE}', command: sleep 60, "
        "stop_grace_period: 1s, volumes: ['made:/made', 'used:/used']}}\nvolumes: {made: {name: mastra-test-made}, used: }\n"
    )
    api.create_volume("mastra-test-made")
    provider = place.provider(text)
    provider.start(Talk(), timeout=20)
    host = api.create_host_config(binds=["mastra-test-volumes_used:/x"])
    user = api.create_container(IMAGE, ["sleep", "1"], host_config=host)
    talk = Talk()
    try:
        stopped = provider.stop(talk, volumes=True)
    finally:
        api.remove_container(user["Id"], force=True, v=True)
        api.remove_volume("mastra-test-made")
    assert [(k.name, k.external) for k in stopped.kept] == [
        ("mastra-test-made", True),
        ("mastra-test-volumes_used", False),
    ]
    assert talk.lines[-1].startswith("warning: volume mastra-test-volumes_used stays: ")


def test_without_a_database_that_can_be_reached_the_healthcheck_is_all(place: Place) -> None:
    text = f"services:\n  one: {{image: '{IMAGE}', command: sleep 60}}\n  two: {{image: '{IMAGE}', command: sleep 60}}\n"
    running = place.provider(text).start(Talk(), timeout=20)
    assert (running.url, running.server, running.pgvector) == (None, None, None)
    assert [(s.state, s.address) for s in running.services] == [("running", None)] * 2


def test_a_port_that_the_engine_chooses_is_found(place: Place) -> None:
    text = f"services: {{db: {{image: '{IMAGE}', environment: {{POSTGRES_PASSWORD: p}}, ports: ['127.0.0.1::5432']}}}}\n"
    running = place.provider(text).start(Talk(), timeout=40)
    assert running.services[0].address is not None
    assert running.url == f"postgresql://postgres:p@{running.services[0].address}/postgres"
    assert place.ask("SELECT 1", running.url) == (1,)


def test_a_port_on_every_interface_is_obeyed_with_one_warning(place: Place) -> None:
    text = (
        f"services: {{db: {{image: '{IMAGE}', environment: {{POSTGRES_PASSWORD: p}}, "
        f"ports: ['{place.port}:5432']}}}}\n"
    )
    talk = Talk()
    running = place.provider(text).start(talk, timeout=40)
    assert [line for line in talk.lines if line.startswith("warning")] == [
        f"warning: mastra-pg.docker-compose.yaml line 1: port {place.port} of db is open to every network of this "
        f'machine; for this one alone write "127.0.0.1:{place.port}:5432"'
    ]
    assert running.url == f"postgresql://postgres:p@127.0.0.1:{place.port}/postgres"


def test_what_depends_on_a_service_that_fails_is_not_started(place: Place) -> None:
    text = (
        f"services:\n  once: {{image: '{IMAGE}', command: bash -c 'echo no luck; exit 3'}}\n"
        f"  db: {{image: '{IMAGE}', environment: {{POSTGRES_PASSWORD: p}}, "
        "depends_on: {once: {condition: service_completed_successfully}}}\n"
    )
    with pytest.raises(ContainerFailed) as caught:
        place.provider(text).start(Talk(), timeout=20)
    assert "service once died while starting (exit status 3)" in caught.value.message
    assert "no luck" in caught.value.message
    assert [c["Labels"]["com.docker.compose.service"] for c in place.containers()] == ["once"]


def test_passwords_of_the_environment_are_struck_from_the_log_lines(place: Place) -> None:
    text = (
        f"services: {{db: {{image: '{IMAGE}', command: \"bash -c 'echo my $$API_TOKEN; exit 1'\", "
        "environment: {API_TOKEN: sesame}}}\n"
    )
    with pytest.raises(ContainerFailed) as caught:
        place.provider(text).start(Talk(), timeout=20)
    assert "my ***" in caught.value.message
    assert "sesame" not in caught.value.message
