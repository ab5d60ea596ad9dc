"""What is measured, by name. Each takes the stand, the number of rounds, and whether it is only a quick look.

Programs that are compared run one after the other within a round, so that a machine with other work slows all of them;
ratios are taken within a round, and of these the median.
"""

import sys
from collections.abc import Callable
from functools import partial

from benchmarks.report import Figure
from benchmarks.stand import OURS, Ran, Stand

Contender = Callable[..., Ran]
Measure = Callable[[Stand, int, bool], Figure]
MB = 1e6


def job(stand: Stand, rounds: int, quick: bool) -> Figure:
    """The whole job against what it could be."""
    rows = 2_000 if quick else 20_000
    loops = ("asyncio", "uvloop") if stand.fast_loop else ("asyncio",)
    contenders: dict[str, Contender] = {}
    for loop in loops:
        contenders[f"ours, {loop}"] = partial(stand.ours, rows, loop=loop)
        contenders[f"hand-written, {loop}"] = partial(stand.theirs, "handwritten", rows, loop=loop)
        contenders[f"bare aiohttp, {loop}"] = partial(stand.theirs, "bare", rows, loop=loop)
    contenders["requests in 64 threads"] = partial(stand.theirs, "threads", rows)
    ran = _interleaved(stand, contenders, rounds)
    figure = Figure(
        "job", f"The whole job: {rows:,} messages from CSV to JSONL",
        "Processes from start to end, start-up included, as fast as they can. Clients on one core, the server on another.",
    )  # fmt: skip
    for name, runs in ran.items():
        figure.row(f"{name}: messages a second", "1/s", [rows / one.wall for one in runs])
    for name, runs in ran.items():
        figure.row(f"{name}: CPU a message", "µs", [one.cpu / rows * 1e6 for one in runs])
    for loop in loops:
        goals = (("0.50", "0.75"), ("1.2", "1.8")) if loop == "uvloop" else (("", ""), ("", ""))
        for other, (must, aim) in zip(("bare aiohttp", "hand-written"), goals, strict=True):
            pairs = list(zip(ran[f"ours, {loop}"], ran[f"{other}, {loop}"], strict=True))
            figure.row(f"ours ÷ {other}, {loop}", "×", [two.wall / one.wall for one, two in pairs], must, aim)
            figure.row(f"ours ÷ {other}, {loop}, by CPU", "×", [two.cpu / one.cpu for one, two in pairs])
    return figure


def tls(stand: Stand, rounds: int, quick: bool) -> Figure:
    """What encryption adds."""
    rows = 2_000 if quick else 20_000
    contenders: dict[str, Contender] = {}
    for name, over in (("plain", False), ("TLS", True)):
        contenders[f"ours, {name}"] = partial(stand.ours, rows, tls=over)
        contenders[f"bare aiohttp, {name}"] = partial(stand.theirs, "bare", rows, tls=over, loop=_best(stand))
    ran = _interleaved(stand, contenders, rounds)
    figure = Figure("tls", f"TLS beside plain: {rows:,} messages", "As for the whole job; 64 connections stay open.")
    for name, runs in ran.items():
        figure.row(f"{name}: messages a second", "1/s", [rows / one.wall for one in runs])
        figure.row(f"{name}: CPU a message", "µs", [one.cpu / rows * 1e6 for one in runs])
    return figure


def cpu(stand: Stand, rounds: int, quick: bool) -> Figure:
    """What the machine notices at a contract's pace."""
    seconds = 3 if quick else 20
    figure = Figure(
        "cpu", "CPU at a contract's pace",
        f"User and system time of the whole process, start-up included, over {seconds} s of sending; best loop.",
    )  # fmt: skip
    for rate in (400, 1_000):
        rows = rate * seconds
        contenders: dict[str, Contender] = {
            "ours": partial(stand.ours, rows, rate=rate),
            "bare aiohttp": partial(stand.theirs, "bare", rows, rate=rate * 0.99, loop=_best(stand)),
        }
        for name, runs in _interleaved(stand, contenders, rounds).items():
            goal = ("35 %", "20 %") if (name, rate) == ("ours", 1_000) else ("", "")
            figure.row(
                f"{name} at {rate:,} a second: of one core", "%", [one.cpu / one.wall * 100 for one in runs], *goal
            )
            figure.row(f"{name} at {rate:,} a second: a message", "µs", [one.cpu / rows * 1e6 for one in runs])
    return figure


