"""Which provider runs this project's server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mastra_cli.errors import DockerConfigInvalid, EnvFileRefused
from mastra_cli.local import compose
from mastra_cli.local.project import Project
from mastra_cli.local.provider import Provider, ProviderName
from mastra_cli.settings import environment, read_env_file

if TYPE_CHECKING:
    from mastra_cli.local.embedded import EmbeddedProvider

PROVIDER_VARIABLE = "MASTRA_ENGINE_PROVIDER"


def provider_in(values: Mapping[str, str], env_file: Path) -> ProviderName | None:
    """What `.env` says; None: it says nothing."""
    value = values.get(PROVIDER_VARIABLE) or None
    if value not in (None, "docker", "embedded"):
        raise EnvFileRefused(
            f"{env_file} sets {PROVIDER_VARIABLE}={value}",
            hint=f"make it {PROVIDER_VARIABLE}=docker or {PROVIDER_VARIABLE}=embedded",
        )
    return value


def provider_before(project: Project, values: Mapping[str, str]) -> ProviderName | None:
    """What `.env` says; where it says nothing, or is gone, `embedded` when the data of that is here."""
    said = provider_in(values, project.env_file)
    if said is None and project.state.is_dir() and _embedded(project, values).look()[0].state != "missing":
        return "embedded"
    return said


def variables(values: Mapping[str, str]) -> dict[str, str]:
    """What `${...}` in a docker config sees: the environment over `.env`, as Compose has it.

    In a `.env` of ours the server's own POSTGRES_* win: a variable that the shell holds for another
    project must not change the password or the port of this one.
    """
    ours = (
        {k: v for k, v in values.items() if k.startswith("POSTGRES_")} if PROVIDER_VARIABLE in values else {}
    )
    return {**values, **environment(), **ours}


def find_provider(project: Project, file: Path | None = None) -> Provider | None:
    """The provider of a project that was added, or that has a docker config; None: neither.

    `file` always means Docker; without it `.env` decides, then whether data of the embedded server or
    a docker config file is there.
    """
    values = read_env_file(project.env_file)
    if file is not None and not file.exists():
        raise DockerConfigInvalid(f"{file} is not there", hint="name a docker config file with -f")
    config = file or compose.find(project.root)
    name = provider_before(project, values) if file is None else "docker"
    if name is None and config is None:
        return None
    return make(name or "docker", project, values, config or project.config)


def add_command(project: Project, name: ProviderName | None, file: Path | None) -> str:
    """The `mastra engine add` that goes on with the server that `find_provider` found."""
    config = project.root / file if file is not None else compose.find(project.root)
    ours = name != "docker" or config == project.config
    return project.command("add", None if ours else config)


def make(name: ProviderName, project: Project, values: Mapping[str, str], config: Path) -> Provider:
    if name == "docker":
        from mastra_cli.local.docker import DockerProvider

        if not config.exists():
            raise DockerConfigInvalid(
                f"{config} is not there",
                hint="write it again with `mastra engine add`, or name another with -f",
            )
        return DockerProvider(project, config, variables(values))
    return _embedded(project, values)


def _embedded(project: Project, values: Mapping[str, str]) -> EmbeddedProvider:
    from mastra_cli.local.embedded import EmbeddedProvider

    return EmbeddedProvider(
        project,
        port=port_in(values, project.env_file) or 5432,
        user=values.get("POSTGRES_USER") or "postgres",
        password=values.get("POSTGRES_PASSWORD") or "",
        database=values.get("POSTGRES_DB") or "mastra",
    )


def port_in(values: Mapping[str, str], env_file: Path) -> int | None:
    """`POSTGRES_PORT` of `.env`; None: not set."""
    value = values.get("POSTGRES_PORT", "").strip()
    if not value:
        return None
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= 65535:
        raise EnvFileRefused(
            f"{env_file} sets POSTGRES_PORT={value}", hint="make it a number from 1 to 65535"
        )
    return int(value)
