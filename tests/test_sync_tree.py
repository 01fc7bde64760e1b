from tests import sync_tree


def test_the_sync_trees_are_what_the_async_ones_generate() -> None:
    files = sync_tree.generated()
    assert sync_tree.present() == set(files), "run: nox -s sync"
    for path, text in files.items():
        assert path.read_text(encoding="utf-8") == text, f"{path} is stale; run: nox -s sync"
