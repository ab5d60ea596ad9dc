"""samples/README.md names what is there."""

from tests.docs.pages import links
from tests.samples.kit import SAMPLES


def test_each_sample_is_named() -> None:
    named = [SAMPLES / link for link in links("samples/README.md") if ":" not in link and "#" not in link]
    there = {path for path in SAMPLES.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    unnamed = {path for path in there if not any(path == one or one in path.parents for one in named)}
    assert unnamed == {SAMPLES / "README.md"}
