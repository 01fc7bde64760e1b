"""Images that are pulled, and images that can not be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from docker.errors import APIError

from mastra_cli.cli.failures import exit_code
from mastra_cli.errors import ImageUnavailable
from mastra_cli.local.docker_images import pull
from tests.docker.conftest import Place, Talk
from tests.docker.registry import Registry
from tests.servers import free_port

pytestmark = pytest.mark.docker


@pytest.fixture
def registry(engine: Any) -> Iterator[Registry]:
    registry = Registry(engine.api.version()["Arch"])
    yield registry
    registry.close()
    for image in engine.api.images():
        for tag in image["RepoTags"] or []:
            if tag.startswith(registry.host):
                engine.api.remove_image(tag, force=True)


def test_a_pull_shows_a_bar_for_each_layer(registry: Registry, engine: Any) -> None:
    image = registry.put("some/thing", "pg18", layers=3, size=2_000_000)
    talk = Talk()
    identity = pull(engine, image, None, talk)
    assert identity == engine.api.inspect_image(image)["Id"]
    assert talk.lines == [f"pulling {image}"]
    assert len({key for key, *_ in talk.bars}) == 3
    assert {text.partition(" ")[2] for _, text, *_ in talk.bars} >= {"downloading", "pull complete"}
    assert all(done <= total for _, _, done, total in talk.bars if total)
    assert max(total or 0 for _, _, _, total in talk.bars) > 1_000_000


def test_start_pulls_what_is_missing_first_and_once(place: Place, registry: Registry) -> None:
    image = registry.put("some/thing", "1", layers=1, size=1000)
    talk = Talk()
    provider = place.provider(f"services: {{a: {{image: '{image}'}}, b: {{image: '{image}'}}}}\n")
    # What was pulled holds no program: the engine says so, after both services had their image.
    with pytest.raises(Exception, match="none"):
        provider.start(talk, timeout=10)
    assert talk.lines[0] == f"pulling {image}"
    assert talk.lines.count(f"pulling {image}") == 1
    assert place.names() == []


def test_an_error_in_the_stream_fails(registry: Registry, engine: Any) -> None:
    image = registry.put("some/thing", "broken", layers=2, size=1000, broken=True)
    with pytest.raises(ImageUnavailable) as caught:
        pull(engine, image, None, Talk())
    assert f"image {image} is not on this machine and can not be pulled: " in caught.value.message
    assert "verification failed" in caught.value.message
    with pytest.raises(APIError):
        engine.api.inspect_image(image)


def test_an_image_that_is_nowhere_is_named_with_the_next_command_and_leaves_nothing(
    place: Place, registry: Registry
) -> None:
    image = f"{registry.host}/no/such:pg18"
    provider = place.provider(f"services: {{db: {{image: '{image}'}}}}\n")
    with pytest.raises(ImageUnavailable) as caught:
        provider.start(Talk(), timeout=10)
    assert caught.value.message.startswith(f"image {image} is not on this machine and can not be pulled: ")
    assert caught.value.hint is not None
    assert f"`docker pull {image}`" in caught.value.hint
    assert (caught.value.code, exit_code(caught.value)) == ("image_unavailable", 1)
    assert (place.names(), place.networks(), place.volumes()) == ([], [], [])


def test_a_registry_that_does_not_answer_is_the_same_error(engine: Any) -> None:
    with pytest.raises(ImageUnavailable, match="connection refused"):
        pull(engine, f"127.0.0.1:{free_port()}/some/thing:1", None, Talk())
