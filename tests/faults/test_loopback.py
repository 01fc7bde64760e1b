"""The embedded server is for this machine alone, as another one on the wire finds out."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from mastra_cli.local.embedded import EmbeddedProvider
from mastra_cli.local.project import find_project
from mastra_cli.local.reporter import Silent
from tests.faults.neighbour import addresses, is_loopback_only, neighbour
from tests.servers import free_port

# It needs `ip` and root, and says so when they are missing; only who is not root is let off.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root makes network namespaces"),
]


def test_the_embedded_server_is_reached_from_loopback_only(tmp_path: Path) -> None:
    port = free_port()
    tmp_path.chmod(0o755)
    provider = EmbeddedProvider(
        find_project(tmp_path), port=port, user="postgres", password="secret", database="mastra"
    )
    try:
        provider.start(Silent(), timeout=60)
        is_loopback_only(port, forged=["127.0.0.1"])
    finally:
        provider.stop(Silent(), volumes=True)


def test_a_server_that_is_open_in_one_way_alone_is_found() -> None:
    with neighbour() as other, socket.create_server(("127.0.0.1", 0)) as here:
        everywhere = ["127.0.0.1", *addresses()]
        with socket.create_server((everywhere[1], 0)) as wire:
            assert other.reaches(wire.getsockname()[1], everywhere) == [everywhere[1]]
        port = here.getsockname()[1]
        assert other.reaches(port, everywhere) == []
        Path(f"/proc/sys/net/ipv4/conf/{other.cable}/route_localnet").write_text("1")
        assert other.reaches(port, everywhere) == ["127.0.0.1"]
