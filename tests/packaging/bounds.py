"""The lower bounds of pyproject.toml, as pip's constraints: the oldest of everything that is said to work."""

import re
import tomllib
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import REPOSITORY

_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(?:\[[^]]*\])?>=(?P<lowest>[0-9.]+)(?:\s*;\s*(?P<marker>.+))?\Z")


@dataclass(frozen=True, slots=True)
class Bound:
    name: str
    lowest: str
    marker: str | None

    @property
    def constraint(self) -> str:
        """``name==lowest``; pip minds the marker itself."""
        return f"{self.name}=={self.lowest}" + (f"; {self.marker}" if self.marker else "")


def bounds(*extras: str, pyproject: Path = REPOSITORY / "pyproject.toml") -> list[Bound]:
    """Those of the package itself, and of `extras`. Raises ValueError for a requirement without a plain lower bound."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(line for extra in extras for line in project["optional-dependencies"][extra])]
    found = []
    for requirement in wanted:
        match = _REQUIREMENT.match(requirement)
        if match is None:
            raise ValueError(f"{requirement!r} has no lower bound of the form name>=1.2")
        found.append(Bound(match["name"], match["lowest"], match["marker"]))
    return found
