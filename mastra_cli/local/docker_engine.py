"""Which Docker engine: found where the docker command would look, and where others put theirs."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import docker
import requests
from docker.context import ContextAPI
from docker.errors import APIError, DockerException
from docker.utils import kwargs_from_env

from mastra_cli.errors import ContainerFailed, NoEngine
from mastra_cli.settings import environment

# Untyped: the SDK carries no types.
Client = Any

_PATIENCE = 4.0
_CALL = 120


def find_engine() -> Client:
    """The first engine that answers, or `NoEngine`, within 5 s, with each place and why it failed.

    `DOCKER_HOST`, else a context that was chosen, is the only place when it is there: whoever chose an engine
    does not want another.
    """
    environ = environment()
    answers: dict[str, Client | str] = {}
    places = _places(environ)
    for place, arguments in places:
        threading.Thread(
            target=_ask, args=(place, arguments, answers), name="mastra-engine", daemon=True
        ).start()
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        for place, _ in places:
            answer = answers.get(place)
            if answer is None:
                break  # a place before it may still answer
            if not isinstance(answer, str):
                return answer
        else:
            break
        time.sleep(0.005)
    late = next((a for p, _ in places if not isinstance(a := answers.get(p, ""), str)), None)
    if late is not None:
        return late
    tried = "".join(
        f"\n  {place}: {answers.get(place, f'no answer within {_PATIENCE:g} s')}" for place, _ in places
    )
    raise NoEngine(f"no Docker engine answers; tried:{tried}", hint=_hint(answers, environ))


def answers() -> bool:
    """Whether an engine answers."""
    try:
        find_engine().close()
    except NoEngine:
        return False
    return True


def host_of(client: Client) -> str:
    """Where the ports that containers publish are reached."""
    host = urlsplit(str(client.api.base_url)).hostname or ""
    return "127.0.0.1" if host in ("", "localhost", "localunixsocket", "localnpipe", "ssh", "::1") else host


def _places(environ: Mapping[str, str]) -> list[tuple[str, Callable[[], dict[str, Any]]]]:
    if host := environ.get("DOCKER_HOST"):
        return [(f"DOCKER_HOST={host}", lambda: {**kwargs_from_env(dict(environ))})]
    name = environ.get("DOCKER_CONTEXT")
    with suppress(Exception):  # a config.json that does not parse chooses nothing
        context: Any = ContextAPI.get_context(name)
        if name and context is None:
            return [(f"context {name}", _missing_context)]
        if context is not None and context.Name != "default" and context.Host:
            return [(f"context {context.Name} ({context.Host})", lambda: _of_context(context))]
    return [(url, lambda url=url: {"base_url": url}) for url in dict.fromkeys(_sockets(environ))]


def _missing_context() -> dict[str, Any]:
    raise DockerException("there is no such context")


def _of_context(context: Any) -> dict[str, Any]:
    return {"base_url": context.Host} | ({"tls": context.TLSConfig} if context.TLSConfig else {})


def _sockets(environ: Mapping[str, str]) -> list[str]:
    if sys.platform == "win32":
        return ["npipe:////./pipe/docker_engine", "npipe:////./pipe/podman-machine-default"]
    home = Path.home()
    runtime = Path(environ.get("XDG_RUNTIME_DIR") or "/nonexistent")
    places = (
        Path("/var/run/docker.sock"),
        runtime / "docker.sock",  # rootless
        home / ".docker/run/docker.sock",  # Desktop
        home / ".docker/desktop/docker.sock",
        home / ".colima/default/docker.sock",
        home / ".orbstack/run/docker.sock",
        runtime / "podman/podman.sock",
        Path("/run/podman/podman.sock"),
        home / ".local/share/containers/podman/machine/podman.sock",
    )
    return [f"unix://{path}" for path in places if not path.is_relative_to("/nonexistent")]


def _ask(place: str, arguments: Callable[[], dict[str, Any]], answers: dict[str, Any]) -> None:
    try:
        keywords = arguments()
        url = str(keywords.get("base_url", ""))
        if url.startswith("unix://") and not _listens(Path(url.removeprefix("unix://"))):
            answers[place] = "not there"
            return
        client: Client = docker.DockerClient(
            version="auto", timeout=_PATIENCE, use_ssh_client=url.startswith("ssh://"), **keywords
        )
        client.api.timeout = _CALL
        answers[place] = client
    except Exception as error:
        answers[place] = _why(error)


def _listens(path: Path) -> bool:
    """Whether there is a socket; refused here, as the SDK leaves its own socket open then."""
    if not path.exists():
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PATIENCE)
        probe.connect(str(path))
    return True


def _why(error: BaseException) -> str:
    """The system's own words from under the SDK's and urllib3's."""
    seen: list[BaseException] = []
    queue: list[Any] = [error]
    while queue:
        item = queue.pop(0)
        if isinstance(item, BaseException) and item not in seen:
            seen.append(item)
            queue += [*item.args, item.__cause__, item.__context__, getattr(item, "reason", None)]
    for item in seen:
        if isinstance(item, OSError) and item.strerror:
            return item.strerror.lower()
    if any(isinstance(item, requests.exceptions.Timeout) for item in seen):
        return "no answer"
    return str(seen[-1] if isinstance(seen[-1], DockerException) else error).splitlines()[0][:200]


def _hint(answers: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    if any("permission denied" in str(answer) for answer in answers.values()):
        return (
            "this user may not use the engine's socket: `sudo usermod -aG docker $USER` and log in again, "
            "or `mastra engine add --provider embedded`, which needs no Docker"
        )
    if environ.get("DOCKER_HOST"):
        return "start that engine, or unset DOCKER_HOST, or run `mastra engine add --provider embedded`"
    return (
        "start Docker (Desktop, `systemctl start docker` ...), or run `mastra engine add --provider embedded`"
    )


@contextmanager
def translated() -> Generator[None]:
    """The SDK's errors as ours."""
    try:
        yield
    except APIError as error:
        raise ContainerFailed(
            f"the Docker engine refused: {said(error)}", hint="mend what it names, then run the command again"
        ) from error
    except (requests.exceptions.RequestException, DockerException) as error:
        raise NoEngine(
            f"the Docker engine stopped answering: {_why(error)}",
            hint="start it again, then run the command again",
        ) from error


def said(error: Any) -> str:
    """What the engine said, in one line."""
    return " ".join(str(error.explanation or error).split())
