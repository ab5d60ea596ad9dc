"""The sections of a page that are charts: countries, throughput, latency, delivery, codes, money. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from omni_bulk.captions import end_name, outcome_name, rate, share, whole
from omni_bulk.charts import Curve, Mark, Part, Stretch, Words, bar, distribution, growing, over_time, swatch
from omni_bulk.figures import DELAYS, Country, End, Pace, cumulated, quantile, summed
from omni_bulk.markup import Html, joined, tag
from omni_bulk.masking import numberless
from omni_bulk.page_sheet import SHOWN, Sheet, amount, clipped, money_text, pairs, percent, tick

_COLUMNS: Final = 200  # of the chart over time
_WITHIN: Final = (10, 60, 600, 3_600, 86_400)  # seconds, of the table of delivery
_TICKS: Final = (1, 10, 60, 600, 3_600, 21_600, 86_400, 259_200)


def countries(sheet: Sheet) -> Html:
    """How many were posted to each country, and what share of them fared how."""
    posted = {code: one for code, one in sheet.figures.countries.items() if one.posted}
    if not posted:
        return sheet.section("by_country", tag("p", sheet.say("no_country")))
    order = sorted(posted, key=lambda code: (-posted[code].posted, code))
    shown: list[tuple[object, Country]] = [(sheet.country(code), posted[code]) for code in order[:SHOWN]]
    if rest := order[SHOWN:]:
        shown.append((sheet.say("other_countries", count=len(rest)), _together(posted[code] for code in rest)))
    most = max(one.posted for _, one in shown)
    chart = tag(
        "div", *(row for name, one in shown for row in _country_row(sheet, name, one, most)), class_="bars shares"
    )  # fmt: skip
    ends = [end for end in End if any(one.ends[end] for one in posted.values())]
    legend = tag(
        "ul", *(tag("li", swatch(end), " ", end_name(end, sheet.language)) for end in ends), class_="legend"
    )  # fmt: skip
    whole_of = _together(posted.values())
    table = sheet.table(
        "by_country",
        ("country", "sent", *(f"end:{end}" for end in ends), "segments"),
        [(sheet.country(code), *_of_country(posted[code], ends)) for code in order],
        (sheet.say("total"), *_of_country(whole_of, ends)),
    )
    caption = tag("p", sheet.say("by_country_desc"), class_="caption")
    return sheet.section("by_country", caption, legend, chart, table)


def _country_row(sheet: Sheet, name: object, one: Country, most: int) -> Iterable[Html]:
    parts = [Part(end, one.ends[end], f"{end_name(end, sheet.language)}: {whole(one.ends[end])}") for end in End]
    label = ", ".join(part.title for part in parts if part.amount)
    yield tag("span", name, class_="label")
    yield tag("span", whole(one.posted), class_="value")
    yield tag("span", bar([Part("plain", one.posted, whole(one.posted))], most, whole(one.posted)), class_="volume")
    yield bar(parts, one.posted, label)


def _of_country(one: Country, ends: Sequence[End]) -> tuple[str, ...]:
    return (whole(one.posted), *(whole(one.ends[end]) for end in ends), whole(one.segments))


def pace(sheet: Sheet) -> Html | None:
    """Messages a second over the time of day; None where nothing was sent."""
    speed = sheet.figures.pace
    if not speed.buckets or sheet.figures.first is None or sheet.figures.last is None:
        return None
    fit = speed.fitting(_COLUMNS)
    stretches = [_stretch(fit, first, last) for first, last in fit.stretches()]
    step = sheet.lasting(1000 * fit.step)
    desc = sheet.say("pace_desc", step=step, peak=rate(fit.peak))
    words = Words("pace", sheet.say("pace"), desc, sheet.say("pace_axis"), sheet.setting.zone_name)
    chart = over_time(
        words, stretches, sheet.setting.zone, tick, rate, lambda seconds: sheet.lasting(1000 * _rounded(seconds))
    )
    posted = sum(speed.buckets.values())
    rows = [
        (sheet.say("sent"), whole(posted)),
        (sheet.say("sending_time"), sheet.lasting(1000 * speed.seconds)),
        (sheet.say("average"), sheet.say("a_second", rate=rate(posted / speed.seconds))),
        (sheet.say("peak", step=sheet.lasting(1000 * speed.step)), sheet.say("a_second", rate=rate(speed.peak))),
        (sheet.say("first"), sheet.moment(sheet.figures.first)),
        (sheet.say("last"), sheet.moment(sheet.figures.last)),
    ]
    return sheet.section("pace", tag("figure", chart, tag("figcaption", desc)), pairs(rows))


def latency(sheet: Sheet) -> Html:
    """How long the API took to answer."""
    counts = dict(sheet.figures.latencies)
    half, p95, p99, most = (quantile(counts, part) for part in (0.5, 0.95, 0.99, 1.0))
    if half is None or p95 is None or p99 is None or most is None:
        return sheet.section("latency", tag("p", sheet.say("no_latency")))
    desc = sheet.say("latency_desc", half=sheet.lasting(half), most=sheet.lasting(p99))
    words = Words("latency", sheet.say("latency"), desc, sheet.say("latency_axis"), sheet.say("latency_x"))
    marks = [Mark(at, f"{name} {sheet.lasting(at)}") for name, at in (("p50", half), ("p95", p95), ("p99", p99))]
    all_ = sum(counts.values())

    def title(low: int, high: int | None, answers: int) -> str:
        till = "" if high is None else sheet.lasting(high)
        return f"{sheet.lasting(low)} – {till}: {whole(answers)} ({share(answers, all_)})"

    chart = distribution(words, counts, marks, sheet.lasting, title, percent)
    rows = [
        (sheet.say("answers"), whole(all_)), (sheet.say("half"), sheet.lasting(half)), (sheet.say("p95"), sheet.lasting(p95)),
        (sheet.say("p99"), sheet.lasting(p99)), (sheet.say("slowest"), sheet.lasting(most)),
    ]  # fmt: skip
    return sheet.section("latency", tag("figure", chart, tag("figcaption", desc)), pairs(rows))


def delivery(sheet: Sheet) -> Html:
    """What share of the accepted had a first report, and was delivered, so long after sending."""
    figures = sheet.figures
    accepted = sum(figures.deliveries.values())
    steps = {"relayed": figures.relayed, "delivered": figures.arrived}
    came = {kind: sum(counts.values()) for kind, counts in steps.items()}
    if not came["relayed"]:
        return sheet.section("delivery", tag("p", sheet.say("no_reports")))
    last = max(map(_longest, steps.values()))
    ends = [end for end in DELAYS if end <= max(last, _WITHIN[0])]
    names = {"relayed": sheet.say("first_report"), "delivered": sheet.say("delivered")}
    curves = [
        Curve(kind, names[kind], [(end, number / accepted) for end, number in cumulated(steps[kind], ends)])
        for kind in ("delivered", "relayed") if came[kind]
    ]  # fmt: skip
    ends_in = {kind: f"{names[kind]} {share(came[kind], accepted)}" for kind in steps}
    desc = sheet.say("delivery_desc", relayed=ends_in["relayed"], arrived=ends_in["delivered"])
    words = Words("delivery", sheet.say("delivery"), desc, sheet.say("delivery_axis"), sheet.say("delivery_x"))
    labels = [(at, sheet.lasting(1000 * at)) for at in _TICKS if ends[0] <= at <= ends[-1]]
    chart = growing(
        words, curves, labels, percent,
        lambda curve, at, part: f"{curve.name}, {sheet.lasting(1000 * at)}: {100 * part:.1f}%",
    )  # fmt: skip
    legend = tag("ul", *(tag("li", swatch(curve.kind), " ", curve.name) for curve in curves), class_="legend")
    kinds = [curve.kind for curve in curves][::-1]
    by_then = {kind: dict(cumulated(steps[kind])) for kind in kinds}
    rows = [(sheet.lasting(1000 * at), *_with_share([by_then[kind][at] for kind in kinds], accepted)) for at in _WITHIN]
    rows.append((sheet.say("at_all"), *_with_share([came[kind] for kind in kinds], accepted)))
    heads = ("within", *(head for kind in kinds for head in (f"={names[kind]}", "share")))
    caption = tag("figcaption", desc)
    return sheet.section("delivery", tag("figure", legend, chart, caption), sheet.table("delivery", heads, rows))


def codes(sheet: Sheet) -> Html:
    """The codes of the API's answers and of the last reports."""
    figures = sheet.figures
    api = [
        ((tag("bdi", numberless(code)), tag("bdi", clipped(figures.results.get(code, "")))), number)
        for code, number in figures.codes.most_common()
    ]
    said = [
        (
            (tag("bdi", numberless(code) or sheet.say("no_code")), outcome_name(outcome, sheet.language),
             tag("bdi", clipped(figures.report_texts.get(code, "")))), number,
        )
        for (code, outcome), number in figures.report_codes.most_common()
    ]  # fmt: skip
    return sheet.section(
        "codes", tag("h3", sheet.say("api_codes")), _coded(sheet, "api_codes", ("code", "says"), api),
        tag("h3", sheet.say("report_codes")),
        tag("p", sheet.say("report_codes_note"), class_="caption") if said else None,
        _coded(sheet, "report_codes", ("code", "means", "says"), said),
    )  # fmt: skip


