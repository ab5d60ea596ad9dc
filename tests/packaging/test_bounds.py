"""What pyproject.toml says of the package's dependencies. That it is true, `try_it.py` shows: it takes minutes."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY
from tests.packaging.bounds import bounds


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(".") if part.isdigit()]


def test_each_dependency_has_a_lower_bound_that_is_met_here() -> None:
    for bound in bounds("speed", "test"):
        try:
            installed = version(bound.name)
        except PackageNotFoundError:
            continue  # an extra that is not installed
        assert numbers(installed) >= numbers(bound.lowest), bound


def test_each_dependency_says_what_it_is_for() -> None:
    lines = (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    for bound in bounds("speed"):
        (line,) = [line for line in lines if line.strip().lstrip("speed = [").startswith(f'"{bound.name}>=')]  # noqa: B005
        assert "# " in line, line


def test_a_bound_becomes_a_constraint(tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text('[project]\ndependencies = ["a-b>=1.2", "c>=3; sys_platform == \'win32\'"]\n')
    assert [one.constraint for one in bounds(pyproject=file)] == ["a-b==1.2", "c==3; sys_platform == 'win32'"]


@pytest.mark.parametrize("loose", ["a", "a~=1.0", "a>=1,<2"])
def test_a_requirement_without_one_is_refused(tmp_path: Path, loose: str) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text(f'[project]\ndependencies = ["{loose}"]\n')
    with pytest.raises(ValueError, match="no lower bound"):
        bounds(pyproject=file)
