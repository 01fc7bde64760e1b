"""What a provider of a Postgres server on this machine can do: the container, and the embedded server."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, Protocol

from mastra_cli.local.reporter import Reporter

ProviderName = Literal["docker", "embedded"]


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the docker config; the embedded server is one service named `postgres`."""

    name: str
    state: str
    """`running`, `exited`, `created` ..., or `missing`."""
    address: str | None = None
    """`127.0.0.1:5432`: where its Postgres port, else its first published port, is reached."""
    container: tuple[str, str] | None = None
    """(id, name)"""
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """After `start`."""

    services: tuple[Service, ...]
    started: tuple[str, ...]
    """Names of the services that this call started; empty: all were up already."""
    url: str | None = field(default=None, repr=False)
    """Of the database, password included; None: the docker config has no database that can be reached."""
    server: str | None = None
    """`18.4`"""
    pgvector: str | None = None
    """The version that the server offers or has; None: none."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Data that is still there."""

    name: str
    """A volume's name, or a directory's path."""
    bytes: int | None
    """None: not known."""
    external: bool = False
    """An external volume or a bind mount: never deleted by us."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """After `stop`."""

    stopped: tuple[str, ...]
    """Services that were running."""
    removed: tuple[str, ...]
    """What is gone: containers, networks, volumes, directories, by name."""
    kept: tuple[Kept, ...]


class Provider(Protocol):
    """One project's server. Nothing happens in a constructor but reading."""

    @property
    def name(self) -> ProviderName: ...

    @property
    def project_name(self) -> str:
        """As Docker Compose knows the project; the embedded server's identity."""
        ...

    def start(self, report: Reporter, *, timeout: float, wait: bool = True, yes: bool = False) -> Running:
        """Start what does not run and wait until it is ready; `yes` answers the questions.

        Remembers what it made, for `undo`.
        """
        ...

    def undo(self, report: Reporter) -> None:
        """Remove what this object's `start` made, and nothing older."""
        ...

    def look(self) -> tuple[Service, ...]:
        """What runs now; changes nothing."""
        ...

    def data(self) -> tuple[Kept, ...]:
        """What holds data, `external` ones included; changes nothing."""
        ...

    def stop(self, report: Reporter, *, volumes: bool = False) -> Stopped:
        """Stop and remove containers and network; with `volumes` what `data()` shows as ours too."""
        ...
