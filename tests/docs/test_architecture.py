"""ARCHITECTURE.md names what is in the tree, CHANGELOG.md the version, and no link leads nowhere."""

import re
import tomllib
from pathlib import Path
from urllib.parse import unquote

import pytest

import omni_bulk
from tests.conftest import REPOSITORY
from tests.docs.pages import PAGES, anchors, blocks, links, read

ARCHITECTURE = "ARCHITECTURE.md"
PACKAGE = REPOSITORY / "omni_bulk"


def modules() -> set[str]:
    """What `ls omni_bulk` shows, and the modules of its packages."""
    found = set()
    for path in PACKAGE.iterdir():
        if path.is_dir() and path.name != "__pycache__":
            found.add(f"{path.name}/")
            found |= {f"{path.name}/{inner.name}" for inner in path.glob("*.py") if inner.name != "__init__.py"}
        elif path.is_file():
            found.add(path.name)
    return found


def test_the_file_map_is_the_tree() -> None:
    section = re.split(r"^## ", read(ARCHITECTURE), flags=re.MULTILINE)
    (file_map,) = [part for part in section if part.startswith("File map")]
    listed = re.findall(r"^- `([^`]+)` \S", file_map, re.MULTILINE)
    assert len(listed) == len(set(listed))
    assert set(listed) == modules()


def test_the_layers_are_those_of_the_linter() -> None:
    project = tomllib.loads(read("pyproject.toml"))
    (contract,) = [one for one in project["tool"]["importlinter"]["contracts"] if one["type"] == "layers"]
    (drawn,) = [block for block in blocks(ARCHITECTURE, "text") if "__main__" in block.text]
    layers = [set(re.findall(r"[a-z_]+", line)) for line in drawn.text.splitlines()]
    assert layers == [
        {name.strip().removeprefix("omni_bulk.") for name in layer.split("|")} for layer in contract["layers"]
    ]


def test_the_changelog_has_this_version() -> None:
    assert re.search(rf"^## \[{re.escape(omni_bulk.__version__)}\]", read("CHANGELOG.md"), re.MULTILINE)


@pytest.mark.parametrize("page", PAGES)
def test_relative_links_resolve(page: str) -> None:
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = unquote(link).partition("#")
        target = (REPOSITORY / page).parent / path if path else REPOSITORY / page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(str(Path(target).resolve().relative_to(REPOSITORY))), link
