"""What can be asked of this checkout: `nox -s NAME`, words after `--` go to the tool. No logic."""

import nox

nox.options.default_venv_backend = "uv|virtualenv"
nox.options.sessions = ["tests", "types", "lint", "layers", "wheel"]
nox.options.reuse_existing_virtualenvs = True

PYPROJECT = nox.project.load_toml("pyproject.toml")
GROUPS = {name: nox.project.dependency_groups(PYPROJECT, name) for name in ("tests", "models", "lint")}


# What the default run leaves to a session of its own.
APART = ("slow", "wheel", "docker", "types", "models", "nightly", "bench")


@nox.session
def tests(session: nox.Session) -> None:
    """Everything that needs no Docker engine, on an embedded Postgres of its own."""
    session.install("-e", ".", *GROUPS["tests"])
    session.run("pytest", "-n", "2", "-m", " and ".join(f"not {mark}" for mark in APART), *session.posargs)


@nox.session
def slow(session: nox.Session) -> None:
    """The cases that take minutes: kills by the hundred, large tables, other people's packages."""
    session.install("-e", ".", *GROUPS["tests"])
    session.run("pytest", "-n", "2", "-m", "slow", "--timeout", "900", *session.posargs)


@nox.session
def nightly(session: nox.Session) -> None:
    """What a pipeline has no time for: thousands of examples, every Python."""
    session.install("-e", ".", *GROUPS["tests"])
    session.run("pytest", "-m", "nightly", "--timeout", "3600", *session.posargs)
    session.run(
        "pytest", "tests/twins", "--hypothesis-profile", "nightly", "--timeout", "3600", *session.posargs
    )


@nox.session
def models(session: nox.Session) -> None:
    """Real embedding models, end to end; installs some GB."""
    session.install("-e", ".", *GROUPS["tests"], *GROUPS["models"])
    session.run("pytest", "-m", "models", "--timeout", "900", *session.posargs)


@nox.session
def types(session: nox.Session) -> None:
    session.install("-e", ".", *GROUPS["tests"], *GROUPS["lint"], "nox")
    session.run("pyright", *session.posargs)
    session.run("pytest", "-m", "types")


@nox.session
def lint(session: nox.Session) -> None:
    session.install(*GROUPS["lint"])
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def layers(session: nox.Session) -> None:
    """Who may see whom."""
    session.install("-e", ".", *GROUPS["lint"])
    session.run("lint-imports")


@nox.session
def sync(session: nox.Session) -> None:
    """Write the sync trees from the async ones."""
    session.run("python", "tests/sync_tree.py")


@nox.session
def wheel(session: nox.Session) -> None:
    """The built wheel in an empty environment."""
    session.install("-e", ".", *GROUPS["tests"], "build")
    session.run("pytest", "-m", "wheel", "--timeout", "900", *session.posargs)


@nox.session
def docker(session: nox.Session) -> None:
    """Against a real Docker engine."""
    session.install("-e", ".", *GROUPS["tests"])
    session.run("pytest", "-m", "docker", "--timeout", "600", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Ours, the hand-written ceiling and the peers, side by side; writes bench.md.

    `-- -k vectors` measures those rows alone and keeps the others; `-- -k growth` and `-- -k peak` what takes
    longest, `-- -k ""` all.
    """
    session.install("-e", ".", *GROUPS["tests"])
    session.run(
        "pytest", "tests/bench", "-m", "bench", "-s", "-k", "not growth and not peak", *session.posargs
    )
