"""A docker config file: found, read, checked, and the one that `add` writes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from mastra_cli.errors import DockerConfigInvalid
from mastra_cli.local import assets
from mastra_cli.local.compose_schema import Config, NetworkConfig, Port, ServiceConfig, VolumeConfig
from mastra_cli.local.compose_services import Services
from mastra_cli.local.compose_values import Values
from mastra_cli.local.compose_yaml import Document
from mastra_cli.settings import read_env_file

NAMES = tuple(
    f"{stem}.{suffix}"
    for stem in ("mastra-pg.docker-compose", "docker-compose", "compose")
    for suffix in ("yaml", "yml")
)
POSTGRES_PORT = 5432

_TEMPLATE = NAMES[0]
_PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]*")
_POSTGRES_IMAGE = re.compile(
    r"(?:^|[/_-])(?:postgres|postgresql|pgvector|postgis|timescaledb|timescaledb-ha|paradedb|pgvecto-rs|age)$"
)


def find(folder: Path) -> Path | None:
    """The docker config file of a folder: the first of `NAMES` that is there."""
    return next((folder / name for name in NAMES if (folder / name).is_file()), None)


def render(identity: str, image: str) -> str:
    """The docker config file that `add` writes."""
    text = (assets.folder("templates") / _TEMPLATE).read_text(encoding="utf-8")
    text = text.replace("name: mastra-pg\n", f"name: {identity}\n").replace("pgvector/pgvector:pg18", image)
    major = major_of(image)
    if major is not None and major < 18:
        text = text.replace("data:/var/lib/postgresql\n", "data:/var/lib/postgresql/data\n")
    return text


def major_of(image: str) -> int | None:
    """The Postgres version that an image's tag names: 17 of `pgvector/pgvector:0.8.0-pg17`."""
    name, _, tag = image.partition("@")[0].rpartition(":")
    found = re.search(r"(?:^|[-_.])pg-?(\d{2})(?!\d)", tag)
    if not found and name.rpartition("/")[2] in ("postgres", "postgis", "postgresql"):
        found = re.match(r"(\d{2})(?!\d)", tag)
    return int(found[1]) if found else None


def load(path: Path, environ: Mapping[str, str], *, demanding: bool = True) -> Config:
    """Read and check a docker config file; `environ` is what its variables stand for.

    Not `demanding`: a variable that is required and not set stands for nothing, which is enough to find
    what runs.
    """
    return parse(read(path), path, environ, demanding=demanding)