def window(stand: Stand, rounds: int, quick: bool) -> Figure:
    """How even the pace is, where it counts."""
    rate, seconds = 1_000, 3 if quick else 15
    figure = Figure(
        "window", f"The worst second at {rate:,} a second",
        "The most messages that reached the server within any second, by its clock; --rate is the ceiling, and b a "
        "hundredth of it. `--rate` is driven at 0.99.",
    )  # fmt: skip
    runs = _interleaved(stand, {"ours": partial(stand.ours, rate * seconds, rate=rate)}, rounds)["ours"]
    burst = rate / 100
    goals = (f"{1.015 * rate + burst + 2:,.0f}", f"{1.01 * rate + burst:,.0f}")
    figure.row("messages within the worst second", "", [one.tally["worstSecond"] for one in runs], *goals)
    spans = [one.tally["last"] - one.tally["first"] for one in runs]
    figure.row("messages a second", "1/s", [(rate * seconds - 1) / span for span in spans])
    return figure


def rss(stand: Stand, rounds: int, quick: bool) -> Figure:
    """Whether memory grows with the list."""
    small, large = (1_000, 5_000) if quick else (10_000, 1_000_000)
    figure = Figure(
        "rss", "Memory", "Largest resident set of the whole job. Sent at full speed, so the long list takes minutes."
    )
    of_small: list[float] = []
    of_large: list[float] = []
    for _ in range(1 if not quick else rounds):
        for rows, found in ((small, of_small), (large, of_large)):
            with stand.workplace() as place:
                found.append(stand.ours(rows, place).rss / MB)
    figure.row(f"{small:,} rows", "MB", of_small)
    figure.row(f"{large:,} rows", "MB", of_large)
    figure.row("difference", "MB", [two - one for one, two in zip(of_small, of_large, strict=True)], "40", "10")
    return figure


def first(stand: Stand, rounds: int, quick: bool) -> Figure:
    """How long nothing happens."""
    rows = 10_000 if quick else 1_000_000
    figure = Figure(
        "first", f"The first POST of {rows:,} rows",
        "From the start of the process (`--yes`, `--limit 1`) to the arrival at the server; the file is in the page cache.",
    )  # fmt: skip
    runs = _interleaved(stand, {"ours": partial(stand.ours, rows, limit=1)}, rounds)["ours"]
    figure.row("first POST", "s", [one.first_post for one in runs], "1.2", "0.6")
    figure.row("CPU of the whole process", "s", [one.cpu for one in runs])
    return figure


def resume(stand: Stand, rounds: int, quick: bool) -> Figure:
    """How long a second run takes to find where the first one ended."""
    rows = 10_000 if quick else 1_000_000
    done = rows * 9 // 10
    figure = Figure(
        "resume", f"The first new POST, {done:,} of {rows:,} done",
        "The same command on the same list after an interruption: from the start of the process to the arrival at the "
        "server. The ledger was filled through the same code that sending runs.",
    )  # fmt: skip
    with stand.workplace() as place:
        stand.prepare(rows, done, place)
        taken = [stand.ours(rows, place, limit=1) for _ in range(rounds)]
    figure.row("first new POST", "s", [one.first_post for one in taken], "12", "3")
    figure.row("CPU of the whole process", "s", [one.cpu for one in taken])
    figure.row("largest resident set", "MB", [one.rss / MB for one in taken])
    return figure


def help_(stand: Stand, rounds: int, quick: bool) -> Figure:
    """What a look at the help costs."""
    runs = [
        stand.run([sys.executable, "-m", OURS, "--help"], stand.folder, {}) for _ in range(rounds * (1 if quick else 4))
    ]
    figure = Figure("help", "`--help`", "From the start of the process to its end.")
    figure.row("--help", "s", [one.wall for one in runs], "0.35", "0.2")
    figure.row("CPU of it", "s", [one.cpu for one in runs])
    return figure


FIGURES: dict[str, Measure] = {
    "job": job, "cpu": cpu, "window": window, "tls": tls, "first": first, "resume": resume, "help": help_, "rss": rss,
}  # fmt: skip
"""By name, in the order of a whole run: the longest last."""


def _best(stand: Stand) -> str:
    return "uvloop" if stand.fast_loop else "asyncio"


def _interleaved(stand: Stand, contenders: dict[str, Contender], rounds: int) -> dict[str, list[Ran]]:
    """Every contender once a round; the order turns, so that none always comes first."""
    ran: dict[str, list[Ran]] = {name: [] for name in contenders}
    names = list(contenders)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            with stand.workplace() as place:
                ran[name].append(contenders[name](place=place))
    return ran
