"""How a run goes, in words and in fields: under the bar, in a line now and then, in JSON."""

from typing import Any

from omni_bulk.tempo import SLOW, Figures

LONG = 90.0  # s from which on a time left is told in minutes
WORKERS_MAX = 1_000  # as in the settings, which take long to import


def phrases(figures: Figures) -> list[str]:
    """The pace and what belongs to it, the most important first."""
    said = [_pace(figures)]
    if figures.processes > 1:
        said.append(f"shared by {figures.processes}")
    said.append(f"A020 {figures.refused:.2%}".replace("%", " %") if figures.refused else "no A020")
    said.append(f"{figures.in_flight:,} in flight")
    if figures.p50 is not None and figures.p99 is not None:
        said.append(f"p50/p99 {1000 * figures.p50:.0f}/{1000 * figures.p99:.0f} ms")
    if figures.tokens > 1:
        said.append(f"{figures.tokens:,} tokens")
    return said


def _pace(figures: Figures) -> str:
    if figures.now is None or figures.average is None:
        return "starting"
    most = (
        f"{figures.rate:.0f} of {figures.ceiling:g}"
        if figures.rate < SLOW * figures.ceiling
        else f"{figures.ceiling:g}"
    )
    return f"{figures.now:.0f}/s, average {figures.average:.0f}, at most {most}"


def too_few_workers(figures: Figures) -> str | None:
    """That not the rate is the limit, how late the run is by now, and what helps."""
    if figures.behind is None or figures.needed is None:
        return None
    late = f"{time_left(figures.behind)} behind the rate" if figures.behind >= 1 else "slower than the rate"
    many = "all workers are" if figures.workers > 1 else "the one worker is"
    if figures.workers >= WORKERS_MAX:
        return f"{many} busy, {late}: the API answers too slowly for this rate"
    return f"{many} busy, {late}: --workers {min(WORKERS_MAX, figures.needed)} instead of {figures.workers}"


def time_left(seconds: float) -> str:
    """``8 s``, ``2 min 05 s``, ``25 min``, ``3 h 05 min``: never more than a twentieth off."""
    if seconds < LONG:
        return f"{seconds:.0f} s"
    if seconds < 20 * 60:
        return f"{seconds // 60:.0f} min {seconds % 60:02.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


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
