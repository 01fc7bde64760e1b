"""Is a container ready, or why will it never be."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from typing import Any

from mastra_cli.errors import ContainerFailed
from mastra_cli.local.compose_schema import Condition, Config, ServiceConfig
from mastra_cli.local.docker_engine import Client

_PAUSE = 0.1
# A container without a healthcheck counts as started when it has lived this long.
_SETTLED = 1.0
_LINES = 15
_SECRET = re.compile(r"PASS|SECRET|TOKEN|KEY|CREDENTIAL|URL|DSN", re.IGNORECASE)

# What servers and images write before they die, and what mends it. The first that fits.
_CAUSES: tuple[tuple[str, str, str], ...] = (
    (
        r"initialized by PostgreSQL version (\d+)[^\n]*not compatible with this version (\d+)",
        "the volume holds data of PostgreSQL {0}, the image is PostgreSQL {1}",
        "write an image of version {0} at {image_place}, or begin anew, without the data: "
        "`mastra engine down --volumes`",
    ),
    (
        r"in 18\+, these Docker images are configured to store database data",
        "images from version 18 on keep their data at /var/lib/postgresql, not at /var/lib/postgresql/data",
        "mount the volume at /var/lib/postgresql: `volumes:` of {service}, {place}",
    ),
    (
        r"superuser password is not specified",
        "the image asks for POSTGRES_PASSWORD",
        "set POSTGRES_PASSWORD in .env and give it to {service} under `environment:`, {place}",
    ),
    (
        r"No space left on device",
        "the engine's disk is full",
        "make room: `docker system df` shows what takes it, `docker system prune` frees what nothing uses",
    ),
    (
        r"could not (?:create|open) shared memory|could not resize shared memory",
        "the container has too little shared memory",
        "write `shm_size: 256mb` at {service}, {place}",
    ),
    (
        r"exec format error",
        "the image is for another processor",
        "pull one for this machine: `docker pull {image}`, or write `platform:` at {service}, {place}",
    ),
    (
        r"(?:Permission denied|Operation not permitted)",
        "the container may not use its files",
        "mind the owner of its bind mounts, or use a named volume: `volumes:` of {service}, {place}",
    ),
)


def inspect(client: Client, container: str) -> dict[str, Any]:
    return client.api.inspect_container(container)


class Watch:
    """One container on its way to a condition."""

    def __init__(self, client: Client, config: Config, service: ServiceConfig, container: str) -> None:
        self._client = client
        self._config = config
        self.service = service
        self.container = container
        self._since = time.monotonic()
        self._restarts: int | None = None

    def reached(self, condition: Condition = "service_healthy") -> bool:
        """Whether it is there now; `ContainerFailed` when it never will be.

        `service_healthy` of a container without a healthcheck: it runs, and goes on running; one whose work
        is done (exit status 0) counts too.
        """
        info = inspect(self._client, self.container)
        state: dict[str, Any] = info["State"]
        if self._restarts is None:
            self._restarts = int(info.get("RestartCount", 0))
        code = int(state.get("ExitCode") or 0)
        ended = state["Status"] in ("exited", "dead", "removing")
        if ended and code == 0 and condition == "service_completed_successfully":
            return True
        if ended or state["Status"] == "restarting" or info.get("RestartCount", 0) > self._restarts:
            if ended and code == 0 and not self._checked(state) and not self.service.ports:
                return True
            if not ended:  # its restart policy would start it for ever
                self._client.api.stop(self.container, timeout=0)
            raise self._failure(f"died while starting (exit status {code})", state)
        if condition == "service_completed_successfully" or state["Status"] != "running":
            return False
        if condition == "service_started":
            return True
        if not self._checked(state):
            return time.monotonic() - self._since >= _SETTLED
        status = state["Health"]["Status"]
        if status == "unhealthy":
            raise self._failure(f"is unhealthy{self._last_check(state)}", state)
        return status == "healthy"

    def late(self, timeout: float) -> ContainerFailed:
        """The error for one that is not ready in time."""
        state: dict[str, Any] = inspect(self._client, self.container)["State"]
        what = self._last_check(state) if self._checked(state) else ""
        return self._failure(f"was not ready within {timeout:g} s{what}", state, patience=True)

    def _checked(self, state: dict[str, Any]) -> bool:
        health: dict[str, Any] = state.get("Health") or {}
        return health.get("Status", "none") != "none"

    def _last_check(self, state: dict[str, Any]) -> str:
        health: dict[str, Any] = state.get("Health") or {}
        log: list[dict[str, Any]] = health.get("Log") or []
        output = " ".join(str(log[-1].get("Output", "")).split()) if log else ""
        return f": its healthcheck said {self._hide(output)[:200]!r}" if output else ""

    def logs(self) -> str:
        """The last lines of its log, without the passwords that its environment holds."""
        raw: bytes = self._client.api.logs(self.container, tail=_LINES, stdout=True, stderr=True)
        return self._hide(raw.decode("utf-8", "replace"))

    def _hide(self, text: str) -> str:
        for name, value in self.service.environment:
            if len(value) > 3 and _SECRET.search(name):
                text = text.replace(value, "***")
        return text

    def _failure(self, what: str, state: dict[str, Any], *, patience: bool = False) -> ContainerFailed:
        logs = self.logs()
        cause, hint = self._cause(logs, state)
        message = f"service {self.service.name} {what}{f': {cause}' if cause else ''}"
        lines = [line.rstrip() for line in logs.splitlines() if line.strip()]
        if lines:
            message += "\nlast log lines:" + "".join(f"\n  {line}" for line in lines)
        name = inspect(self._client, self.container)["Name"].lstrip("/")
        give = "allow it more time with --timeout, or " if patience else ""
        return ContainerFailed(message, hint=hint or f"{give}look at its whole log: `docker logs {name}`")

    def _cause(self, logs: str, state: dict[str, Any]) -> tuple[str, str]:
        if state.get("OOMKilled"):
            return "it ran out of memory", "give the engine more memory, or lower what the service asks for"
        facts = {
            "service": self.service.name,
            "image": self.service.image,
            "place": f"line {self.service.line} of {self._config.path.name}",
            "image_place": f"services.{self.service.name}.image of {self._config.path.name}",
        }
        text = f"{logs}\n{state.get('Error', '')}"
        for pattern, cause, hint in _CAUSES:
            if found := re.search(pattern, text, re.IGNORECASE):
                return cause.format(*found.groups(), **facts), hint.format(*found.groups(), **facts)
        return "", ""


def wait_for(watches: Sequence[tuple[Watch, Condition]], *, deadline: float, timeout: float) -> None:
    """Until each has reached its condition; `ContainerFailed` as soon as one can not, or at the deadline."""
    waiting = watches
    while True:
        waiting = [item for item in waiting if not item[0].reached(item[1])]
        if not waiting:
            return
        if time.monotonic() >= deadline:
            raise waiting[0][0].late(timeout)
        time.sleep(_PAUSE)
