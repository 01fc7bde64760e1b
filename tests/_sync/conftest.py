# Generated from the _async twin by `nox -s sync`: edit that one.
"""One database for a module of tests, in which each test has a resource of its own."""

import uuid
from collections.abc import Callable, Iterator

import psycopg
import pytest

from tests.conftest import _drop


@pytest.fixture(scope="module")
def shared_database(template: str, _create: Callable[[str], str], admin: psycopg.Connection) -> Iterator[str]:
    url = _create(template)
    yield url
    _drop(admin, url)


@pytest.fixture
def me() -> str:
    return uuid.uuid4().hex
