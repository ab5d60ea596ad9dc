"""Who of those on one account may send how fast. Pure: what each may and wants in, its part of the rate out.

Rates are in messages a second. The parts follow the need: who wants little leaves the rest to the others, and what
nobody wants is spread, so that a sudden need is met without asking.
"""

from collections.abc import Sequence
from dataclasses import dataclass

TRICKLE = 0.01  # of the rate is there for who comes while others use all of it: the hundredth that is left free anyway
HEADROOM = 1.25  # of the need is asked for, so that a part can grow
LEAST = 0.02  # of its own ceiling is what a process wants at work: a service that sends now and then never waits
FADE = 0.8  # of what was wanted at the last look is still wanted at this one, if it is more


@dataclass(frozen=True, slots=True)
class Ask:
    """One process: its own ceiling (`--rate`), and what it could use now."""

    ceiling: float
    wants: float


def divide(asks: Sequence[Ask]) -> list[float]:
    """The part of each. Together they have the largest ceiling at most, and nobody more than its own.

    Each gets what it wants, or at least as much as everybody else. What is left goes to all, up to their ceilings.
    """
    total = max((ask.ceiling for ask in asks), default=0.0)
    parts = _filled(total, [min(ask.wants, ask.ceiling) for ask in asks])
    spare = _filled(total - sum(parts), [ask.ceiling - part for ask, part in zip(asks, parts, strict=True)])
    return [part + more for part, more in zip(parts, spare, strict=True)]


def _filled(total: float, limits: Sequence[float]) -> list[float]:
    """Water into vessels of these sizes, all to one level; who is full first leaves more to the others."""
    left, parts = max(0.0, total), [0.0] * len(limits)
    for filled, index in enumerate(sorted(range(len(limits)), key=lambda index: limits[index])):
        parts[index] = max(0.0, min(limits[index], left / (len(limits) - filled)))
        left -= parts[index]
    return parts


def granted(mine: Ask, others: Sequence[Ask], in_use: float) -> tuple[float, float]:
    """What a process may use from now on, and what it is to have.

    `in_use` is what the others have at this moment. Nobody takes what another has not given back yet, so that together
    they keep to the rate also while parts change; only the trickle comes on top.
    """
    due = divide([mine, *others])[0]
    total = max(ask.ceiling for ask in (mine, *others))
    return max(min(due, total - in_use), min(TRICKLE * total, mine.ceiling)), due


def wanted(ceiling: float, before: float, *, passed: int, waiting: int, seconds: float) -> float:
    """What a process could use: what passed in the last `seconds` and what waits now, and what it wanted `before`."""
    return max(HEADROOM * (passed + waiting) / seconds, FADE * before, LEAST * ceiling)
