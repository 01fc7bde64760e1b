"""What `mastra engine add` will do, decided before anything is touched."""

from __future__ import annotations

import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mastra_cli.errors import Conflict, NoEngine, ProviderConflict, ServerFailed, Usage
from mastra_cli.local import compose, gitignore, providers
from mastra_cli.local.dotenv import EnvFile
from mastra_cli.local.project import Project
from mastra_cli.local.provider import Provider, ProviderName
from mastra_cli.local.reporter import Reporter
from mastra_cli.settings import URL_NAMES, database_url, libpq_url, mask, same_database

DEFAULT_PORT = 5432
DEFAULT_IMAGE = "pgvector/pgvector:pg18"


@dataclass(frozen=True, slots=True)
class Wishes:
    """The command line of one `add`."""

    provider: Literal["auto", "docker", "embedded"] = "auto"
    port: int | None = None
    image: str | None = None
    file: Path | None = None
    timeout: float = 120.0
    yes: bool = False
    force: bool = False
    dry_run: bool = False


@dataclass(slots=True)
class Plan:
    """What one `add` will do. Nothing is written or started before `Adding.run`."""

    project: Project
    provider: ProviderName
    why: str
    config: Path
    config_content: bytes | None
    """What to write there; None: it is used as it is."""
    template: bool
    """The docker config is ours: `.env` decides its port and its password."""
    port: int
    sticky: bool
    """The port was asked for, or written before: when it is taken, no other is tried."""
    env: EnvFile
    values: dict[str, str] = field(repr=False)
    """What `.env` will hold before the start."""
    new_password: bool
    """The password is made by this run."""
    replace_urls: bool
    """URLs that lead elsewhere are replaced: it was said or asked."""
    ignored: list[str]
    leaving: Provider | None
    """The other provider's server, which stops and keeps its data."""

    def lines(self) -> list[str]:
        """The plan in words, secrets left out."""
        where = f"on 127.0.0.1:{self.port}" if self.template else f"as {self.config.name} says"
        lines = [f"start Postgres {where} ({self.provider}: {self.why})"]
        if self.leaving is not None:
            lines.insert(0, f"stop the {self.leaving.name} server; its data stays")
        if self.config_content is not None:
            lines.append(f"write {self.config.name}")
        names = {name for name, value in self.values.items() if self.env.values.get(name) != value}
        for name in URL_NAMES:
            old = self.env.values.get(name)
            if old and self.replace_urls:
                where = f"{name} in {self.env.path.name}"
                lines.append(f"replace {where}, after a yes or with --force: it points to {mask(old)}")
            elif not old:
                names.add(name)
        if names:
            lines.append(f"set in {self.env.path.name}: {', '.join(sorted(names))}")
        if gitignore.with_ignored(self.project.root, self.ignored) is not None:
            lines.append(f"add to .gitignore: {', '.join(self.ignored)}")
        return lines


def plan(project: Project, wishes: Wishes, report: Reporter) -> Plan:
    """Decide, and refuse what can not be done, before anything is touched."""
    env = EnvFile(project.env_file)
    before = providers.provider_before(project, env.values)
    provider, why = _choose(wishes, before, said=providers.PROVIDER_VARIABLE in env.values)
    leaving = _leaving(project, before, provider, env, wishes) if before and before != provider else None
    _must_work(provider)
    config = Path(os.path.normpath(project.root / wishes.file)) if wishes.file else project.config
    content, template = _config(project, config, wishes)
    replace = _foreign_urls_may_go(env, before, wishes, report)
    port, sticky = _port(project, provider, config, env, wishes)
    values = {
        "POSTGRES_USER": env.values.get("POSTGRES_USER") or "postgres",
        "POSTGRES_PASSWORD": env.values.get("POSTGRES_PASSWORD") or secrets.token_urlsafe(24),
        "POSTGRES_DB": env.values.get("POSTGRES_DB") or "mastra",
        "POSTGRES_PORT": str(port),
        providers.PROVIDER_VARIABLE: provider,
    }
    if not template and provider == "docker":
        # A file of the user's own: only what it asks for; the rest follows from the database that answers.
        text = compose.read(config)
        values = {k: v for k, v in values.items() if k == providers.PROVIDER_VARIABLE or _refers(text, k)}
    if env.values.get("POSTGRES_USER") == "mastra":
        report.warn(
            f"POSTGRES_USER=mastra in {env.path.name}: tables made without a schema's name will land among "
            "the engine's own, since Postgres looks in a schema of the user's name first"
        )
    ignored = [project.shown(project.env_file)] if project.holds(project.env_file) else []
    if provider == "embedded":
        ignored.append(f"{project.state.name}/")
    return Plan(
        project=project,
        provider=provider,
        why=why,
        config=config,
        config_content=content,
        template=template,
        port=port,
        sticky=sticky,
        env=env,
        values=values,
        new_password=not env.values.get("POSTGRES_PASSWORD"),
        replace_urls=replace,
        ignored=ignored,
        leaving=leaving,
    )


