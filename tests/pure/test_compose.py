"""What a docker config says to us: names, references, the database; and the file that `add` writes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from mastra_cli.errors import DockerConfigInvalid, DockerConfigUnsupported
from mastra_cli.local import compose
from mastra_cli.local.compose_schema import Config

HERE = Path("/srv/My.App_1/compose.yaml")
MINIMAL = "services: {db: {image: postgres:18}}\n"


def parse(text: str, path: Path = HERE, **environ: str) -> Config:
    return compose.parse(text, path, environ, env_file=lambda path: {})


def refused(text: str, kind: type[Exception] = DockerConfigInvalid, **environ: str) -> str:
    with pytest.raises(kind) as caught:
        parse(text, **environ)
    return str(caught.value)


# The project's name


@pytest.mark.parametrize(
    ("text", "path", "environ", "name"),
    [
        (f"name: given\n{MINIMAL}", HERE, {"COMPOSE_PROJECT_NAME": "environment"}, "given"),
        (f"name: ${{WHO}}\n{MINIMAL}", HERE, {"WHO": "from-variable"}, "from-variable"),
        (MINIMAL, HERE, {"COMPOSE_PROJECT_NAME": "environment"}, "environment"),
        (MINIMAL, HERE, {}, "myapp_1"),
        (MINIMAL, Path("/srv/-_Äpfel 2/compose.yaml"), {}, "pfel2"),
    ],
)
def test_the_project_is_named_as_compose_names_it(
    text: str, path: Path, environ: dict[str, str], name: str
) -> None:
    assert parse(text, path, **environ).project == name


def test_a_name_that_is_none_is_refused_with_the_rule() -> None:
    assert refused(f"name: My App\n{MINIMAL}") == "compose.yaml line 1: name is no project name: 'My App'"
    assert "COMPOSE_PROJECT_NAME is no project name: 'A'" in refused(MINIMAL, COMPOSE_PROJECT_NAME="A")
    with pytest.raises(DockerConfigInvalid, match="its directory's name makes none") as caught:
        parse(MINIMAL, Path("/srv/Ä/compose.yaml"))
    assert caught.value.hint == "add `name: my-project` as its first line"


# What we do not do


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("services:\n  db:\n    image: a\n    build: .\n", 4, "services.db.build"),
        ("services:\n  db:\n    image: a\n    deploy:\n      replicas: 2\n", 4, "services.db.deploy"),
        ("include: [a.yaml]\nservices: {db: {image: a}}\n", 1, "include"),
        ("services: {db: {image: a}}\n\nsecrets: {a: {file: b}}\n", 3, "secrets"),
        ("services:\n  db:\n    image: a\n    extends: other\n", 4, "services.db.extends"),
        ("services:\n  db:\n    image: a\n    healthcheck:\n      tests: x\n", 5, "services.db.healthcheck.tests"),
        ("services: {db: {image: a}}\nnetworks:\n  n:\n    driver: overlay\n", 4, "a network with driver overlay"),
        ("services: {db: {image: a}}\nnetworks:\n  n:\n    ipam: {}\n", 4, "networks.n.ipam"),
        ("services:\n  db:\n    image: a\n    networks:\n      default:\n        ipv4_address: 1.2.3.4\n", 6,
         "services.db.networks.default.ipv4_address"),
        ("services:\n  db:\n    image: a\n    volumes:\n      - type: npipe\n        target: /a\n", 5,
         "a volume of type npipe"),
        ("x-a: &a\n  privileged: true\nservices:\n  db:\n    <<: *a\n    image: a\n", 2, "services.db.privileged"),
    ],
)  # fmt: skip
def test_a_key_that_is_not_supported_is_named_with_its_line_and_compose_is_offered(
    text: str, line: int, what: str
) -> None:
    with pytest.raises(DockerConfigUnsupported) as caught:
        parse(text)
    assert caught.value.message == f"compose.yaml line {line}: {what} is not supported by `mastra engine`"
    assert caught.value.hint is not None
    assert "`docker compose -f compose.yaml up -d`" in caught.value.hint
    assert caught.value.code == "docker_config_unsupported"


def test_the_offer_names_the_file_as_it_was_typed() -> None:
    with pytest.raises(DockerConfigUnsupported) as caught:
        parse("services: {db: {image: a, build: .}}", Path("my files/db.yaml"))
    assert caught.value.hint is not None
    assert "`docker compose -f 'my files/db.yaml' up -d`" in caught.value.hint


# What is wrong


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: must be a mapping with `services:`"),
        ("- a\n", "line 1: must be a mapping with `services:`"),
        ("name: a\n", "line 1: names no `services`"),
        ("services:\n  db: [\n", "line 3 is not YAML"),
        ("services:\n\tdb: 1\n", "line 2 is not YAML"),
        ("services:\n  db:\n    image: a\n    image: b\n", "line 4: services.db.image stands there twice"),
        ("services:\n  db: {}\n", "line 2: services.db has no `image`"),
        ("services:\n  db:\n    image: a\n    volumes: [data:/data]\n",
         "line 4: services.db.volumes[0] names the volume data, which is not among"),
        ("services:\n  db:\n    image: a\n    networks: [front]\n",
         "line 4: services.db.networks names the network front, which is not among"),
        ("services:\n  db:\n    image: a\n    depends_on: [cache]\n",
         "line 4: services.db.depends_on names cache, which is not there"),
        ("services:\n  a: {image: a, depends_on: [b]}\n  b: {image: b, depends_on: [a]}\n",
         "services.a.depends_on goes in a circle: a -> b -> a"),
        ("services: &s\n  db: *s\n", "services.db contains itself"),
        ("services:\n  db:\n    image: a\n    <<: 3\n", "line 4: services.db.<< merges something that is no"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_line(text: str, message: str) -> None:
    assert message in refused(text)


def test_a_file_that_is_not_there_or_no_text_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(DockerConfigInvalid, match=r"compose\.yaml is not there"):
        compose.load(tmp_path / "compose.yaml", {})
    (tmp_path / "compose.yaml").write_bytes(b"name: \xff\xfe")
    with pytest.raises(DockerConfigInvalid, match="is not UTF-8 text"):
        compose.load(tmp_path / "compose.yaml", {})
    with pytest.raises(DockerConfigInvalid, match="can not be read: Is a directory"):
        compose.load(tmp_path, {})


# What it holds


def test_dependencies_come_first_and_services_with_a_profile_are_left_out() -> None:
    config = parse(
        "services:\n"
        "  web: {image: w, depends_on: {api: {condition: service_healthy}, tool: {required: false, "
        "condition: service_started}}}\n"
        "  api: {image: a, depends_on: [db]}\n"
        "  db: {image: postgres}\n"
        "  tool: {image: t, profiles: [debug], build: .}\n"
    )
    assert [s.name for s in config.services] == ["db", "api", "web"]
    assert config.left_out == ("tool",)
    assert [(d.service, d.condition, d.required) for d in config.service("web").depends_on] == [
        ("api", "service_healthy", True),
        ("tool", "service_started", False),
    ]


def test_a_dependency_that_a_profile_leaves_out_is_refused() -> None:
    message = refused("services:\n  a: {image: a, depends_on: [b]}\n  b: {image: b, profiles: [x]}\n")
    assert "names b, which has a profile and is left out" in message


def test_volumes_and_networks_have_the_names_that_compose_gives_them() -> None:
    config = parse(
        "name: p\n"
        "services:\n"
        "  db: {image: a, volumes: ['data:/d'], networks: {back: {aliases: [pg, sql]}, default: }}\n"
        "volumes:\n"
        "  data:\n"
        "  own: {name: chosen, driver: local, driver_opts: {type: tmpfs, o: size=1m}, labels: [a=b]}\n"
        "  theirs: {external: true}\n"
        "  old: {external: {name: elder}}\n"
        "networks:\n"
        "  back: {internal: true, driver: bridge, labels: {x: y}}\n"
        "  out: {external: true, name: shared}\n"
    )
    assert [(v.key, v.name, v.external) for v in config.volumes] == [
        ("data", "p_data", False),
        ("own", "chosen", False),
        ("theirs", "theirs", True),
        ("old", "elder", True),
    ]
    own = config.volume("own")
    assert (own.driver, own.driver_opts, own.labels) == (
        "local",
        (("type", "tmpfs"), ("o", "size=1m")),
        (("a", "b"),),
    )
    assert [(n.name, n.internal, n.external) for n in config.networks] == [
        ("p_back", True, False),
        ("shared", False, True),
        ("p_default", False, False),
    ]
    assert config.service("db").networks == (("back", ("pg", "sql")), ("default", ()))


def test_extensions_anchors_merges_and_the_old_version_key_are_read_past() -> None:
    config = parse(
        "version: '3.8'\n"
        "x-common: &common\n  restart: always\n  environment: {A: '1', B: '2'}\n  x-note: ${\n"
        "x-more: &more {user: root, restart: 'no'}\n"
        "services:\n  x-ignored-too: &not-a-service {}\n  db:\n    <<: [*common, *more]\n    image: a\n    "
        "environment: {A: own}\n".replace("  x-ignored-too: &not-a-service {}\n", "")
    )
    db = config.service("db")
    assert (db.restart, db.user, dict(db.environment)) == (("always", 0), "root", {"A": "own"})


def test_a_port_on_every_interface_gets_one_warning_with_its_loopback_form() -> None:
    config = parse(
        "services:\n  db:\n    image: postgres\n    ports:\n      - '5433:5432'\n      - 127.0.0.1:1:1\n"
        "      - {target: 53, published: 5353, protocol: udp}\n"
    )
    assert config.warnings == (
        "compose.yaml line 5: port 5433 of db is open to every network of this machine; for this one alone "
        'write "127.0.0.1:5433:5432"',
        "compose.yaml line 7: port 5353 of db is open to every network of this machine; for this one alone "
        'write "127.0.0.1:5353:53/udp"',
    )


# The database among the services


@pytest.mark.parametrize(
    ("services", "found"),
    [
        ("db: {image: mysql}, pg: {image: postgres}", "db"),
        ("web: {image: nginx}, pg: {image: 'postgis/postgis:17-3.5'}", "pg"),
        (
            "web: {image: nginx}, store: {image: 'registry.local:5000/timescale/timescaledb:latest-pg17'}",
            "store",
        ),
        ("a: {image: 'pgvector/pgvector:pg18@sha256:abc'}", "a"),
        ("a: {image: mine, ports: ['127.0.0.1:6000:5432']}, b: {image: nginx}", "a"),
        ("a: {image: postgres}, b: {image: pgvector/pgvector}", None),
        ("exporter: {image: 'prometheuscommunity/postgres-exporter'}, a: {image: postgres}", "a"),
        ("a: {image: nginx}", None),
    ],
)
def test_the_database_is_db_or_the_only_one_that_looks_like_a_postgres(
    services: str, found: str | None
) -> None:
    database = compose.database(parse(f"services: {{{services}}}"))
    assert (database and database.name) == found


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ("{POSTGRES_PASSWORD: 'p@ss/w%rd'}", "postgresql://postgres:p%40ss%2Fw%25rd@127.0.0.1:6000/postgres"),
        ("{POSTGRES_PASSWORD: p, POSTGRES_USER: me}", "postgresql://me:p@127.0.0.1:6000/me"),
        (
            "{POSTGRES_PASSWORD: p, POSTGRES_USER: me, POSTGRES_DB: d b}",
            "postgresql://me:p@127.0.0.1:6000/d%20b",
        ),
        ("{POSTGRES_HOST_AUTH_METHOD: trust}", "postgresql://postgres@127.0.0.1:6000/postgres"),
        ("{POSTGRES_PASSWORD_FILE: /run/secrets/pw}", None),
    ],
)
def test_its_url_is_made_as_the_image_reads_its_environment(environment: str, url: str | None) -> None:
    service = parse(f"services: {{db: {{image: postgres, environment: {environment}}}}}").service("db")
    assert compose.database_url(service, "127.0.0.1", 6000) == url


def test_its_url_is_the_one_of_the_env_file_that_points_at_its_address() -> None:
    service = parse("services: {db: {image: postgres, environment: {POSTGRES_PASSWORD: p}}}").service("db")
    app = "postgresql://app:x@localhost:6000/shop"
    elsewhere = "postgresql://u:p@db.example:6000/shop"
    assert compose.database_url(service, "127.0.0.1", 6000, (elsewhere, app)) == app
    assert compose.database_url(service, "127.0.0.1", 6001, (elsewhere, app)) == (
        "postgresql://postgres:p@127.0.0.1:6001/postgres"
    )


# Files


def test_the_first_name_that_is_there_is_the_docker_config(tmp_path: Path) -> None:
    assert compose.find(tmp_path) is None
    for name in reversed(compose.NAMES):
        (tmp_path / name).write_text("")
        assert compose.find(tmp_path) == tmp_path / name
    assert compose.NAMES[0] == "mastra-pg.docker-compose.yaml"


@pytest.mark.parametrize(
    ("image", "major", "target"),
    [
        ("pgvector/pgvector:pg18", 18, "/var/lib/postgresql"),
        ("pgvector/pgvector:0.8.1-pg17-bookworm", 17, "/var/lib/postgresql/data"),
        ("postgres:16-alpine", 16, "/var/lib/postgresql/data"),
        ("localhost:5000/postgis/postgis:17-3.5", 17, "/var/lib/postgresql/data"),
        ("timescale/timescaledb:2.17.2-pg15", 15, "/var/lib/postgresql/data"),
        ("localhost:5000/pgvector", None, "/var/lib/postgresql"),
        ("postgres:latest", None, "/var/lib/postgresql"),
        ("pgvector/pgvector:pg19@sha256:00", 19, "/var/lib/postgresql"),
    ],
)
def test_the_file_that_add_writes_mounts_the_data_where_the_image_keeps_it(
    image: str, major: int | None, target: str
) -> None:
    assert compose.major_of(image) == major
    text = compose.render("shop-1a2b3c4d", image)
    config = parse(text, HERE, POSTGRES_PASSWORD="secret", POSTGRES_PORT="5499")
    (db,) = config.services
    assert (config.project, db.image, config.volumes[0].name) == (
        "shop-1a2b3c4d",
        image,
        "shop-1a2b3c4d_data",
    )
    assert [(m.source, m.target) for m in db.mounts] == [("data", target)]
    assert [(p.host_ip, p.published, p.target) for p in db.ports] == [("127.0.0.1", "5499", 5432)]
    assert (db.stop_grace_period, db.shm_size) == (60 * 10**9, 256 * 1024**2)
    assert dict(db.environment) == {
        "POSTGRES_USER": "postgres",
        "POSTGRES_PASSWORD": "secret",
        "POSTGRES_DB": "mastra",
    }
    assert db.healthcheck is not None
    assert db.healthcheck.test is not None
    assert "-h 127.0.0.1" in db.healthcheck.test[1]
    assert config.warnings == ()


def test_the_file_that_add_writes_holds_no_password_and_asks_for_one() -> None:
    text = compose.render("shop", "pgvector/pgvector:pg18")
    assert yaml.safe_load(text)["services"]["db"]["environment"]["POSTGRES_PASSWORD"].startswith("${")
    assert re.search(r"needs POSTGRES_PASSWORD: .*`mastra engine add`", refused(text))
