"""How a run goes, in words and in fields: under the bar, in a line now and then, in JSON."""

from typing import Any

from omni_bulk.sentences import Sentence, said
from omni_bulk.tempo import SLOW, Figures

LONG = 90.0  # s from which on a time left is told in minutes
WORKERS_MAX = 1_000  # as in the settings, which take long to import


def phrases(figures: Figures) -> list[Sentence]:
    """The pace and what belongs to it, the most important first."""
    found = [_pace(figures)]
    if figures.processes > 1:
        found.append(said("shared by {processes}", processes=figures.processes))
    share = said("A020 {share:.2f} %", share=100 * figures.refused)
    found.append(share if figures.refused else said("no A020"))
    found.append(said("{number:,} in flight", number=figures.in_flight))
    if figures.p50 is not None and figures.p99 is not None:
        half, most = 1000 * figures.p50, 1000 * figures.p99
        found.append(said("p50/p99 {half:.0f}/{most:.0f} ms", half=half, most=most))
    if figures.tokens > 1:
        found.append(said("{tokens:,} tokens", tokens=figures.tokens))
    return found


def _pace(figures: Figures) -> Sentence:
    if figures.now is None or figures.average is None:
        return said("starting")
    most: str = f"{figures.ceiling:g}"
    if figures.rate < SLOW * figures.ceiling:
        most = said("{rate:.0f} of {ceiling:g}", rate=figures.rate, ceiling=figures.ceiling)
    return said(
        "{now:.0f}/s, average {average:.0f}, at most {most}", now=figures.now, average=figures.average, most=most
    )


def too_few_workers(figures: Figures) -> Sentence | None:
    """That not the rate is the limit, how late the run is by now, and what helps."""
    if figures.behind is None or figures.needed is None:
        return None
    late = said("slower than the rate")
    if figures.behind >= 1:
        late = said("{time} behind the rate", time=time_left(figures.behind))
    busy = said("all workers are busy") if figures.workers > 1 else said("the one worker is busy")
    if figures.workers >= WORKERS_MAX:
        return said("{busy}, {late}: the API answers too slowly for this rate", busy=busy, late=late)
    needed = min(WORKERS_MAX, figures.needed)
    return said(
        "{busy}, {late}: --workers {needed} instead of {workers}",
        busy=busy,
        late=late,
        needed=needed,
        workers=figures.workers,
    )


def time_left(seconds: float) -> Sentence:
    """``8 s``, ``2 min 05 s``, ``25 min``, ``3 h 05 min``: never more than a twentieth off."""
    if seconds < LONG:
        return said("{seconds:.0f} s", seconds=seconds)
    if seconds < 20 * 60:
        return said("{minutes:.0f} min {seconds:02.0f} s", minutes=seconds // 60, seconds=seconds % 60)
    minutes = round(seconds / 60)
    if minutes < 60:
        return said("{minutes} min", minutes=minutes)
    return said("{hours} h {minutes:02d} min", hours=minutes // 60, minutes=minutes % 60)


def fields(figures: Figures) -> dict[str, Any]:
    """The same for JSON."""
    return {
        "pace": _rounded(figures.now), "averagePace": _rounded(figures.average), "rate": _rounded(figures.rate),
        "ceiling": figures.ceiling, "refusedShare": round(figures.refused, 5), "inFlight": figures.in_flight,
        "p50Ms": _ms(figures.p50), "p99Ms": _ms(figures.p99), "tokens": figures.tokens,
        "processes": figures.processes, "secondsLeft": _rounded(figures.eta),
        "secondsBehind": _rounded(figures.behind), "workersNeeded": figures.needed,
    }  # fmt: skip


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(1000 * seconds)
