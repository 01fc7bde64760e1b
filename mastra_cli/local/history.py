"""Which revisions there are, where a database stands among them, and the way from there. No database here."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

from mastra_cli.errors import MigrationFailed, SchemaTooNew, Usage
from mastra_cli.local import assets


@dataclass(frozen=True, slots=True)
class Revision:
    revision: str
    title: str

    def __str__(self) -> str:
        return f"{self.revision} {self.title}"


@dataclass(frozen=True, slots=True)
class State:
    """Where a database stands."""

    revision: str | None
    """None: no migration was applied."""
    head: str
    """The newest revision of this package."""
    pending: tuple[Revision, ...]
    ahead: bool
    """The database has a revision that this package does not know: it was migrated by a newer one."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The way from one revision to another."""

    from_: str | None
    to: str | None
    steps: tuple[Revision, ...]
    """To be applied, oldest first; or, when `down`, to be undone, newest first."""
    lands: tuple[str, ...]
    """Where each step leads: its own revision, or, when `down`, the one below it."""
    down: bool
    beyond: tuple[Revision, ...]
    """What is newer than the target."""
    prepared: bool = True
    """Schema and extension are there. They may be missing without a step to take: pgvector was dropped."""


def history(folder: Path | None = None) -> tuple[Revision, ...]:
    """Every revision, oldest first; `folder` defaults to the package's own migrations."""
    following: dict[str | None, Revision] = {}
    for file in ((folder or assets.folder("alembic")) / "versions").glob("*.py"):
        tree = ast.parse(file.read_bytes())
        values = dict(_constants(tree))
        title = (ast.get_docstring(tree) or "").partition("\n")[0]
        following[values["down_revision"]] = Revision(str(values["revision"]), title)
    ordered: list[Revision] = []
    last: str | None = None
    while last in following:
        ordered.append(following.pop(last))
        last = ordered[-1].revision
    assert not following, "the revisions are not one line"
    return tuple(ordered)


def _constants(tree: ast.Module) -> list[tuple[str, str | None]]:
    found: list[tuple[str, str | None]] = []
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and target.id in ("revision", "down_revision"):
            found.append((target.id, ast.literal_eval(value) if isinstance(value, ast.Constant) else None))
    return found


def state_of(known: tuple[Revision, ...], stored: tuple[str, ...]) -> State:
    """`stored`: the rows of the version table."""
    names = [revision.revision for revision in known]
    if strangers := [name for name in stored if name not in names]:
        return State(", ".join(strangers), names[-1], (), ahead=True)
    if len(stored) > 1:
        raise MigrationFailed(
            f"mastra.alembic_version holds several revisions: {', '.join(stored)}",
            hint="find out which one the schema is at, and delete the other rows",
        )
    revision = stored[0] if stored else None
    return State(revision, names[-1], known[_position(known, revision) :], ahead=False)


def plan_for(known: tuple[Revision, ...], stored: tuple[str, ...], target: str | None) -> Plan:
    state = state_of(known, stored)
    if state.ahead:
        from importlib.metadata import version

        raise SchemaTooNew(
            f"the database is at revision {state.revision}; "
            f"this mastra-cli {version('mastra-cli')} knows revisions up to {state.head}",
            hint="install the mastra-cli that migrated it, or a newer one: pip install --upgrade mastra-cli",
        )
    here, there = _position(known, state.revision), _position(known, target)
    names = ("base", *(revision.revision for revision in known))
    if here <= there:
        steps, lands = known[here:there], names[here + 1 : there + 1]
    else:
        steps, lands = known[there:here][::-1], names[there:here][::-1]
    return Plan(state.revision, target, steps, lands, here > there, known[there:])


def _position(known: tuple[Revision, ...], revision: str | None) -> int:
    """How many revisions are applied when the database is at this one."""
    return next((i for i, r in enumerate(known, 1) if r.revision == revision), 0)


def target_of(known: tuple[Revision, ...], to: str | None) -> str | None:
    """The revision that `--to` names; None: base."""
    names = [revision.revision for revision in known]
    if to is None or to == "head":
        return names[-1]
    if to == "base":
        return None
    if to not in names:
        raise Usage(f"--to {to}: there is no such revision", hint=f"one of: base, {', '.join(names)}, head")
    return to