def read(path: Path) -> str:
    """The text of a docker config file."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise DockerConfigInvalid(
            f"{path} is not there", hint="run `mastra engine add`, or name another file with -f"
        ) from None
    except UnicodeDecodeError:
        raise DockerConfigInvalid(f"{path} is not UTF-8 text", hint="save it as UTF-8") from None
    except OSError as error:
        raise DockerConfigInvalid(
            f"{path} can not be read: {error.strerror}", hint="make it a file that this user may read"
        ) from error


def parse(
    text: str,
    path: Path,
    environ: Mapping[str, str],
    *,
    demanding: bool = True,
    env_file: Callable[[Path], dict[str, str]] = read_env_file,
) -> Config:
    """`load` for a text; `path` says where its relative paths start."""
    warnings: list[str] = []
    document = Document(text, path.name, environ, warnings.append, demanding=demanding)
    typed = path.name if path.is_absolute() else path.as_posix()
    values = Values(document, f"docker compose -f {shlex.quote(typed)} up -d")
    root = document.root
    values.known(root, (), ("name", "version", "services", "networks", "volumes"))
    project = _project_name(values, root.get("name"), path, environ)
    services = values.mapping(root.get("services"), ("services",))
    if not services:
        raise document.invalid((), "names no `services`")

    reader = Services(values, path.absolute().parent, environ, env_file)
    read: list[ServiceConfig] = []
    left_out: list[str] = []
    for name, raw in services.items():
        place = ("services", name)
        if isinstance(raw, dict) and values.texts(raw.get("profiles"), (*place, "profiles")):  # pyright: ignore[reportUnknownMemberType]
            left_out.append(name)
        else:
            read.append(reader.read(name, raw))
    volumes = _volumes(values, root.get("volumes"), project)
    networks = _networks(values, root.get("networks"), project, read)
    for service in read:
        _check_references(values, service, read, left_out, volumes, networks)
        for port in service.ports:
            if port.everywhere:
                warnings.append(
                    f"{path.name} line {port.line}: port {port.published or port.target} of {service.name} "
                    f'is open to every network of this machine; for this one alone write "{_loopback(port)}"'
                )
    return Config(
        path=path.absolute(),
        project=project,
        services=_in_order(values, read),
        volumes=tuple(volumes.values()),
        networks=tuple(networks.values()),
        left_out=tuple(left_out),
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _loopback(port: Port) -> str:
    suffix = "" if port.protocol == "tcp" else f"/{port.protocol}"
    return f"127.0.0.1:{port.published or ''}:{port.target}{suffix}"


def _project_name(values: Values, raw: Any, path: Path, environ: Mapping[str, str]) -> str:
    rule = "use lower-case letters, digits, `-` and `_`, a letter or digit first"
    if raw is not None and (name := values.text(raw, ("name",))):
        if not _PROJECT.fullmatch(name):
            raise values.invalid(("name",), f"is no project name: {name!r}", rule)
        return name
    if name := environ.get("COMPOSE_PROJECT_NAME", ""):
        if not _PROJECT.fullmatch(name):
            raise DockerConfigInvalid(f"COMPOSE_PROJECT_NAME is no project name: {name!r}", hint=rule)
        return name
    name = re.sub(r"[^a-z0-9_-]", "", path.absolute().parent.name.lower()).lstrip("_-")
    if not name:
        raise values.invalid(
            (),
            "has no `name:`, and its directory's name makes none",
            "add `name: my-project` as its first line",
        )
    return name


def _volumes(values: Values, raw: Any, project: str) -> dict[str, VolumeConfig]:
    found: dict[str, VolumeConfig] = {}
    for key, item in values.mapping(raw, ("volumes",)).items():
        path = ("volumes", key)
        entry = values.mapping(item, path)
        values.known(entry, path, ("name", "external", "driver", "driver_opts", "labels"))
        name, external = _name(values, entry, path, f"{project}_{key}")
        options = values.pairs(entry.get("driver_opts"), (*path, "driver_opts"))
        found[key] = VolumeConfig(
            key,
            name,
            external,
            values.text(entry["driver"], (*path, "driver")) if entry.get("driver") else None,
            tuple((k, v or "") for k, v in options.items()),
            tuple((k, v or "") for k, v in values.pairs(entry.get("labels"), (*path, "labels")).items()),
        )
    return found


def _networks(
    values: Values, raw: Any, project: str, services: list[ServiceConfig]
) -> dict[str, NetworkConfig]:
    found: dict[str, NetworkConfig] = {}
    for key, item in values.mapping(raw, ("networks",)).items():
        path = ("networks", key)
        entry = values.mapping(item, path)
        values.known(entry, path, ("name", "external", "driver", "internal", "labels"))
        name, external = _name(values, entry, path, f"{project}_{key}")
        driver = values.text(entry["driver"], (*path, "driver")) if entry.get("driver") else None
        if driver not in (None, "bridge"):
            raise values.unsupported((*path, "driver"), f"a network with driver {driver}")
        found[key] = NetworkConfig(
            key,
            name,
            external,
            driver,
            values.flag(entry.get("internal", False), (*path, "internal")),
            tuple((k, v or "") for k, v in values.pairs(entry.get("labels"), (*path, "labels")).items()),
        )
    if any(network == "default" for service in services for network, _ in service.networks):
        found.setdefault("default", NetworkConfig("default", f"{project}_default"))
    return found


def _name(values: Values, entry: dict[str, Any], path: tuple[str, ...], default: str) -> tuple[str, bool]:
    """The engine's name for a volume or network, and whether it is somebody else's."""
    external = entry.get("external", False)
    name = values.words(entry["name"], (*path, "name")) if entry.get("name") is not None else None
    if isinstance(external, dict):  # as files of Compose's version 2 wrote it
        old = values.mapping(external, (*path, "external"))
        values.known(old, (*path, "external"), ("name",))
        return values.words(old.get("name", name or path[-1]), (*path, "external", "name")), True
    if values.flag(external, (*path, "external")):
        return name or path[-1], True
    return name or default, False


def _check_references(
    values: Values,
    service: ServiceConfig,
    services: list[ServiceConfig],
    left_out: list[str],
    volumes: Mapping[str, object],
    networks: Mapping[str, object],
) -> None:
    path = ("services", service.name)
    names = {other.name for other in services}
    for i, mount in enumerate(service.mounts):
        if mount.type == "volume" and mount.source and mount.source not in volumes:
            raise values.invalid(
                (*path, "volumes", i),
                f"names the volume {mount.source}, which is not among the top-level `volumes:`",
                f"add `{mount.source}:` under `volumes:`, or write ./{mount.source} for a directory",
            )
    for network, _ in service.networks:
        if network not in networks:
            raise values.invalid(
                (*path, "networks"),
                f"names the network {network}, which is not among the top-level `networks:`",
            )
    for dependency in service.depends_on:
        if dependency.required and dependency.service not in names:
            why = "has a profile and is left out" if dependency.service in left_out else "is not there"
            raise values.invalid((*path, "depends_on"), f"names {dependency.service}, which {why}")


def _in_order(values: Values, services: list[ServiceConfig]) -> tuple[ServiceConfig, ...]:
    """Dependencies first, else as in the file."""
    by_name = {service.name: service for service in services}
    done: dict[str, ServiceConfig] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            circle = " -> ".join((*above[above.index(name) :], name))
            raise values.invalid(("services", name, "depends_on"), f"goes in a circle: {circle}")
        if name not in done and name in by_name:
            for dependency in by_name[name].depends_on:
                visit(dependency.service, (*above, name))
            done[name] = by_name[name]

    for service in services:
        visit(service.name, ())
    return tuple(done.values())


def database(config: Config) -> ServiceConfig | None:
    """The service that is the database: `db`, else the only one that looks like a Postgres."""
    named = [service for service in config.services if service.name == "db"]
    likely = named or [service for service in config.services if _is_postgres(service)]
    return likely[0] if len(likely) == 1 else None


def _is_postgres(service: ServiceConfig) -> bool:
    repository = re.sub(r":[^/]*$", "", service.image.partition("@")[0])
    return bool(_POSTGRES_IMAGE.search(repository)) or any(p.target == POSTGRES_PORT for p in service.ports)


def database_url(service: ServiceConfig, host: str, port: int, env_urls: tuple[str, ...] = ()) -> str | None:
    """The database's URL: the one of `.env` that points at its address, else as the image reads its
    environment. None: its password is in a file of the container."""
    for url in env_urls:
        try:
            parts = urlsplit(url)
            there = (_one_name(parts.hostname or ""), parts.port or POSTGRES_PORT)
        except ValueError:
            continue
        if there == (_one_name(host), port):
            return url
    if service.variable("POSTGRES_PASSWORD_FILE"):
        return None
    user = service.variable("POSTGRES_USER") or "postgres"
    name = service.variable("POSTGRES_DB") or user
    password = service.variable("POSTGRES_PASSWORD")
    secret = f":{quote(password, safe='')}" if password else ""
    place = f"[{host}]" if ":" in host else host
    return f"postgresql://{quote(user, safe='')}{secret}@{place}:{port}/{quote(name, safe='')}"


def _one_name(host: str) -> str:
    return "127.0.0.1" if host.lower() in ("", "localhost", "::1") else host.lower()
