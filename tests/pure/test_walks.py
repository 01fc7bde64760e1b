from __future__ import annotations

from mastra_cli.runtime.walks import Walks


def test_the_server_is_asked_the_second_time_and_again_after_half_a_minute() -> None:
    now = 0.0
    walks = Walks(lambda: now)
    assert [walks.said("a"), walks.said("a"), walks.said("a")] == [False, None, None]
    walks.learn("a", True)
    now = 29.9
    assert walks.said("a") is True
    now = 30.0
    assert walks.said("a") is None
    walks.learn("a", False)
    assert walks.said("a") is False


def test_what_was_asked_for_last_is_known() -> None:
    walks = Walks(lambda: 0.0)
    walks.learn("mine", True)
    for number in range(1_000):
        assert walks.said(number) is False
        assert walks.said("mine") is True
    assert len(walks._known) == 256
    assert walks.said(0) is False  # as though for the first time
    assert walks.said(999) is None
