from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from mastra_cli.errors import PortTaken
from mastra_cli.local import ports


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def test_a_port_that_is_listened_on_is_not_free_and_is_free_afterwards(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    assert not ports.is_free("127.0.0.1", port)
    listener.close()
    assert ports.is_free("127.0.0.1", port)


def test_a_server_on_every_interface_takes_the_loopback_port_too() -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as server:
        assert not ports.is_free("127.0.0.1", server.getsockname()[1])


def test_connections_of_a_server_that_ended_do_not_hold_its_port(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    with socket.create_connection(("127.0.0.1", port)):
        peer, _ = listener.accept()
        peer.close()  # the server's side closes first: it is left in TIME_WAIT
    listener.close()
    assert ports.is_free("127.0.0.1", port)


def test_next_free_passes_over_taken_ports(listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    assert ports.next_free(port) > port


def test_no_port_left_is_an_error_that_names_the_flag() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 65535))
        server.listen()
        with pytest.raises(PortTaken, match="no port from 65535 up is free") as caught:
            ports.next_free(65535)
    assert caught.value.hint is not None
    assert "--port" in caught.value.hint


def test_the_holder_of_a_port_is_named_by_pid_and_program() -> None:
    code = (
        "import socket; s = socket.create_server(('127.0.0.1', 0))\n"
        "print(s.getsockname()[1], flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        held = ports.who_holds(int(process.stdout.readline()))
        process.communicate("\n")
    assert held is not None
    assert held.startswith(f"process {process.pid} (python")


def test_nobody_holds_a_free_port() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert ports.who_holds(port) is None
