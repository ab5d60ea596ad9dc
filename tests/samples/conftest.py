from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import kit
from tests.samples.kit import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with kit.sandbox() as served:
        yield Place(tmp_path / "srv", served)
