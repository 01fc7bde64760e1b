"""Carries out what `mastra engine add` decided: write, start, prove; or undo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mastra_cli.errors import DatabaseUnreachable, PortTaken
from mastra_cli.local import compose, gitignore, providers
from mastra_cli.local.files import Journal, write_atomically
from mastra_cli.local.plan import Plan, Wishes
from mastra_cli.local.provider import Provider, Running
from mastra_cli.local.reporter import Reporter
from mastra_cli.settings import (
    URL_NAMES,
    environment,
    libpq_url,
    mask,
    parts_of,
    same_database,
    with_login_of,
)

if TYPE_CHECKING:
    from mastra_cli.local.migrations import Applied


@dataclass(slots=True)
class Added:
    running: Running
    url: str | None = field(repr=False)
    """None: the docker config has no database that can be reached."""
    written: list[Path]
    project: str
    """As Docker Compose knows it; the embedded server's identity."""

    @property
    def masked(self) -> str | None:
        return mask(self.url) if self.url else None


class Adding:
    """Carries out a plan. After a failure `undo` removes what this run made, and nothing older."""

    def __init__(self, plan: Plan, wishes: Wishes, report: Reporter) -> None:
        self._plan = plan
        self._wishes = wishes
        self._report = report
        self._journal = Journal()
        self._provider: Provider | None = None
        self._left: Provider | None = None

    def run(self) -> Added:
        plan, root = self._plan, self._plan.project.root
        self._write(plan.config, plan.config_content)
        # Before the password: it must not wait for a `git init`.
        self._write(root / ".gitignore", gitignore.with_ignored(root, plan.ignored))
        if gitignore.tracked(root, plan.env.path):
            self._report.warn(
                f"git has {plan.env.path.name} under version control, and it will hold a password: "
                f"take it out with `git rm --cached {plan.env.path.name}`"
            )
        if plan.leaving is not None:
            stopped = plan.leaving.stop(self._report)
            self._left = plan.leaving
            kept = ", ".join(item.name for item in stopped.kept)
            stays = f"; its data stays in {kept}" if kept else ""
            self._report.say(f"stopped the {plan.leaving.name} server{stays}")
        running = self._start()
        url = self._save_urls(running.url) if running.url else None
        assert self._provider is not None
        return Added(running, url, self._journal.changed, self._provider.project_name)

    def undo(self) -> None:
        if not (self._provider or self._left or self._journal.changed):
            return  # it failed before it did anything
        with self._report.phase("undoing what this run made"):
            # In this order: when this fails, or is interrupted, the data that stays keeps its password.
            if self._provider is not None:
                self._provider.undo(self._report)
            self._journal.restore()
        if self._left is not None:
            self._left.start(self._report, timeout=self._wishes.timeout, wait=False)

    def _start(self) -> Running:
        """Start on the planned port; when that was free a moment ago and nobody asked for it, on the next."""
        from mastra_cli.local import ports

        plan = self._plan
        while True:
            # Before the start: a kill must not lose the password of a volume.
            self._save(plan.values)
            self._provider = providers.make(plan.provider, plan.project, plan.env.values, plan.config)
            try:
                return self._provider.start(self._report, timeout=self._wishes.timeout, yes=self._wishes.yes)
            except DatabaseUnreachable as error:
                if error.sqlstate == "28P01" and plan.new_password:
                    # That password goes with the file that `undo` puts back: `up --yes` would not know it.
                    error.hint = (
                        "the data is older than this password: put the old "
                        f"{plan.env.path.name} back, or give the data a new one: `mastra engine add --yes`"
                    )
                raise
            except PortTaken:
                if plan.sticky:
                    raise
                self._provider.undo(self._report)
                plan.port = ports.next_free(plan.port + 1)
                plan.values["POSTGRES_PORT"] = str(plan.port)

    def _save_urls(self, url: str) -> str:
        """Write the URL of the server that answered. One that leads there already is kept as it is."""
        from mastra_cli.local import ready

        env = self._plan.env
        urls: dict[str, str] = {}
        for name in URL_NAMES:
            old = env.values.get(name, "")
            keep = not self._plan.replace_urls and old and same_database(libpq_url(old, name), url)
            urls[name] = old if keep else urls.get(URL_NAMES[0], url)
        user, password, port, database = parts_of(url)
        self._plan.port = port
        made = {"POSTGRES_USER": user, "POSTGRES_PASSWORD": password, "POSTGRES_DB": database}
        known = {**made, "POSTGRES_PORT": str(port)}
        self._save({**{k: v for k, v in known.items() if not env.values.get(k)}, **urls})
        written = libpq_url(urls[URL_NAMES[0]], URL_NAMES[0])
        if written != url:
            try:
                ready.probe(written)
            except DatabaseUnreachable as error:
                if error.sqlstate not in ("28P01", "28000"):
                    raise
                # It leads here with an old password: POSTGRES_* let us in, so they are right.
                urls = {name: with_login_of(old, url) for name, old in urls.items()}
                self._save(urls)
                written = libpq_url(urls[URL_NAMES[0]], URL_NAMES[0])
                ready.probe(written)
                self._report.say(f"put the password that is valid now into the URLs of {env.path.name}")
        for name in URL_NAMES:
            other = environment().get(name, "").strip()
            if other and other != urls[name]:
                self._report.warn(
                    f"{name} in this shell ({mask(other)}) beats {env.path.name} in every later command: "
                    f"`unset {name}` to use the database that was just added"
                )
                break
        return written

    def _save(self, values: dict[str, str]) -> None:
        env = self._plan.env
        env.set(values)
        self._journal.remember(env.path)
        if env.write():
            self._report.say(
                f"{env.path.name} can be read by its owner alone from now on: it holds a password"
            )

    def _write(self, path: Path, content: bytes | None) -> None:
        if content is not None:
            self._journal.remember(path)
            write_atomically(path, content)


def summary(plan: Plan, added: Added, migrated: Sequence[Applied] | None) -> str:
    """Where it listens, what was written, and what to type next. `migrated` None: it was not."""
    running = added.running
    server = (
        f"Postgres {running.server} with pgvector {running.pgvector}" if running.server else added.project
    )
    address = next((s.address for s in running.services if s.address), None)
    lines = [f"{server} is running{f' on {address}' if address else ''} ({plan.provider})"]
    if not (running.started or added.written or migrated):
        lines.append("everything was there already: nothing changed")
    if added.written:
        lines.append(f"wrote {', '.join(sorted(plan.project.shown(path) for path in added.written))}")
    if migrated:
        lines.append(f"migrated to {migrated[-1].revision}")
    if added.url is None:
        lines.append("no database of this docker config can be reached from here, so no URL was written")
    project = plan.project
    found = plan.provider != "docker" or compose.find(project.root) == plan.config
    config = None if found else plan.config
    rows = [
        (project.command("status", config), "what runs, and where"),
        (project.command("generate"), "typed Python models from the schema"),
        (project.command("down", config), "stop it; the data stays"),
    ]
    if migrated is None and added.url:
        rows.insert(0, (project.command("migrate"), "make the tables"))
    width = max(24, *(len(command) for command, _ in rows))
    return "\n".join([*lines, "", "next:", *(f"  {command:<{width}} {what}" for command, what in rows)])
