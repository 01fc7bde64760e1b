"""JSON text is the standard library's, whichever way it is made."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from mastra_cli.runtime import json_values

VALUES = some.recursive(
    some.none()
    | some.booleans()
    | some.integers()
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(), inner),
)


def refuses(*arguments: object) -> None:
    raise TypeError("other arguments")


@pytest.mark.parametrize("maker", ["there", "missing", "another"])
def test_the_text_is_that_of_the_standard_library(maker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if maker != "there":
        monkeypatch.setattr(json.encoder, "c_make_encoder", None if maker == "missing" else refuses)
    encoders = {ascii: json_values._encoder(ascii=ascii) for ascii in (False, True)}
    monkeypatch.undo()

    @given(VALUES)
    def same(value: Any) -> None:
        for ascii, encode in encoders.items():
            assert encode(value) == json.dumps(value, ensure_ascii=ascii, separators=(",", ":"))

    same()
    for encode in encoders.values():
        with pytest.raises(ValueError, match="JSON compliant"):
            encode([float("nan")])
