"""Postgres in containers: the project's docker config, carried out through the Docker SDK."""

from __future__ import annotations


def publisher(port: int) -> str | None:
    """`container NAME`: the running container that publishes `port` of this machine."""
    return None if port else None
