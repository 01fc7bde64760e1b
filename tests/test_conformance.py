"""The conformance suite as others get it: whole, in both colours, over an engine of their own."""

from __future__ import annotations

import inspect

import pytest

from mastra_cli.runtime._sync.mock import SyncMockMastraEngine
from mastra_cli.testing import CONFORMANCE, SYNC_CONFORMANCE, _async, _sync


class TestAnEngineOfMyOwn(*SYNC_CONFORMANCE):
    @pytest.fixture
    def engine_factory(self):
        engine = SyncMockMastraEngine()
        return lambda: engine


@pytest.mark.parametrize(("parts", "package"), [(CONFORMANCE, _async), (SYNC_CONFORMANCE, _sync)])
def test_no_part_is_left_out(parts, package) -> None:
    modules = [module for _, module in inspect.getmembers(package, inspect.ismodule)]
    classes = {
        name
        for module in modules
        for name, found in inspect.getmembers(module, inspect.isclass)
        if found.__module__ == module.__name__ and name != "Conformance"
    }
    assert {part.__name__ for part in parts} == classes
