"""A docker config as plain data: what `compose` reads and `docker` carries out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Condition = Literal["service_started", "service_healthy", "service_completed_successfully"]


@dataclass(frozen=True, slots=True)
class Port:
    target: int
    published: str | None
    """A port, or a range to choose from; None: the engine chooses."""
    host_ip: str
    """Empty: every interface."""
    protocol: str
    line: int

    @property
    def everywhere(self) -> bool:
        return self.host_ip in ("", "0.0.0.0", "::")


@dataclass(frozen=True, slots=True)
class Mount:
    type: Literal["bind", "volume", "tmpfs"]
    source: str | None
    """A path, or a key of `volumes`; None: an anonymous volume, or a tmpfs."""
    target: str
    options: tuple[str, ...] = ()
    """`ro`, `z`, `nocopy` ..."""
    create: bool = True
    """Whether a missing path is made."""
    size: int | None = None
    mode: int | None = None


@dataclass(frozen=True, slots=True)
class Healthcheck:
    test: tuple[str, ...] | None
    """`("NONE",)`: switched off; None: the image's own command."""
    interval: int | None = None
    """This and the others in nanoseconds."""
    timeout: int | None = None
    start_period: int | None = None
    start_interval: int | None = None
    retries: int | None = None

    @property
    def disabled(self) -> bool:
        return self.test == ("NONE",)


@dataclass(frozen=True, slots=True)
class Dependency:
    service: str
    condition: Condition
    required: bool


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    name: str
    line: int
    image: str
    command: tuple[str, ...] | None
    entrypoint: tuple[str, ...] | None
    """Empty: the image's is switched off."""
    environment: tuple[tuple[str, str], ...] = field(repr=False)
    """Holds passwords."""
    ports: tuple[Port, ...]
    expose: tuple[str, ...]
    mounts: tuple[Mount, ...]
    tmpfs: tuple[tuple[str, str], ...]
    healthcheck: Healthcheck | None
    restart: tuple[str, int]
    labels: tuple[tuple[str, str], ...]
    shm_size: int | None
    depends_on: tuple[Dependency, ...]
    container_name: str | None
    hostname: str | None
    user: str | None
    working_dir: str | None
    init: bool | None
    stop_signal: str | None
    stop_grace_period: int | None
    """Nanoseconds."""
    platform: str | None
    networks: tuple[tuple[str, tuple[str, ...]], ...]
    """(key of `networks`, aliases)"""

    def variable(self, name: str) -> str | None:
        return dict(self.environment).get(name) or None


@dataclass(frozen=True, slots=True)
class VolumeConfig:
    key: str
    name: str
    """As the engine knows it."""
    external: bool = False
    driver: str | None = None
    driver_opts: tuple[tuple[str, str], ...] = ()
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    key: str
    name: str
    external: bool = False
    driver: str | None = None
    internal: bool = False
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """A whole docker config file."""

    path: Path
    project: str
    """The Compose project's name."""
    services: tuple[ServiceConfig, ...]
    """Dependencies first."""
    volumes: tuple[VolumeConfig, ...]
    networks: tuple[NetworkConfig, ...]
    left_out: tuple[str, ...]
    """Services with a profile."""
    warnings: tuple[str, ...]

    def service(self, name: str) -> ServiceConfig:
        return next(s for s in self.services if s.name == name)

    def volume(self, key: str) -> VolumeConfig:
        return next(v for v in self.volumes if v.key == key)

    def network(self, key: str) -> NetworkConfig:
        return next(n for n in self.networks if n.key == key)