def _coded(sheet: Sheet, name: str, heads: Sequence[str], rows: Sequence[tuple[tuple[object, ...], int]]) -> Html:
    if not rows:
        return tag("p", sheet.say("no_codes"))
    all_, shown = sum(number for _, number in rows), list(rows[:SHOWN])
    if rest := rows[SHOWN:]:
        said = sheet.say("other_codes", count=len(rest)), *[""] * (len(heads) - 1)
        shown.append((said, sum(number for _, number in rest)))
    most = max(number for _, number in shown)
    written = [(*cells, whole(number), share(number, all_), sheet.share_bar(number, most)) for cells, number in shown]
    return sheet.table(name, (*heads, "messages", "share", ""), written, words=len(heads))


def money(sheet: Sheet) -> Html:
    """Segments as estimated and as billed, and what they cost where there are prices."""
    figures = sheet.figures
    priced = figures.currency is not None
    known = {code: one for code, one in figures.countries.items() if one.reported}
    order = sorted(known, key=lambda code: (-known[code].billed, code))
    together = _together(figures.countries.values())
    note = None if priced else tag("p", sheet.say("prices_none"), class_="caption")
    total = tag("p", _spent(sheet, together), class_="caption")
    if not known:
        return sheet.section("money", tag("p", sheet.say("money_none")), total, note)
    heads = ["country", "messages", "estimated", "billed", "difference"]
    if priced:
        heads += [
            "=" + sheet.say("estimated") + " " + str(figures.currency),
            "=" + sheet.say("billed") + " " + str(figures.currency),
        ]
    table = sheet.table(
        "money", heads,
        [(sheet.country(code), *_billed(known[code], priced=priced)) for code in order],
        (sheet.say("total"), *_billed(_together(known.values()), priced=priced)),
    )  # fmt: skip
    chart = _against(sheet, order[:SHOWN], known)
    caption = tag(
        "p", sheet.say("money_desc"), " ",
        sheet.say("reported_of", reported=whole(together.reported), accepted=whole(figures.accepted)),
        class_="caption",
    )  # fmt: skip
    return sheet.section("money", caption, chart, table, total, note)


