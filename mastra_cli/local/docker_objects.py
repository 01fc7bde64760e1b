"""A service as the engine's API takes it, and the labels by which Compose and we find things again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mastra_cli.local.compose_schema import Config, Mount, ServiceConfig
from mastra_cli.local.project import Project

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
VOLUME = "com.docker.compose.volume"
NETWORK = "com.docker.compose.network"
NUMBER = "com.docker.compose.container-number"
HASH = "com.docker.compose.config-hash"
ONEOFF = "com.docker.compose.oneoff"
WORKING_DIR = "com.docker.compose.project.working_dir"
CONFIG_FILES = "com.docker.compose.project.config_files"
ENVIRONMENT_FILE = "com.docker.compose.project.environment_file"
DEPENDS_ON = "com.docker.compose.depends_on"
IMAGE = "com.docker.compose.image"
VERSION = "com.docker.compose.version"
# Ours: whose it is, and which run made it, so that a run that fails can be undone to the object.
OURS = "com.mastra.engine.project"
RUN = "com.mastra.engine.run"
# An anonymous volume's (service, path): the next container of the service takes it over.
PLACE = "com.mastra.engine.place"

# Of Compose, whose labels these are: it parses it.
_COMPOSE_VERSION = "2.26.1"


def shared_labels(config: Config, project: Project, run: str) -> dict[str, str]:
    """What containers, networks and volumes carry alike."""
    return {PROJECT: config.project, VERSION: _COMPOSE_VERSION, OURS: str(project.root), RUN: run}


def container_name(config: Config, service: ServiceConfig) -> str:
    return service.container_name or f"{config.project}-{service.name}-1"


def fingerprint(config: Config, service: ServiceConfig) -> str:
    """Changes exactly when the container must be made anew for what the file says now."""
    facts = [
        container_name(config, service),
        service.platform,
        _body(config, service),
        _endpoints(config, service),
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def container(
    config: Config,
    service: ServiceConfig,
    project: Project,
    *,
    run: str,
    image_id: str,
    inherited: Mapping[str, str] | None = None,
    anonymous: Sequence[str] = (),
) -> dict[str, Any]:
    """The body of the request that makes the container.

    `inherited`: path -> the volume without a name that a predecessor left there; `anonymous`: the paths
    that get a new one.
    """
    body = _body(config, service)
    body["HostConfig"]["Binds"] += [f"{volume}:{target}" for target, volume in (inherited or {}).items()]
    labels = shared_labels(config, project, run)
    body["HostConfig"]["Mounts"] += [
        {
            "Type": "volume",
            "Target": target,
            "VolumeOptions": {"Labels": labels | {PLACE: place(service, target)}},
        }
        for target in anonymous
    ]
    body["Volumes"] = {}
    body["Labels"] |= labels | {
        SERVICE: service.name,
        NUMBER: "1",
        ONEOFF: "False",
        HASH: fingerprint(config, service),
        IMAGE: image_id,
        WORKING_DIR: str(config.path.parent),
        CONFIG_FILES: str(config.path),
        DEPENDS_ON: ",".join(f"{d.service}:{d.condition}:false" for d in service.depends_on),
    }
    if project.env_file != config.path.parent / ".env":
        body["Labels"][ENVIRONMENT_FILE] = str(project.env_file)
    first = next(iter(_endpoints(config, service).items()), None)
    if first:
        body["NetworkingConfig"] = {"EndpointsConfig": {first[0]: first[1]}}
    return body


def place(service: ServiceConfig, target: str) -> str:
    return f"{service.name}:{target}"


def anonymous_targets(service: ServiceConfig, of_image: Iterable[str]) -> list[str]:
    """Where the container gets volumes without a name: its own, and its image's where nothing else is."""
    taken = {m.target.rstrip("/") for m in service.mounts if m.source or m.type == "tmpfs"}
    taken |= {path.rstrip("/") for path, _ in service.tmpfs}
    own = [m.target for m in service.mounts if not m.source and m.type == "volume"]
    return [path for path in dict.fromkeys(p.rstrip("/") for p in (*own, *of_image)) if path not in taken]


def further_networks(config: Config, service: ServiceConfig) -> list[tuple[str, list[str]]]:
    """(network, aliases) of those beside the first; the API of old engines makes a container with one."""
    return [(name, end["Aliases"]) for name, end in list(_endpoints(config, service).items())[1:]]