def _choose(wishes: Wishes, before: ProviderName | None, *, said: bool) -> tuple[ProviderName, str]:
    """The provider and why."""
    from mastra_cli.local import embedded
    from mastra_cli.local.docker import answers

    if wishes.file is not None:
        if wishes.provider == "embedded":
            raise Usage(
                "-f names a docker config, and --provider says embedded", hint="leave one of them out"
            )
        return "docker", "a docker config was named"
    if wishes.provider != "auto":
        return wishes.provider, "asked for"
    if before:
        return before, f"{providers.PROVIDER_VARIABLE} says so" if said else "its data is here"
    if answers():
        return "docker", "an engine answers"
    if embedded.unavailable() is None:
        return "embedded", "no Docker engine answers"
    return "docker", "there is no embedded server for this platform"


def _must_work(provider: ProviderName) -> None:
    from mastra_cli.local import embedded
    from mastra_cli.local.docker import find_engine

    if provider == "docker":
        find_engine().close()
    elif missing := embedded.unavailable():
        raise ServerFailed(missing, hint="run `mastra engine add --provider docker`")


def _config(project: Project, config: Path, wishes: Wishes) -> tuple[bytes | None, bool]:
    """The content to write, if any; and whether the file is ours."""
    if not config.exists():
        return compose.render(project.identity, wishes.image or DEFAULT_IMAGE).encode(), True
    text = compose.read(config)
    image = re.search(r"^ +image: *(\S+)$", text, re.MULTILINE)
    if image and text == compose.render(project.identity, image[1]):
        if wishes.image and wishes.image != image[1]:
            return compose.render(project.identity, wishes.image).encode(), True
        return None, True
    for flag, value, pattern in (
        ("--image", wishes.image, r"^ *image:"),
        ("--port", None if _refers(text, "POSTGRES_PORT") else wishes.port, r"^ *ports:"),
    ):
        if value is not None:
            line = next((n for n, row in enumerate(text.splitlines(), 1) if re.match(pattern, row)), None)
            raise Conflict(
                f"{config.name} is your own file, so {flag} {value} does not change it",
                hint=f"edit line {line} of {config.name}" if line else f"edit {config.name}",
            )
    return None, False


def _refers(text: str, name: str) -> bool:
    return re.search(rf"\$\{{?{name}\b", text) is not None


def _foreign_urls_may_go(env: EnvFile, before: ProviderName | None, wishes: Wishes, report: Reporter) -> bool:
    """Whether URLs in `.env` that lead elsewhere will be replaced; refused without a yes to just that."""
    ours = None
    port = providers.port_in(env.values, env.path)
    if before and port:
        ours = database_url(
            user="", password="", port=port, database=env.values.get("POSTGRES_DB") or "mastra"
        )
    foreign = {
        name: env.values[name]
        for name in URL_NAMES
        if env.values.get(name) and not (ours and same_database(libpq_url(env.values[name], name), ours))
    }
    if not foreign:
        return False
    name, url = next(iter(foreign.items()))
    if wishes.force or wishes.dry_run:
        return True
    if not report.confirm(f"{name} in {env.path.name} points to {mask(url)}. Replace it?", flag="--force"):
        raise Conflict(
            f"{name} in {env.path.name} points to {mask(url)}; it was left as it is",
            hint="replace it with --force, or give this database a file of its own with --env-file",
        )
    return True


def _leaving(
    project: Project, before: ProviderName, provider: ProviderName, env: EnvFile, wishes: Wishes
) -> Provider | None:
    """The provider of before, when its server runs; refused while it has data, unless forced."""
    old = providers.make(before, project, env.values, compose.find(project.root) or project.config)
    try:
        names = ", ".join(item.name for item in old.data() if not item.external)
        running = any(service.state == "running" for service in old.look())
    except NoEngine:
        names, running = "no Docker engine answers, so nobody can look at its volumes", False
    if names and not wishes.force:
        raise ProviderConflict(
            f"this project's data is with the {before} provider ({names})",
            hint="delete it with `mastra engine down --volumes`, or leave it there and start an empty "
            f"{provider} database with --force",
        )
    return old if running else None


def _port(
    project: Project, provider: ProviderName, config: Path, env: EnvFile, wishes: Wishes
) -> tuple[int, bool]:
    from mastra_cli.local import ports

    wanted = wishes.port or providers.port_in(env.values, env.path)
    if wanted is not None:
        return wanted, True
    if provider == "embedded" or config.is_file():
        # A server of ours that outlived its `.env` is found again where it listens.
        for service in providers.make(provider, project, env.values, config).look():
            if service.state == "running" and service.address:
                return int(service.address.rpartition(":")[2]), True
    return ports.next_free(DEFAULT_PORT), False
