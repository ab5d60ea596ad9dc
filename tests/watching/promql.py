"""As much of PromQL as the sample's alert rules use, so that each can be tried. What it does not know, it refuses.

An expression is turned into Python: selectors become `Vector`s, whose comparisons filter as in Prometheus. `and` and
`or` bind loosest, so they are split off first.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Union

Labels = frozenset[tuple[str, str]]
Scene = Mapping[
    str, Mapping[Labels, tuple[float, float]]
]  # metric → labels → value at the beginning of a range, and now
_SELECTOR = re.compile(r"([a-z_]+_[a-z_]+)(?:\{([^}]*)\})?(?:\[(\d+)m\])?(?!\s*\(|[a-z_])")
_MATCHER = re.compile(r'(\w+)(=~|=)"([^"]*)"')


@dataclass(frozen=True)
class Vector:
    """Values by their labels. Between two of them only equal label sets meet."""

    of: Mapping[Labels, float]

    def _with(self, other: Union["Vector", float], make: Callable[[float, float], float]) -> "Vector":
        if isinstance(other, Vector):
            return Vector({key: make(value, other.of[key]) for key, value in self.of.items() if key in other.of})
        return Vector({key: make(value, other) for key, value in self.of.items()})

    def _where(self, other: Any, holds: Callable[[float, float], bool]) -> "Vector":
        kept = self._with(other, lambda mine, theirs: 1.0 if holds(mine, theirs) else 0.0).of
        return Vector({key: self.of[key] for key, is_kept in kept.items() if is_kept})

    def __gt__(self, other: Any) -> "Vector":
        return self._where(other, lambda mine, theirs: mine > theirs)

    def __lt__(self, other: Any) -> "Vector":
        return self._where(other, lambda mine, theirs: mine < theirs)

    def __eq__(self, other: object) -> Any:
        return self._where(other, lambda mine, theirs: mine == theirs)

    __hash__ = None  # type: ignore[assignment]

    def __truediv__(self, other: Any) -> "Vector":
        return self._with(other, lambda mine, theirs: mine / theirs)

    def __rmul__(self, other: float) -> "Vector":
        return self._with(other, lambda mine, theirs: mine * theirs)

    def __rsub__(self, other: float) -> "Vector":
        return self._with(other, lambda mine, theirs: theirs - mine)


def fires(expression: str, scene: Scene, now: float) -> bool:
    """Whether an alert with this expression would be pending."""
    return bool(_alternatives(" ".join(expression.split()), scene, now).of)


def _alternatives(expression: str, scene: Scene, now: float) -> Vector:
    found: dict[Labels, float] = {}
    for part in expression.split(" or "):
        found = {**_all_of(part, scene, now).of, **found}
    return Vector(found)


def _all_of(expression: str, scene: Scene, now: float) -> Vector:
    first, *rest = re.split(r" and (on \([^)]*\) )?", expression)
    kept = _value(first, scene, now)
    for on, part in zip(rest[::2], rest[1::2], strict=True):
        other = _value(part, scene, now)
        names = None if on is None else set(re.findall(r"\w+", on)) - {"on"}
        there = {_only(key, names) for key in other.of}
        kept = Vector({key: value for key, value in kept.of.items() if _only(key, names) in there})
    return kept


def _only(labels: Labels, names: set[str] | None) -> Labels:
    return labels if names is None else frozenset(pair for pair in labels if pair[0] in names)


def _value(expression: str, scene: Scene, now: float) -> Vector:
    python = re.sub(r"sum by \(([^)]*)\) \(", r"summed('\1', ", expression)
    selectors: list[tuple[str, str, str]] = []

    def selected(match: re.Match[str]) -> str:
        selectors.append((match[1], match[2] or "", match[3] or ""))
        return f"at({len(selectors) - 1})"

    python = _SELECTOR.sub(selected, python)
    known = {
        "at": lambda index: _select(scene, *selectors[index]),
        "rate": lambda vector: vector, "summed": _summed, "histogram_quantile": _quantile, "time": lambda: now,
        "__builtins__": {},
    }  # fmt: skip
    found = eval(python, known)  # noqa: S307  of our own sample
    assert isinstance(found, Vector), expression
    return found


def _select(scene: Scene, name: str, matchers: str, minutes: str) -> Vector:
    wanted = _MATCHER.findall(matchers)
    found = {}
    for labels, (before, value) in scene.get(name, {}).items():
        have = dict(labels)
        if all(
            re.fullmatch(text if how == "=~" else re.escape(text), have.get(label, "")) for label, how, text in wanted
        ):
            found[labels] = (value - before) / (60 * int(minutes)) if minutes else value
    return Vector(found)


def _summed(names: str, vector: Vector) -> Vector:
    found: dict[Labels, float] = {}
    for labels, value in vector.of.items():
        key = _only(labels, set(re.findall(r"\w+", names)))
        found[key] = found.get(key, 0.0) + value
    return Vector(found)


def _quantile(share: float, vector: Vector) -> Vector:
    """The upper bound of the bucket in which the quantile lies: coarser than Prometheus, which interpolates."""
    buckets: dict[Labels, list[tuple[float, float]]] = {}
    for labels, value in vector.of.items():
        rest = frozenset(pair for pair in labels if pair[0] != "le")
        buckets.setdefault(rest, []).append((float(dict(labels)["le"]), value))
    return Vector(
        {
            rest: next(bound for bound, upto in sorted(found) if upto >= share * max(upto for _, upto in found))
            for rest, found in buckets.items()
            if any(upto for _, upto in found)
        }
    )