def _endpoints(config: Config, service: ServiceConfig) -> dict[str, dict[str, list[str]]]:
    return {
        config.network(key).name: {"Aliases": [container_name(config, service), service.name, *aliases]}
        for key, aliases in sorted(service.networks)
    }


def _body(config: Config, service: ServiceConfig) -> dict[str, Any]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in service.ports:
        binding = {"HostIp": port.host_ip, "HostPort": port.published or ""}
        bindings.setdefault(f"{port.target}/{port.protocol}", []).append(binding)
    policy, retries = service.restart
    host: dict[str, Any] = {
        "Binds": [_bind(config, m) for m in service.mounts if m.source and m.create and m.type != "tmpfs"],
        "Mounts": [_mount(m) for m in service.mounts if m.type == "tmpfs" or not m.create],
        "Tmpfs": dict(service.tmpfs),
        "PortBindings": bindings,
        "RestartPolicy": {"Name": policy, "MaximumRetryCount": retries},
        "NetworkMode": next(iter(_endpoints(config, service))),
    }
    if service.shm_size is not None:
        host["ShmSize"] = service.shm_size
    if service.init is not None:
        host["Init"] = service.init
    body: dict[str, Any] = {
        "Image": service.image,
        "Env": [f"{name}={value}" for name, value in service.environment],
        "ExposedPorts": {key: {} for key in (*bindings, *service.expose)},
        "Volumes": {m.target: {} for m in service.mounts if m.type == "volume" and not m.source},
        "Labels": dict(service.labels),
        "HostConfig": host,
    }
    optional = {
        "Cmd": service.command,
        "Entrypoint": service.entrypoint if service.entrypoint is None or service.entrypoint else ("",),
        "Hostname": service.hostname,
        "User": service.user,
        "WorkingDir": service.working_dir,
        "StopSignal": service.stop_signal,
        "StopTimeout": _seconds(service.stop_grace_period),
        "Healthcheck": _healthcheck(service),
    }
    return body | {key: value for key, value in optional.items() if value is not None}


def _seconds(nanoseconds: int | None) -> int | None:
    return None if nanoseconds is None else -(-nanoseconds // 10**9)


def _bind(config: Config, mount: Mount) -> str:
    assert mount.source is not None
    source = mount.source if mount.type == "bind" else config.volume(mount.source).name
    options = f":{','.join(mount.options)}" if mount.options else ""
    return f"{source}:{mount.target}{options}"


def _mount(mount: Mount) -> dict[str, Any]:
    body: dict[str, Any] = {"Type": mount.type, "Target": mount.target, "ReadOnly": "ro" in mount.options}
    if mount.type == "tmpfs":
        return body | {"TmpfsOptions": {"SizeBytes": mount.size or 0, "Mode": mount.mode or 0}}
    propagation = next((o for o in mount.options if o.endswith(("private", "shared", "slave"))), "")
    return body | {"Source": mount.source, "BindOptions": {"Propagation": propagation}}


def _healthcheck(service: ServiceConfig) -> dict[str, Any] | None:
    check = service.healthcheck
    if check is None:
        return None
    return {
        "Test": list(check.test or ()),
        "Interval": check.interval or 0,
        "Timeout": check.timeout or 0,
        "StartPeriod": check.start_period or 0,
        "Retries": check.retries or 0,
    } | ({"StartInterval": check.start_interval} if check.start_interval else {})


def matches(info: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether a container that another tool made is what the docker config asks for."""
    config, host = info["Config"], info["HostConfig"]
    mounted = {
        m["Destination"]: m.get("Name") if m["Type"] == "volume" else m.get("Source") for m in info["Mounts"]
    }
    binds = [bind.split(":") for bind in wanted["HostConfig"]["Binds"]]
    return (
        set(wanted["Env"]) <= set(config["Env"] or [])
        and all(
            list(wanted[key]) == list(config[key] or []) for key in ("Cmd", "Entrypoint") if key in wanted
        )
        and wanted["HostConfig"]["PortBindings"] == (host["PortBindings"] or {})
        and all(mounted.get(bind[1]) == bind[0] for bind in binds if len(bind) > 1)
        and wanted["HostConfig"]["RestartPolicy"]["Name"] == (host["RestartPolicy"]["Name"] or "no")
    )
