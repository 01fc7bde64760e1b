"""One service's values, short and long forms. What each becomes was compared with Docker Compose 2.26's `config`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mastra_cli.errors import DockerConfigInvalid
from mastra_cli.local import compose
from mastra_cli.local.compose_schema import Healthcheck, Mount, Port, ServiceConfig

S = 10**9


def service(body: str, files: dict[str, dict[str, str]] | None = None, root: Path = Path("/srv/app"),
            **environ: str) -> ServiceConfig:  # fmt: skip
    text = f"services:\n  db:\n    image: a\n    {body}\nvolumes: {{data: }}\nnetworks: {{n: }}\n"
    read = lambda path: (files or {})[path.name]  # noqa: E731
    return compose.parse(text, root / "compose.yaml", environ, env_file=read).service("db")


@pytest.mark.parametrize(
    ("body", "ports"),
    [
        ("ports: ['5432']", [(5432, None, "", "tcp")]),
        ("ports: [5432]", [(5432, None, "", "tcp")]),
        ("ports: ['6000:5432']", [(5432, "6000", "", "tcp")]),
        ("ports: [6000:32]", [(32, "6000", "", "tcp")]),
        ("ports: ['127.0.0.1:6000:5432']", [(5432, "6000", "127.0.0.1", "tcp")]),
        ("ports: ['127.0.0.1::5432']", [(5432, None, "127.0.0.1", "tcp")]),
        ("ports: ['[::1]:6000:5432/udp']", [(5432, "6000", "::1", "udp")]),
        ("ports: ['6000-6001:80-81']", [(80, "6000", "", "tcp"), (81, "6001", "", "tcp")]),
        ("ports: ['6000-6009:80']", [(80, "6000-6009", "", "tcp")]),
        ("ports: ['${P}:5432']", [(5432, "7000", "", "tcp")]),
        ("ports: [{target: 5432, published: '6000', host_ip: 127.0.0.1, mode: host}]",
         [(5432, "6000", "127.0.0.1", "tcp")]),
        ("ports: [{target: 5432, published: 6000}, '6000:5432']", [(5432, "6000", "", "tcp")]),
    ],
)  # fmt: skip
def test_ports(body: str, ports: list[tuple[Any, ...]]) -> None:
    assert [(p.target, p.published, p.host_ip, p.protocol) for p in service(body, P="7000").ports] == ports


@pytest.mark.parametrize(
    ("body", "mount"),
    [
        ("volumes: ['data:/d']", Mount("volume", "data", "/d")),
        ("volumes: ['data:/d:ro,nocopy']", Mount("volume", "data", "/d", ("ro", "nocopy"))),
        ("volumes: [/d]", Mount("volume", None, "/d")),
        ("volumes: ['./a/../b:/d:z']", Mount("bind", "/srv/app/b", "/d", ("z",))),
        ("volumes: ['../x:/d']", Mount("bind", "/srv/x", "/d")),
        ("volumes: ['/abs:/d']", Mount("bind", "/abs", "/d")),
        ("volumes: ['~/x:/d']", Mount("bind", str(Path.home() / "x"), "/d")),
        ("volumes: ['C:\\\\x:/d:ro']", Mount("bind", "/srv/app/C:\\\\x", "/d", ("ro",))),
        ("volumes: [{type: volume, source: data, target: /d, volume: {nocopy: true}}]",
         Mount("volume", "data", "/d", ("nocopy",))),
        ("volumes: [{type: bind, source: b, target: /d, read_only: true, bind: {create_host_path: false}}]",
         Mount("bind", "/srv/app/b", "/d", ("ro",), create=False)),
        ("volumes: [{type: tmpfs, target: /d, tmpfs: {size: 1mb, mode: 0700}}]",
         Mount("tmpfs", None, "/d", size=1024**2, mode=0o700)),
    ],
)  # fmt: skip
def test_volumes(body: str, mount: Mount) -> None:
    assert service(body).mounts == (mount,)


@pytest.mark.parametrize(
    ("body", "check"),
    [
        ("healthcheck: {test: curl x, interval: 1m30s, timeout: 500ms, retries: 3, start_period: 1h}",
         Healthcheck(("CMD-SHELL", "curl x"), 90 * S, S // 2, 3600 * S, None, 3)),
        ("healthcheck: {test: [CMD, a, 1], start_interval: 1.5s}",
         Healthcheck(("CMD", "a", "1"), start_interval=3 * S // 2)),
        ("healthcheck: {interval: 5s}", Healthcheck(None, 5 * S)),
        ("healthcheck: {disable: true}", Healthcheck(("NONE",))),
        ("healthcheck: {test: [NONE]}", Healthcheck(("NONE",))),
    ],
)  # fmt: skip
def test_healthchecks(body: str, check: Healthcheck) -> None:
    assert service(body).healthcheck == check


@pytest.mark.parametrize(
    ("body", "name", "value"),
    [
        ("command: postgres -c 'work_mem=4 MB'", "command", ("postgres", "-c", "work_mem=4 MB")),
        ("command: [a, 1, true]", "command", ("a", "1", "true")),
        ("entrypoint: []", "entrypoint", ()),
        ("command:", "command", None),
        ("restart: no", "restart", ("no", 0)),
        ("restart: false", "restart", ("no", 0)),
        ("restart: on-failure:3", "restart", ("on-failure", 3)),
        ("shm_size: 128m", "shm_size", 128 * 1024**2),
        ("shm_size: 1.5GB", "shm_size", 3 * 512 * 1024**2),
        ("shm_size: 1000", "shm_size", 1000),
        ("init: 'yes'", "init", True),
        ("init: ${INIT}", "init", False),
        ("stop_grace_period: 1m0.5s", "stop_grace_period", 60 * S + S // 2),
        ("labels: {a: 1, b: }", "labels", (("a", "1"), ("b", ""))),
        ("labels: [a=1=2, b]", "labels", (("a", "1=2"), ("b", ""))),
        ("tmpfs: /t", "tmpfs", (("/t", ""),)),
        ("tmpfs: ['/t:size=1m,mode=700', /u]", "tmpfs", (("/t", "size=1m,mode=700"), ("/u", ""))),
        ("expose: [80, '90-91/udp']", "expose", ("80/tcp", "90/udp", "91/udp")),
        ("networks: [n]", "networks", (("n", ()),)),
        ("user: 1000", "user", "1000"),
    ],
)
def test_values(body: str, name: str, value: object) -> None:
    assert getattr(service(body, INIT="off"), name) == value


def test_the_environment_is_text_as_compose_writes_it() -> None:
    body = "environment: {T: true, N: null, I: 12, F: 1.0, E: 1e3, O: 0777, Y: yes, D: 2026-01-02, S: '', C: 1:30}"
    assert dict(service(body).environment) == {
        "T": "true", "I": "12", "F": "1", "E": "1000", "O": "511", "Y": "yes", "D": "2026-01-02", "S": "",
        "C": "1:30",
    }  # fmt: skip
    assert dict(service("environment: [A=1=2, FROM, GONE]", FROM="shell").environment) == {
        "A": "1=2",
        "FROM": "shell",
    }


def test_a_services_repr_shows_no_password() -> None:
    assert "sesame" not in repr(service("environment: {POSTGRES_PASSWORD: sesame}"))


def test_env_files_come_before_the_environment_and_the_later_wins(tmp_path: Path) -> None:
    for name in ("one.env", "two.env"):
        (tmp_path / name).touch()
    files = {"one.env": {"A": "1", "B": "1", "C": "1"}, "two.env": {"B": "2", "C": "2"}}
    body = (
        "env_file: [one.env, {path: two.env, required: true}, {path: none.env, required: false}]\n"
        "    environment: {C: '3'}"
    )
    assert dict(service(body, files, tmp_path).environment) == {"A": "1", "B": "2", "C": "3"}
    assert dict(service("env_file: one.env", files, tmp_path).environment) == files["one.env"]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("env_file: [none.env]", "services.db.env_file[0] names none.env, which is not there"),
        ("ports: ['127.0.0.1:5432']", "services.db.ports[0] '127.0.0.1' is no port"),
        ("ports: ['a:b']", "'b' is no port"),
        ("ports: ['70000:80']", "'70000' is no port"),
        ("ports: ['80/sctpx']", "must be one of tcp, udp, sctp, and is 'sctpx'"),
        ("ports: ['1-3:80-81']", "maps 3 ports to 2"),
        ("ports: {a: b}", "services.db.ports must be a list"),
        ("volumes: ['data:relative']", "must name an absolute path in the container, not 'relative'"),
        ("volumes: ['data:/d:rx']", "has an access mode that is not known: 'rx'"),
        ("volumes: ['data:/b:ro:x']", "'data:/b:ro:x' is no volume"),
        ("volumes: [{type: bind, target: /d}]", "has no `source`"),
        (
            "healthcheck: {test: [curl, x]}",
            "services.db.healthcheck.test must start with CMD, CMD-SHELL or NONE",
        ),
        ("healthcheck: {interval: 5}", "must be a duration such as 30s or 1m30s, and is '5'"),
        ("healthcheck: {interval: 5 s}", "must be a duration"),
        ("healthcheck: {retries: many}", "must be a whole number"),
        ("restart: sometimes", "must be one of no, always, on-failure, unless-stopped, and is 'sometimes'"),
        ("restart: always:3", "must be one of"),
        ("shm_size: big", "must be a size such as 128mb, and is 'big'"),
        ("init: perhaps", "must be true or false"),
        ("command: 'a \"b'", "has a quote that is not closed"),
        ("user: ''", "services.db.user is empty"),
        ("hostname: [a]", "services.db.hostname must be a text"),
        ("container_name: a b", "is no name for a container: 'a b'"),
        ("depends_on: {x: {condition: service_ready}}", "must be one of service_started, service_healthy"),
        ("labels: 3", "services.db.labels must be a mapping"),
    ],
)
def test_a_value_of_the_wrong_shape_is_named_with_its_line(body: str, problem: str) -> None:
    with pytest.raises(DockerConfigInvalid) as caught:
        service(body)
    assert problem in caught.value.message
    assert caught.value.message.startswith("compose.yaml line 4: ")
    assert caught.value.hint


def test_a_port_knows_its_line() -> None:
    (port,) = service("ports:\n      - '6000:5432'").ports
    assert port == Port(5432, "6000", "", "tcp", 5)
