"""A container's published port is for this machine alone, as another one on the wire finds out."""

from __future__ import annotations

from typing import Any

import pytest

from tests.docker.conftest import Place, Talk
from tests.faults.neighbour import is_loopback_only

pytestmark = pytest.mark.docker


def test_the_published_port_is_reached_from_loopback_only(place: Place, engine: Any) -> None:
    running = place.provider().start(Talk(), timeout=40)
    assert place.ask("SELECT 1", running.url) == (1,)
    # Engines before 28 pass on what a neighbour forges (moby/moby#41872); from then on not even that comes in.
    major = int(engine.api.version()["Version"].partition(".")[0])
    is_loopback_only(place.port, forged=["127.0.0.1"] if major >= 28 else [])
