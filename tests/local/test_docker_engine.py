"""Which Docker engine is asked; none of these needs one."""

from __future__ import annotations

import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mastra_cli.cli.failures import exit_code
from mastra_cli.errors import ImageUnavailable, NoEngine
from mastra_cli.local import docker_engine
from mastra_cli.local.docker import answers, find_engine
from mastra_cli.local.docker_images import follow
from mastra_cli.local.reporter import Silent


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    return tmp_path


class Daemon:
    """Answers an engine's `GET /version` on a socket of its own."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        self.server.listen()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self.server.accept()
            except OSError:
                return
            with peer:
                if not peer.recv(65536):
                    continue  # only looked whether someone listens
                body = json.dumps({"ApiVersion": "1.44", "Version": "27"}).encode()
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
                peer.sendall(f"{head}Connection: close\r\n\r\n".encode() + body)

    def close(self) -> None:
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.thread.join()


@pytest.fixture
def daemons() -> Iterator[list[Daemon]]:
    made: list[Daemon] = []
    yield made
    for daemon in made:
        daemon.close()


def test_docker_host_is_the_only_place_when_it_is_set(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{home}/none.sock")
    with pytest.raises(NoEngine) as caught:
        find_engine()
    assert (
        caught.value.message
        == f"no Docker engine answers; tried:\n  DOCKER_HOST=unix://{home}/none.sock: not there"
    )
    assert caught.value.hint == (
        "start that engine, or unset DOCKER_HOST, or run `mastra engine add --provider embedded`"
    )
    assert exit_code(caught.value) == 4
    assert answers() is False


def test_a_place_that_refuses_or_says_nothing_is_told_as_such_within_five_seconds(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("DOCKER_HOST", f"tcp://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        with pytest.raises(NoEngine, match="no answer"):
            find_engine()
        assert time.monotonic() - began < 5
    with pytest.raises(NoEngine, match="connection refused"):
        find_engine()
    monkeypatch.setenv("DOCKER_HOST", "carrier-pigeon://loft")
    with pytest.raises(NoEngine, match="DOCKER_HOST=carrier-pigeon://loft: "):
        find_engine()


def test_a_socket_that_this_user_may_not_use_is_told_with_what_mends_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        Path(folder).chmod(0o755)
        place = f"{folder}/docker.sock"
        listener.bind(place)
        listener.listen()
        Path(place).chmod(0)
        monkeypatch.setenv("DOCKER_HOST", f"unix://{place}")
        if root := os.geteuid() == 0:
            os.seteuid(65534)  # root may use any socket
        try:
            with pytest.raises(NoEngine, match=r"docker\.sock: permission denied") as caught:
                find_engine()
        finally:
            if root:
                os.seteuid(0)
    assert caught.value.hint is not None
    assert "sudo usermod -aG docker $USER" in caught.value.hint


def context(home: Path, name: str, host: str) -> None:
    import hashlib

    folder = home / ".docker/contexts/meta" / hashlib.sha256(name.encode()).hexdigest()
    folder.mkdir(parents=True)
    meta = {"Name": name, "Metadata": {}, "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": False}}}
    (folder / "meta.json").write_text(json.dumps(meta))


def test_the_current_context_is_followed(
    home: Path, daemons: list[Daemon], monkeypatch: pytest.MonkeyPatch
) -> None:
    socket_path = home / "c.sock"
    daemons.append(Daemon(socket_path))
    context(home, "mine", f"unix://{socket_path}")
    (home / ".docker/config.json").write_text(json.dumps({"currentContext": "mine"}))
    client = find_engine()
    assert client.api._custom_adapter.socket_path == str(socket_path)
    client.close()
    assert answers() is True
    monkeypatch.setenv("DOCKER_CONTEXT", "lost")
    with pytest.raises(NoEngine, match="context lost: there is no such context"):
        find_engine()
    monkeypatch.setenv("DOCKER_HOST", f"unix://{home}/none.sock")
    with pytest.raises(NoEngine, match=r"DOCKER_HOST=.*: not there"):
        find_engine()


@pytest.mark.parametrize(
    "place",
    ["run/docker.sock", ".docker/run/docker.sock", ".docker/desktop/docker.sock", ".colima/default/docker.sock",
     ".orbstack/run/docker.sock", "run/podman/podman.sock"],
)  # fmt: skip
def test_the_usual_sockets_are_tried_in_order(
    home: Path, daemons: list[Daemon], monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    sockets = docker_engine._sockets
    monkeypatch.setattr(
        docker_engine, "_sockets", lambda environ: [u for u in sockets(environ) if str(home) in u]
    )
    with pytest.raises(NoEngine) as caught:
        find_engine()
    assert f"\n  unix://{home}/{place}: not there" in caught.value.message
    daemons.append(Daemon(home / place))
    client = find_engine()
    assert client.api._custom_adapter.socket_path == str(home / place)
    client.close()


def test_an_error_item_ends_a_pull() -> None:
    items = [
        {"status": "Pulling"},
        {"errorDetail": {"message": "no space"}, "error": "no space left on device"},
    ]
    with pytest.raises(
        ImageUnavailable, match="image a:1 is not on this machine and can not be pulled: no space left"
    ):
        follow("a:1", items, Silent())
