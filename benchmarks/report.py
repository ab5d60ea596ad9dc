"""From rounds to a table: medians, spread, ratios within a round, as JSON and as Markdown."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

PACKAGES = ("aiohttp", "uvloop", "orjson", "aiolimiter", "tenacity", "requests", "phonenumbers")


@dataclass(slots=True)
class Row:
    """One line of a figure: what was measured, in which unit, a value a round. `must` and `aim` are what we hold it to."""

    what: str
    unit: str
    values: list[float] = field(default_factory=list)
    must: str = ""
    aim: str = ""

    @property
    def median(self) -> float:
        return median(self.values)

    def shown(self) -> str:
        low, high = min(self.values), max(self.values)
        middle = _number(self.median)
        return middle if len(self.values) == 1 else f"{middle} ({_number(low)}–{_number(high)})"


@dataclass(slots=True)
class Figure:
    """One table. `note` says how it was measured."""

    name: str
    title: str
    note: str
    rows: list[Row] = field(default_factory=list)

    def row(self, what: str, unit: str, values: Sequence[float], must: str = "", aim: str = "") -> None:
        self.rows.append(Row(what, unit, list(values), must, aim))


def _number(value: float) -> str:
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def machine() -> dict[str, Any]:
    """What it was measured on, and how busy that is: where the load is over the cores, only CPU times mean anything."""
    cpu = Path("/proc/cpuinfo")
    models = [line.split(":", 1)[1].strip() for line in cpu.read_text().splitlines() if line.startswith("model name")] if cpu.exists() else []  # fmt: skip
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return {
        "cpu": models[0] if models else platform.processor(), "cores": len(models) or None, "system": platform.platform(),
        "load": round(os.getloadavg()[0], 1), "python": platform.python_version(), **found,
    }  # fmt: skip


def to_json(figures: Sequence[Figure], *, rounds: int, quick: bool) -> dict[str, Any]:
    return {
        "machine": machine(), "rounds": rounds, "quick": quick,
        "figures": {
            figure.name: {
                "title": figure.title, "note": figure.note,
                "rows": [
                    {"what": row.what, "unit": row.unit, "median": row.median, "values": row.values, "must": row.must, "aim": row.aim}
                    for row in figure.rows
                ],
            }
            for figure in figures
        },
    }  # fmt: skip


def to_markdown(figures: Sequence[Figure]) -> str:
    made = machine()
    lines = [", ".join(f"{name} {value}" for name, value in made.items()), ""]
    for figure in figures:
        lines += [
            f"### {figure.title}",
            "",
            figure.note,
            "",
            "| | median (least–most) | unit | must | aim |",
            "|---|---|---|---|---|",
        ]
        lines += [f"| {row.what} | {row.shown()} | {row.unit} | {row.must} | {row.aim} |" for row in figure.rows]
        lines.append("")
    return "\n".join(lines)
