"""A project of its own for each test on the engine of this machine; whatever a test makes there goes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import psycopg
import pytest

from mastra_cli.errors import Usage
from mastra_cli.local import compose
from mastra_cli.local.docker import DockerProvider, find_engine
from mastra_cli.local.project import Project, find_project
from mastra_cli.settings import environment, read_env_file
from tests.servers import free_port

IMAGE = "pgvector/pgvector:pg18"
PASSWORD = "p%a@s/s:w o#rd$x"


class Talk:
    """A `Reporter` that keeps what was said; `confirm` answers, or is off a terminal."""

    def __init__(self, answer: bool | None = None) -> None:
        self.lines: list[str] = []
        self.bars: list[tuple[str, str, int, int | None]] = []
        self.questions: list[str] = []
        self.answer = answer
        self.on_phase: Callable[[str], None] = lambda text: None

    @contextmanager
    def phase(self, text: str) -> Iterator[None]:
        self.lines.append(text)
        self.on_phase(text)
        yield

    def advance(self, key: str, text: str, done: int, total: int | None) -> None:
        self.bars.append((key, text, done, total))

    def say(self, text: str) -> None:
        self.lines.append(text)

    def detail(self, text: str) -> None:
        self.lines.append(text)

    def warn(self, text: str) -> None:
        self.lines.append(f"warning: {text}")

    def confirm(self, question: str, *, flag: str) -> bool:
        self.questions.append(f"{question} {flag}")
        if self.answer is None:
            raise Usage(question, hint=flag)
        return self.answer


@pytest.fixture(scope="session")
def engine() -> Iterator[Any]:
    """The engine's client. No engine: these tests fail, they do not skip."""
    client = find_engine()
    assert client.api.images(IMAGE), f"the engine has no image {IMAGE}"
    yield client
    client.close()


def quick(text: str) -> str:
    """The docker config of `add`, asked for its health more often: tests wait for it many times."""
    return text.replace("interval: 2s", "interval: 300ms")


class Place:
    """A directory with a docker config and a `.env`."""

    def __init__(self, root: Path, engine: Any) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.project: Project = find_project(root)
        self.root = self.project.root
        self.engine = engine
        self.port = free_port()
        self.config = self.project.config
        self.made: list[DockerProvider] = []

    def write_env(self, **more: str) -> None:
        values = {"POSTGRES_PASSWORD": PASSWORD, "POSTGRES_PORT": str(self.port), **more}
        self.project.env_file.write_text("".join(f"{k}='{v}'\n" for k, v in values.items()))

    def provider(self, text: str | None = None) -> DockerProvider:
        """For the text, else for the file that is there, else for the one that `add` writes."""
        if text is not None:
            self.config.write_text(text)
        elif not self.config.exists():
            self.config.write_text(quick(compose.render(self.project.identity, IMAGE)))
        if not self.project.env_file.exists():
            self.write_env()
        values = {**read_env_file(self.project.env_file), **environment()}
        self.made.append(DockerProvider(self.project, self.config, values))
        return self.made[-1]

    def ask(self, statement: str, url: str | None) -> Any:
        assert url is not None
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchone() if cursor.description else None

    def compose(self, *words: str) -> str:
        """The real Docker Compose on this directory's file."""
        result = subprocess.run(
            ["docker", "compose", "-f", str(self.config), *words],
            capture_output=True, text=True, cwd=self.root, timeout=120,
        )  # fmt: skip
        assert result.returncode == 0, result.stderr
        return result.stdout

    def containers(self) -> list[dict[str, Any]]:
        return self._labelled("containers", all=True)

    def names(self) -> list[str]:
        return sorted(c["Names"][0].lstrip("/") for c in self.containers())

    def _labelled(self, kind: str, **more: Any) -> Any:
        names = {p.config.project for p in self.made}
        found: list[Any] = []
        for name in names:
            listing = getattr(self.engine.api, kind)(
                filters={"label": f"com.docker.compose.project={name}"}, **more
            )
            found += (listing.get("Volumes") or []) if kind == "volumes" else listing
        return found

    def networks(self) -> list[str]:
        return sorted(n["Name"] for n in self._labelled("networks"))

    def volumes(self) -> list[str]:
        return sorted(v["Name"] for v in self._labelled("volumes"))

    def clean(self) -> None:
        for container in self.containers():
            self.engine.api.remove_container(container["Id"], force=True, v=True)
        for network in self._labelled("networks"):
            self.engine.api.remove_network(network["Id"])
        for name in self.volumes():
            self.engine.api.remove_volume(name, force=True)
        shutil.rmtree(self.root, ignore_errors=True)


@pytest.fixture
def place(tmp_path: Path, engine: Any) -> Iterator[Place]:
    place = Place(tmp_path / "mein Projekt é", engine)
    yield place
    place.clean()


@pytest.fixture
def another(tmp_path: Path, engine: Any) -> Iterator[Place]:
    """A second directory of the same name."""
    place = Place(tmp_path / "elsewhere" / "mein Projekt é", engine)
    yield place
    place.clean()


@pytest.fixture(autouse=True, scope="session")
def _compose_is_there() -> None:
    found = subprocess.run(["docker", "compose", "version"], capture_output=True, text=True)
    assert found.returncode == 0, "these tests need Docker Compose 2 as a plugin of the docker command"
    assert docker.__version__
