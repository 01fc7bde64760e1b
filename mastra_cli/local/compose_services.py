"""One service of a docker config: its keys, short and long forms."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path as FilePath
from typing import Any, cast

from mastra_cli.local.compose_schema import (
    Condition,
    Dependency,
    Healthcheck,
    Mount,
    Port,
    ServiceConfig,
)
from mastra_cli.local.compose_values import Values
from mastra_cli.local.compose_yaml import Path

# fmt: off
KEYS = frozenset((
    "image", "command", "entrypoint", "environment", "env_file", "ports", "expose", "volumes", "tmpfs",
    "healthcheck", "restart", "labels", "shm_size", "depends_on", "container_name", "hostname", "user",
    "working_dir", "init", "stop_signal", "stop_grace_period", "platform", "profiles", "networks",
))
_MODES = frozenset((
    "ro", "rw", "z", "Z", "nocopy", "cached", "delegated", "consistent",
    "private", "rprivate", "shared", "rshared", "slave", "rslave",
))
# fmt: on
CONDITIONS = ("service_started", "service_healthy", "service_completed_successfully")
_RANGE = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]*")


class Services:
    """Reads services; `folder` is where relative paths start, `env_file` reads a file of variables."""

    def __init__(
        self,
        values: Values,
        folder: FilePath,
        environ: Mapping[str, str],
        env_file: Callable[[FilePath], dict[str, str]],
    ) -> None:
        self._values = values
        self._folder = folder
        self._environ = environ
        self._env_file = env_file

    def read(self, name: str, raw: Any) -> ServiceConfig:
        v = self._values
        path: Path = ("services", name)
        if not _NAME.fullmatch(name):
            raise v.invalid(path, "is no name for a service", "use letters, digits, `.`, `_` and `-`")
        service = v.mapping(raw, path)
        v.known(service, path, KEYS)
        if service.get("image") is None:
            raise v.invalid(path, "has no `image`", f"add `image:` to services.{name}")

        def optional(key: str, read: Callable[[Any, Path], Any]) -> Any:
            value = service.get(key)
            return None if value is None else read(value, (*path, key))

        container_name = optional("container_name", v.words)
        if container_name is not None and not _NAME.fullmatch(container_name):
            raise v.invalid((*path, "container_name"), f"is no name for a container: {container_name!r}")
        return ServiceConfig(
            name=name,
            line=v.document.line(path),
            image=v.words(service["image"], (*path, "image")),
            command=optional("command", v.argv),
            entrypoint=optional("entrypoint", v.argv),
            environment=self._environment(service, path),
            ports=self._ports(service.get("ports"), (*path, "ports")),
            expose=self._expose(service.get("expose"), (*path, "expose")),
            mounts=self._mounts(service.get("volumes"), (*path, "volumes")),
            tmpfs=tuple(_split(text) for text in v.texts(service.get("tmpfs"), (*path, "tmpfs"))),
            healthcheck=optional("healthcheck", self._healthcheck),
            restart=optional("restart", self._restart) or ("no", 0),
            labels=tuple((k, t or "") for k, t in v.pairs(service.get("labels"), (*path, "labels")).items()),
            shm_size=optional("shm_size", v.size),
            depends_on=self._depends_on(service.get("depends_on"), (*path, "depends_on")),
            container_name=container_name,
            hostname=optional("hostname", v.words),
            user=optional("user", v.words),
            working_dir=optional("working_dir", v.words),
            init=optional("init", v.flag),
            stop_signal=optional("stop_signal", v.words),
            stop_grace_period=optional("stop_grace_period", v.duration),
            platform=optional("platform", v.words),
            networks=self._networks(service.get("networks"), (*path, "networks")),
        )

    def _environment(self, service: dict[str, Any], path: Path) -> tuple[tuple[str, str], ...]:
        v = self._values
        variables: dict[str, str] = {}
        raw = service.get("env_file")
        place = (*path, "env_file")
        entries = cast("list[Any]", raw) if isinstance(raw, list) else [] if raw is None else [raw]
        for i, entry in enumerate(entries):
            here = (*place, i) if isinstance(raw, list) else place
            required = True
            if isinstance(entry, dict):
                entry = v.mapping(entry, here)
                v.known(entry, here, ("path", "required"))
                required = v.flag(entry.get("required", True), (*here, "required"))
                name = v.words(entry.get("path"), (*here, "path"))
            else:
                name = v.words(entry, here)
            file = self._folder / FilePath(name).expanduser()
            if file.exists():
                variables |= self._env_file(file)
            elif required:
                raise v.invalid(here, f"names {name}, which is not there", f"make {file}, or take it out")
        for name, text in v.pairs(service.get("environment"), (*path, "environment")).items():
            if text is not None:
                variables[name] = text
            elif name in self._environ:
                variables[name] = self._environ[name]
            else:
                variables.pop(name, None)
        return tuple(variables.items())

    def _ports(self, raw: Any, path: Path) -> tuple[Port, ...]:
        v = self._values
        ports: list[Port] = []
        for i, item in enumerate(v.items(raw, path)):
            here = (*path, i)
            if isinstance(item, dict):
                long = v.mapping(item, here)
                v.known(
                    long, here, ("target", "published", "host_ip", "protocol", "mode", "name", "app_protocol")
                )
                target = v.text(long.get("target"), (*here, "target"))
                published = v.text(long["published"], here) if long.get("published") is not None else ""
                ip = v.text(long.get("host_ip", ""), (*here, "host_ip"))
                protocol = v.text(long.get("protocol", "tcp"), (*here, "protocol"))
            else:
                text, _, protocol = v.words(item, here).partition("/")
                before, _, target = text.rpartition(":")
                ip, _, published = before.rpartition(":")
            ports += self._port(target, published, ip.strip("[]"), protocol or "tcp", here)
        return tuple(dict.fromkeys(ports))

    def _port(self, target: str, published: str, ip: str, protocol: str, path: Path) -> list[Port]:
        v = self._values
        v.one_of(protocol, path, ("tcp", "udp", "sctp"))
        inner = self._range(target, path)
        outer = self._range(published, path) if published else None
        line = v.document.line(path)
        if len(inner) == 1:
            return [Port(inner[0], published or None, ip, protocol, line)]
        if outer is not None and len(outer) != len(inner):
            raise v.invalid(path, f"maps {len(outer)} ports to {len(inner)}")
        return [Port(t, str(outer[i]) if outer else None, ip, protocol, line) for i, t in enumerate(inner)]

    def _range(self, text: str, path: Path) -> range:
        found = _RANGE.fullmatch(text)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
        if not 1 <= first <= last <= 65535 and not (found and first == last == 0):
            raise self._values.invalid(
                path,
                f"{text!r} is no port",
                'write it as "127.0.0.1:5432:5432": address, host port, container port',
            )
        return range(first, last + 1)

    def _expose(self, raw: Any, path: Path) -> tuple[str, ...]:
        exposed: list[str] = []
        for i, item in enumerate(self._values.items(raw, path)):
            number, _, protocol = self._values.words(item, (*path, i)).partition("/")
            ports = self._range(number, (*path, i))
            exposed += [f"{port}/{protocol or 'tcp'}" for port in ports]
        return tuple(exposed)

    def _mounts(self, raw: Any, path: Path) -> tuple[Mount, ...]:
        v = self._values
        return tuple(
            self._long_mount(v.mapping(item, (*path, i)), (*path, i))
            if isinstance(item, dict)
            else self._short_mount(v.words(item, (*path, i)), (*path, i))
            for i, item in enumerate(v.items(raw, path))
        )

    def _short_mount(self, text: str, path: Path) -> Mount:
        # A drive letter's colon separates nothing.
        parts = re.split(r"(?<!^[A-Za-z]):|(?<=^[A-Za-z]):(?![\\/])", text)
        if len(parts) > 3 or "" in parts:
            raise self._values.invalid(path, f"{text!r} is no volume", "write it as name-or-path:/path:ro")
        if len(parts) == 1:
            return Mount("volume", None, self._target(parts[0], path))
        options = tuple(parts[2].split(",")) if len(parts) == 3 else ()
        for option in options:
            if option not in _MODES:
                raise self._values.invalid(path, f"has an access mode that is not known: {option!r}")
        target = self._target(parts[1], path)
        if re.match(r"[./~\\]|[A-Za-z]:[\\/]", parts[0]):
            return Mount("bind", self._host_path(parts[0]), target, options)
        return Mount("volume", parts[0], target, options)

    def _long_mount(self, raw: dict[str, Any], path: Path) -> Mount:
        v = self._values
        kind = v.text(raw.get("type"), (*path, "type"))
        if kind not in ("bind", "volume", "tmpfs"):
            raise v.unsupported((*path, "type"), f"a volume of type {kind}")
        v.known(raw, path, ("type", "source", "target", "read_only", "consistency", kind))
        target = self._target(v.words(raw.get("target"), (*path, "target")), path)
        source = None if raw.get("source") is None else v.words(raw["source"], (*path, "source"))
        more = v.mapping(raw.get(kind), (*path, kind))
        options = ["ro"] if v.flag(raw.get("read_only", False), (*path, "read_only")) else []
        if kind == "tmpfs":
            v.known(more, (*path, kind), ("size", "mode"))
            size = v.size(more["size"], (*path, kind, "size")) if more.get("size") is not None else None
            mode = v.number(more["mode"], (*path, kind, "mode")) if more.get("mode") is not None else None
            return Mount("tmpfs", None, target, tuple(options), size=size, mode=mode)
        if kind == "volume":
            v.known(more, (*path, kind), ("nocopy",))
            if v.flag(more.get("nocopy", False), (*path, kind, "nocopy")):
                options.append("nocopy")
            return Mount("volume", source, target, tuple(options))
        v.known(more, (*path, kind), ("propagation", "create_host_path", "selinux"))
        if source is None:
            raise v.invalid(path, "has no `source`")
        options += [
            v.text(more[k], (*path, kind, k)) for k in ("propagation", "selinux") if more.get(k) is not None
        ]
        create = v.flag(more.get("create_host_path", True), (*path, kind, "create_host_path"))
        return Mount("bind", self._host_path(source), target, tuple(options), create=create)

    def _target(self, text: str, path: Path) -> str:
        if not text.startswith("/") and not re.match(r"[A-Za-z]:[\\/]", text):
            raise self._values.invalid(path, f"must name an absolute path in the container, not {text!r}")
        return text

    def _host_path(self, text: str) -> str:
        # By its text alone: resolving symlinks is the engine's business, whose file system may be another.
        return os.path.normpath(self._folder / FilePath(text).expanduser())

    def _healthcheck(self, raw: Any, path: Path) -> Healthcheck:
        v = self._values
        check = v.mapping(raw, path)
        keys = ("interval", "timeout", "start_period", "start_interval")
        v.known(check, path, (*keys, "test", "retries", "disable"))
        if v.flag(check.get("disable", False), (*path, "disable")):
            return Healthcheck(("NONE",))
        test = check.get("test")
        if isinstance(test, list):
            words = v.argv(test, (*path, "test"))
            if not words or words[0] not in ("CMD", "CMD-SHELL", "NONE"):
                raise v.invalid((*path, "test"), "must start with CMD, CMD-SHELL or NONE")
        else:
            words = None if test is None else ("CMD-SHELL", v.words(test, (*path, "test")))
        times = {k: v.duration(check[k], (*path, k)) for k in keys if check.get(k) is not None}
        retries = v.number(check["retries"], (*path, "retries")) if check.get("retries") is not None else None
        return Healthcheck(words, retries=retries, **times)

    def _restart(self, raw: Any, path: Path) -> tuple[str, int]:
        text = "no" if raw is False else self._values.text(raw, path)
        policy, colon, count = text.partition(":")
        choices = ("no", "always", "on-failure", "unless-stopped")
        if policy not in choices or (colon and (policy != "on-failure" or not count.isdigit())):
            raise self._values.invalid(path, f"must be one of {', '.join(choices)}, and is {text!r}")
        return policy, int(count or 0)

    def _depends_on(self, raw: Any, path: Path) -> tuple[Dependency, ...]:
        v = self._values
        if not isinstance(raw, dict):
            names = v.texts(raw, path) if isinstance(raw, list) else v.items(raw, path)
            return tuple(Dependency(name, "service_started", True) for name in names)
        found: list[Dependency] = []
        for name, item in v.mapping(raw, path).items():
            here = (*path, name)
            entry = v.mapping(item, here)
            v.known(entry, here, ("condition", "required"))
            condition = v.one_of(entry.get("condition", "service_started"), (*here, "condition"), CONDITIONS)
            required = v.flag(entry.get("required", True), (*here, "required"))
            found.append(Dependency(name, cast("Condition", condition), required))
        return tuple(found)

    def _networks(self, raw: Any, path: Path) -> tuple[tuple[str, tuple[str, ...]], ...]:
        v = self._values
        if isinstance(raw, list):
            return tuple((name, ()) for name in v.texts(raw, path)) or (("default", ()),)
        found: list[tuple[str, tuple[str, ...]]] = []
        for name, item in v.mapping(raw, path).items():
            entry = v.mapping(item, (*path, name))
            v.known(entry, (*path, name), ("aliases",))
            found.append((name, v.texts(entry.get("aliases"), (*path, name, "aliases"))))
        return tuple(found) or (("default", ()),)


def _split(text: str) -> tuple[str, str]:
    path, _, options = text.partition(":")
    return path, options