def _against(sheet: Sheet, order: Sequence[str], known: Mapping[str, Country]) -> Html:
    """Two bars a country, one under the other."""
    most = max(max(known[code].estimated, known[code].billed) for code in order)
    rows: list[Html] = []
    for code in order:
        one = known[code]
        bars = [
            bar(
                [Part(kind, number, f"{sheet.say(kind)}: {whole(number)}")],
                most,
                f"{sheet.say(kind)} {whole(number)}",
            )
            for kind, number in (("estimated", one.estimated), ("billed", one.billed))
        ]
        rows += [
            tag("span", sheet.country(code), class_="label"), tag("span", *bars, class_="pair"),
            tag("span", whole(one.billed), class_="value"),
        ]  # fmt: skip
    legend = tag(
        "ul", *(tag("li", swatch(kind), " ", sheet.say(kind)) for kind in ("estimated", "billed")), class_="legend"
    )
    return joined([legend, tag("div", *rows, class_="bars")])


def _billed(one: Country, *, priced: bool) -> tuple[str, ...]:
    differ = one.billed - one.estimated
    cells = (
        whole(one.reported),
        whole(one.estimated),
        whole(one.billed),
        f"+{whole(differ)}" if differ > 0 else whole(differ),
    )
    if not priced:
        return cells
    return (*cells, *map(amount, (one.estimated_cost, one.billed_cost)))


def _spent(sheet: Sheet, together: Country) -> str:
    said = f"{sheet.say('all_sent')}: {sheet.say('segments_of', count=whole(together.segments))}"
    if sheet.figures.currency is None or not together.segments:
        return said
    if together.cost is None:
        return f"{said}; {sheet.say('no_price')}"
    return f"{said}; {sheet.say('estimated')} {money_text(together.cost)} {sheet.figures.currency}"


def _together(countries: Iterable[Country]) -> Country:
    ones = list(countries)
    costs = (summed(getattr(one, name) for one in ones) for name in ("cost", "estimated_cost", "billed_cost"))
    cost, estimated_cost, billed_cost = costs
    return Country(
        sum(one.recipients for one in ones), sum((one.ends for one in ones), Counter()), sum(one.accepted for one in ones),
        sum(one.segments for one in ones), cost, sum(one.reported for one in ones), sum(one.estimated for one in ones),
        sum(one.billed for one in ones), estimated_cost, billed_cost,
    )  # fmt: skip


def _stretch(pace: Pace, first: int, last: int) -> Stretch:
    return Stretch(
        first * pace.step, pace.step, [pace.buckets[bucket] / pace.step for bucket in range(first, last + 1)]
    )  # fmt: skip


def _rounded(seconds: int) -> int:
    """A pause in its largest unit: nobody wants its seconds."""
    return next((round(seconds / unit) * unit for unit in (86_400, 3_600, 60) if seconds >= 2 * unit), seconds)


def _longest(counts: Mapping[int, int]) -> int:
    return max((step for step, number in counts.items() if step and number), default=1)


def _with_share(numbers: Iterable[int], of: int) -> list[str]:
    return [cell for number in numbers for cell in (whole(number), share(number, of))]
