"""One page about what was sent and what became of it: figures in, HTML out. Pure.

The page is a file of its own: it loads nothing, runs nothing, and its policy (CSP) forbids both, so it can be opened
from a mail. It knows no phone number but masked ones.
"""

import shlex
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from decimal import Decimal
from hashlib import sha256
from typing import Final

from omni_bulk.captions import (
    end_name,
    lasting,
    moment,
    need_words,
    outcome_name,
    rate,
    say,
    share,
    state_name,
    whole,
)
from omni_bulk.charts import Curve, Mark, Part, Stretch, Words, bar, distribution, growing, over_time, swatch
from omni_bulk.cost import plain
from omni_bulk.delivery import Delivery
from omni_bulk.figures import DELAYS, Case, Country, End, Figures, Need, Pace, cumulated, quantile, summed
from omni_bulk.markup import Html, joined, tag
from omni_bulk.page_style import STYLE
from omni_bulk.words import Language, clause

MARK: Final = b'<!DOCTYPE html>\n<html lang="'
GENERATOR: Final = "omni-bulk export"
"""By which a page of ours is known again: it begins with `MARK`, and this is its generator."""
SHOWN: Final = 12
"""Countries and codes that have a row of their own; the rest is one row."""
_COLUMNS: Final = 200  # of the chart over time
_COMMANDS: Final = 5  # campaigns that a decision has a command for
_STATE_KINDS: Final = {
    "accepted": "relayed", "rejected": "refused", "failed": "refused", "invalid": "invalid", "skipped": "waiting",
    "unknown": "unknown", "inDoubt": "unknown", "presumedUnsent": "unknown", "ready": "ready",
}  # fmt: skip
_ORDER: Final = (
    "accepted",
    "unknown",
    "inDoubt",
    "presumedUnsent",
    "rejected",
    "failed",
    "invalid",
    "skipped",
    "ready",
)
_WITHIN: Final = (10, 60, 600, 3_600, 86_400)  # seconds, of the table of delivery
_TICKS: Final = (1, 10, 60, 600, 3_600, 21_600, 86_400, 259_200)
_NEED_KINDS: Final = {
    Need.DOUBLE: "alert", Need.UNKNOWN: "unknown", Need.PRESUMED: "unknown", Need.IN_DOUBT: "unknown",
    Need.UNDELIVERED: "undelivered", Need.REJECTED: "refused", Need.FAILED: "refused", Need.INVALID: "invalid",
    Need.READY: "ready", Need.UNPOLLED: "waiting",
}  # fmt: skip
# What helps; {} is the campaign.
_COMMAND_OF: Final[Mapping[Need, Sequence[str]]] = {
    Need.DOUBLE: ("omni-bulk status {}", "omni-bulk export {} --format xlsx"),
    Need.UNKNOWN: ("omni-bulk reports --poll", "omni-bulk resolve {}"),
    Need.PRESUMED: ("omni-bulk resolve {} --resend --list {list}",),
    Need.IN_DOUBT: ("omni-bulk resolve {}",),
    Need.UNDELIVERED: ("omni-bulk export {} --format xlsx", "omni-bulk suppress add --file FILE"),
    Need.REJECTED: ("omni-bulk send {list} --campaign {}",),
    Need.FAILED: ("omni-bulk send {list} --campaign {}",),
    Need.INVALID: ("omni-bulk send {rejects} --campaign {}",),
    Need.READY: ("omni-bulk send {list} --campaign {}",),
    Need.UNPOLLED: ("omni-bulk reports --poll",),
}


@dataclass(frozen=True, slots=True)
class Setting:
    """How a page is written: the language, the zone of its times with the name it has, ISO code → country name."""

    language: Language
    zone: tzinfo
    zone_name: str
    countries: Mapping[str, str]
    version: str


def page(figures: Figures, setting: Setting) -> str:
    """The whole file. The same figures make the same page."""
    written = _Page(figures, setting)
    style = Html(STYLE)
    policy = f"default-src 'none'; style-src 'sha256-{_hash(STYLE)}'; base-uri 'none'; form-action 'none'"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=policy),
        tag("meta", name="generator", content=GENERATOR),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="robots", content="noindex, nofollow"),
        tag("meta", name="format-detection", content="telephone=no, email=no, address=no, date=no"),
        tag("title", written.title),
        tag("style", style),
    )
    body = tag("body", _PATTERNS, tag("main", *written.sections()))
    return "<!DOCTYPE html>\n" + tag("html", "\n", head, "\n", body, "\n", lang=setting.language) + "\n"


def is_page(head: bytes) -> bool:
    """Whether a file that begins like this was made by `page`."""
    return head.startswith(MARK) and f'<meta name="generator" content="{GENERATOR}">'.encode() in head[:2_048]


def _hash(style: str) -> str:
    return b64encode(sha256(style.encode()).digest()).decode()


# A pattern says "nobody knows" without a colour. It is not hidden by a style: then nothing would be filled with it.
_PATTERNS: Final = tag(
    "svg",
    tag(
        "defs",
        tag(
            "pattern", tag("rect", class_="hatch-ground", width=6, height=6),
            tag("path", class_="hatch-line", d="M-1 7L7 -1M-4 4L4 -4M2 10L10 2"),
            id="hatch", width=6, height=6, patternUnits="userSpaceOnUse",
        ),
    ),
    class_="patterns", width=0, height=0, aria_hidden="true",
)  # fmt: skip


class _Page:
    """The sections of one page."""

    def __init__(self, figures: Figures, setting: Setting) -> None:
        self.figures = figures
        self.language = setting.language
        self.setting = setting

    def say(self, caption: str, **values: object) -> str:
        return say(self.language, caption, **values)

    def moment(self, at: int, form: str = "%Y-%m-%d %H:%M:%S") -> str:
        return moment(at, self.setting.zone, form)

    def lasting(self, milliseconds: float) -> str:
        return lasting(milliseconds, self.language)

    def name(self, campaign: str) -> str:
        return campaign or self.say("single_sends")

    def country(self, code: str) -> Html:
        """The name of a country, with its code behind."""
        if not code:
            return tag("span", self.say("country_unknown"))
        name = self.setting.countries.get(code)
        return joined([name, tag("span", code, class_="code")], " ") if name else tag("bdi", code)

    @property
    def title(self) -> str:
        names = list(self.figures.campaigns)
        return self.say("title", name=self.name(names[0])) if len(names) == 1 else self.say("titles", count=len(names))

    def sections(self) -> Iterable[object]:
        yield self._header()
        yield self._tiles()
        yield self._decisions()
        yield self._states()
        yield self._campaigns()
        yield self._countries()
        yield self._pace()
        yield self._latency()
        yield self._delivery()
        yield self._codes()
        yield self._money()
        yield self._cases()
        yield tag(
            "footer", tag("p", self.say("words_accepted")),
            tag("p", self.say("made_by", version=self.setting.version)),
        )  # fmt: skip

    # ── the head ──

    def _header(self) -> Html:
        figures, lines = self.figures, []
        if figures.first is None or figures.last is None:
            lines.append(self.say("sent_never"))
        elif figures.last - figures.first < 1_000:
            lines.append(self.say("sent_at", first=self.moment(figures.first), zone=self.setting.zone_name))
        else:
            first, last = self.moment(figures.first), self.moment(figures.last)
            lines.append(self.say("sent_between", first=first, last=last, zone=self.setting.zone_name))
        start, end = figures.span.start, figures.span.end
        given = {"start": start, "end": end}
        if which := "_".join(word for word, at in (("since", start), ("until", end)) if at is not None):
            asked = self.say(which, **{key: self.moment(at) for key, at in given.items() if at is not None})
            lines.append(self.say("only", span=asked))
        lines.append(self.say("as_of", made=self.moment(figures.made)))
        names = list(figures.campaigns)
        heading = tag("bdi", self.name(names[0])) if len(names) == 1 else self.title
        state = None
        if len(names) == 1:
            done = figures.campaigns[names[0]].completed is not None
            state = tag("span", self.say("complete" if done else "unfinished"), class_="badge")
        return tag("header", tag("h1", heading, " ", state), *(tag("p", line) for line in lines))

    def _tiles(self) -> Html:
        figures = self.figures
        accepted, recipients = figures.accepted, figures.recipients
        delivered, relayed = (figures.deliveries[one] for one in (Delivery.DELIVERED, Delivery.RELAYED))
        arrived = "delivered" if delivered or not relayed else "relayed"
        unknown = sum(figures.states[one] for one in ("unknown", "inDoubt", "presumedUnsent"))
        tiles = [
            (self.say("recipients"), whole(recipients), None),
            (self.say("accepted"), whole(accepted), self._share_of("of_recipients", accepted, recipients)),
            (
                self.say(arrived), whole(delivered or relayed),
                self._share_of("of_accepted", delivered or relayed, accepted),
            ),
            (self.say("unknown"), whole(unknown), self.say("may_have_arrived" if unknown else "none_unknown")),
        ]  # fmt: skip
        seconds = figures.pace.seconds
        average = rate(sum(figures.pace.buckets.values()) / seconds) if seconds else "–"
        over = self.say("a_second_over", time=self.lasting(1000 * seconds)) if seconds else None
        tiles.append((self.say("average"), average, over))
        segments = sum(one.segments for one in figures.countries.values())
        if figures.currency is None:
            tiles.append((self.say("segments"), whole(segments), self.say("one_part")))
        else:
            cost = summed(one.cost for one in figures.countries.values() if one.segments)
            said = f"{figures.currency}, {self.say('segments_of', count=whole(segments))}"
            known = cost is not None or not segments
            tiles.append((self.say("cost"), _amount(cost), said if known else self.say("no_price")))
        return tag(
            "dl",
            *(
                tag("div", tag("dt", name), tag("dd", number), tag("dd", note, class_="note") if note else None)
                for name, number, note in tiles
            ),
            class_="tiles",
        )

    def _share_of(self, caption: str, part: int, whole_: int) -> str | None:
        return self.say(caption, share=share(part, whole_)) if whole_ else None

    # ── decisions ──

    def _decisions(self) -> Html:
        needs = [need for need in Need if need in self.figures.needs]
        if not needs:
            return self._section("decide", tag("p", self.say("nothing_to_decide"), class_="good"))
        return self._section("decide", tag("ul", *(self._decision(need) for need in needs), class_="needs"))

    def _decision(self, need: Need) -> Html:
        counts = self.figures.needs[need]
        title, sentence = need_words(need, self.language)
        commands = list(dict.fromkeys(
            self._command(command, campaign)
            for campaign in list(counts)[:_COMMANDS] for command in _COMMAND_OF[need]
        ))  # fmt: skip
        more = len(counts) - _COMMANDS
        rest = (
            tag("p", self.say("and_more", count=whole(more)))
            if more > 0 and "{}" in "".join(_COMMAND_OF[need])
            else None
        )
        return tag(
            "li", tag("p", swatch(_NEED_KINDS[need]), tag("b", whole(sum(counts.values()))), title, class_="count"),
            tag("p", sentence),
            tag("pre", joined((tag("code", _unbroken(command)) for command in commands), "\n")), rest,
            class_="need alert" if need is Need.DOUBLE else "need",
        )  # fmt: skip

    def _command(self, command: str, campaign: str) -> str:
        """Quoted for a shell. A name that begins with a hyphen would be a flag, so it comes last, or behind ``=``."""
        rejects = f"{campaign}.rejects.csv"
        if campaign.startswith("-"):
            rejects = f"./{rejects}"
            if "--campaign {}" in command:
                command = command.replace("--campaign {}", "--campaign={}")
            elif "{}" in command:
                command = f"{command.replace(' {}', '')} -- {{}}"
        written = command.replace("{list}", self.say("list")).replace("{rejects}", shlex.quote(rejects))
        return written.replace("{}", shlex.quote(campaign))

    # ── states, campaigns, countries ──

    def _states(self) -> Html:
        figures = self.figures
        all_ = figures.recipients
        states = [state for state in _ORDER if figures.states[state]]
        named = {state: state_name(state, self.language) for state in states}
        parts = [
            Part(_STATE_KINDS[state], figures.states[state], f"{named[state]}: {whole(figures.states[state])}")
            for state in states
        ]
        rows = [
            (joined([swatch(_STATE_KINDS[state]), named[state]], " "), whole(figures.states[state]),
             share(figures.states[state], all_))
            for state in states
        ]  # fmt: skip
        table = self._table(
            "by_state", ("state", "recipients", "share"), rows, (self.say("total"), whole(all_), share(all_, all_))
        )
        chart = tag("div", bar(parts, all_, self.say("by_state_desc"), least=0.4), class_="tall") if parts else None
        return self._section(
            "by_state",
            chart,
            table,
            self._reasons(),
        )

    def _reasons(self) -> Html | None:
        found = [one for one in self.figures.reasons.most_common() if one[0][0] != "accepted"]
        if not found:
            return None
        rows = [
            (state_name(state, self.language), tag("span", self._clause(reason)), whole(number))
            for (state, reason), number in found[: 2 * SHOWN]
        ]
        return joined(
            [tag("h3", self.say("reasons")), self._table("reasons", ("state", "reason", "recipients"), rows, words=2)]
        )

    def _clause(self, reason: str) -> str:
        said = clause(reason, "", self.language)
        return said if said == reason else f"{said} ({reason})"

    def _campaigns(self) -> Html | None:
        if len(self.figures.campaigns) < 2:
            return None
        rows = [
            (
                tag("bdi", self.name(one.name)), whole(sum(one.states.values())), whole(one.states["accepted"]),
                whole(one.delivered), whole(one.states["unknown"] + one.states["inDoubt"] + one.states["presumedUnsent"]),
                self.say("unfinished") if one.completed is None else self.moment(one.completed, "%Y-%m-%d %H:%M"),
            )
            for one in self.figures.campaigns.values()
        ]  # fmt: skip
        heads = ("campaign", "recipients", "accepted", "delivered", "unknown", "complete")
        return self._section("by_campaign", self._table("by_campaign", heads, rows))

    def _countries(self) -> Html:
        posted = {code: one for code, one in self.figures.countries.items() if one.posted}
        if not posted:
            return self._section("by_country", tag("p", self.say("no_country")))
        order = sorted(posted, key=lambda code: (-posted[code].posted, code))
        shown: list[tuple[object, Country]] = [(self.country(code), posted[code]) for code in order[:SHOWN]]
        if rest := order[SHOWN:]:
            shown.append((self.say("other_countries", count=len(rest)), _together(posted[code] for code in rest)))
        most = max(one.posted for _, one in shown)
        chart = tag(
            "div", *(row for name, one in shown for row in self._country_row(name, one, most)), class_="bars shares"
        )  # fmt: skip
        ends = [end for end in End if any(one.ends[end] for one in posted.values())]
        legend = tag(
            "ul", *(tag("li", swatch(end), " ", end_name(end, self.language)) for end in ends), class_="legend"
        )  # fmt: skip
        whole_of = _together(posted.values())
        table = self._table(
            "by_country",
            ("country", "sent", *(f"end:{end}" for end in ends), "segments"),
            [(self.country(code), *self._of_country(posted[code], ends)) for code in order],
            (self.say("total"), *self._of_country(whole_of, ends)),
        )
        caption = tag("p", self.say("by_country_desc"), class_="caption")
        return self._section("by_country", caption, legend, chart, table)

    def _country_row(self, name: object, one: Country, most: int) -> Iterable[Html]:
        parts = [Part(end, one.ends[end], f"{end_name(end, self.language)}: {whole(one.ends[end])}") for end in End]
        label = ", ".join(part.title for part in parts if part.amount)
        yield tag("span", name, class_="label")
        yield tag("span", whole(one.posted), class_="value")
        yield tag("span", bar([Part("plain", one.posted, whole(one.posted))], most, whole(one.posted)), class_="volume")
        yield bar(parts, one.posted, label)

    @staticmethod
    def _of_country(one: Country, ends: Sequence[End]) -> tuple[str, ...]:
        return (whole(one.posted), *(whole(one.ends[end]) for end in ends), whole(one.segments))

    # ── speed ──

    def _pace(self) -> Html | None:
        pace = self.figures.pace
        if not pace.buckets or self.figures.first is None or self.figures.last is None:
            return None
        fit = pace.fitting(_COLUMNS)
        stretches = [_stretch(fit, first, last) for first, last in fit.stretches()]
        step = self.lasting(1000 * fit.step)
        desc = self.say("pace_desc", step=step, peak=rate(fit.peak))
        words = Words("pace", self.say("pace"), desc, self.say("pace_axis"), self.setting.zone_name)
        chart = over_time(
            words, stretches, self.setting.zone, _tick, rate, lambda seconds: self.lasting(1000 * _rounded(seconds))
        )
        posted = sum(pace.buckets.values())
        rows = [
            (self.say("sent"), whole(posted)),
            (self.say("sending_time"), self.lasting(1000 * pace.seconds)),
            (self.say("average"), self.say("a_second", rate=rate(posted / pace.seconds))),
            (self.say("peak", step=self.lasting(1000 * pace.step)), self.say("a_second", rate=rate(pace.peak))),
            (self.say("first"), self.moment(self.figures.first)),
            (self.say("last"), self.moment(self.figures.last)),
        ]
        return self._section("pace", tag("figure", chart, tag("figcaption", desc)), _pairs(rows))

    def _latency(self) -> Html:
        counts = dict(self.figures.latencies)
        half, p95, p99, most = (quantile(counts, part) for part in (0.5, 0.95, 0.99, 1.0))
        if half is None or p95 is None or p99 is None or most is None:
            return self._section("latency", tag("p", self.say("no_latency")))
        desc = self.say("latency_desc", half=self.lasting(half), most=self.lasting(p99))
        words = Words("latency", self.say("latency"), desc, self.say("latency_axis"), self.say("latency_x"))
        marks = [Mark(at, f"{name} {self.lasting(at)}") for name, at in (("p50", half), ("p95", p95), ("p99", p99))]
        all_ = sum(counts.values())

        def title(low: int, high: int | None, amount: int) -> str:
            till = "" if high is None else self.lasting(high)
            return f"{self.lasting(low)} – {till}: {whole(amount)} ({share(amount, all_)})"

        chart = distribution(words, counts, marks, self.lasting, title, _percent)
        rows = [
            (self.say("answers"), whole(all_)), (self.say("half"), self.lasting(half)), (self.say("p95"), self.lasting(p95)),
            (self.say("p99"), self.lasting(p99)), (self.say("slowest"), self.lasting(most)),
        ]  # fmt: skip
        return self._section("latency", tag("figure", chart, tag("figcaption", desc)), _pairs(rows))

    def _delivery(self) -> Html:
        figures = self.figures
        accepted = figures.accepted
        steps = {"relayed": figures.relayed, "delivered": figures.arrived}
        came = {kind: sum(counts.values()) for kind, counts in steps.items()}
        if not came["relayed"]:
            return self._section("delivery", tag("p", self.say("no_reports")))
        last = max(map(_longest, steps.values()))
        ends = [end for end in DELAYS if end <= max(last, _WITHIN[0])]
        names = {"relayed": self.say("first_report"), "delivered": self.say("delivered")}
        curves = [
            Curve(kind, names[kind], [(end, number / accepted) for end, number in cumulated(steps[kind], ends)])
            for kind in ("delivered", "relayed") if came[kind]
        ]  # fmt: skip
        ends_in = {kind: f"{names[kind]} {share(came[kind], accepted)}" for kind in steps}
        desc = self.say("delivery_desc", relayed=ends_in["relayed"], arrived=ends_in["delivered"])
        words = Words("delivery", self.say("delivery"), desc, self.say("delivery_axis"), self.say("delivery_x"))
        labels = [(at, self.lasting(1000 * at)) for at in _TICKS if ends[0] <= at <= ends[-1]]
        chart = growing(
            words, curves, labels, _percent,
            lambda curve, at, part: f"{curve.name}, {self.lasting(1000 * at)}: {100 * part:.1f}%",
        )  # fmt: skip
        legend = tag("ul", *(tag("li", swatch(curve.kind), " ", curve.name) for curve in curves), class_="legend")
        kinds = [curve.kind for curve in curves][::-1]
        by_then = {kind: dict(cumulated(steps[kind])) for kind in kinds}
        rows = [
            (self.lasting(1000 * at), *_with_share([by_then[kind][at] for kind in kinds], accepted)) for at in _WITHIN
        ]
        rows.append((self.say("at_all"), *_with_share([came[kind] for kind in kinds], accepted)))
        heads = ("within", *(head for kind in kinds for head in (f"={names[kind]}", "share")))
        caption = tag("figcaption", desc)
        return self._section("delivery", tag("figure", legend, chart, caption), self._table("delivery", heads, rows))

    # ── codes and money ──

    def _codes(self) -> Html:
        figures = self.figures
        api = [
            ((tag("bdi", code), tag("bdi", _clipped(figures.results.get(code, "")))), number)
            for code, number in figures.codes.most_common()
        ]
        said = [
            (
                (tag("bdi", code or self.say("no_code")), outcome_name(outcome, self.language),
                 tag("bdi", _clipped(figures.report_texts.get(code, "")))), number,
            )
            for (code, outcome), number in figures.report_codes.most_common()
        ]  # fmt: skip
        return self._section(
            "codes", tag("h3", self.say("api_codes")), self._coded("api_codes", ("code", "says"), api),
            tag("h3", self.say("report_codes")),
            tag("p", self.say("report_codes_note"), class_="caption") if said else None,
            self._coded("report_codes", ("code", "means", "says"), said),
        )  # fmt: skip

    def _coded(self, name: str, heads: Sequence[str], rows: Sequence[tuple[tuple[object, ...], int]]) -> Html:
        if not rows:
            return tag("p", self.say("no_codes"))
        all_, shown = sum(number for _, number in rows), list(rows[:SHOWN])
        if rest := rows[SHOWN:]:
            said = self.say("other_codes", count=len(rest)), *[""] * (len(heads) - 1)
            shown.append((said, sum(number for _, number in rest)))
        most = max(number for _, number in shown)
        written = [
            (*cells, whole(number), share(number, all_), self._share_bar(number, most)) for cells, number in shown
        ]
        return self._table(name, (*heads, "messages", "share", ""), written, words=len(heads))

    @staticmethod
    def _share_bar(number: int, most: int) -> Html:
        return tag("div", bar([Part("plain", number, whole(number))], most, whole(number)), class_="small")

    def _money(self) -> Html:
        figures = self.figures
        priced = figures.currency is not None
        known = {code: one for code, one in figures.countries.items() if one.reported}
        order = sorted(known, key=lambda code: (-known[code].billed, code))
        together = _together(figures.countries.values())
        note = None if priced else tag("p", self.say("prices_none"), class_="caption")
        total = tag("p", self._spent(together), class_="caption")
        if not known:
            return self._section("money", tag("p", self.say("money_none")), total, note)
        heads = ["country", "messages", "estimated", "billed", "difference"]
        if priced:
            heads += [
                "=" + self.say("estimated") + " " + str(figures.currency),
                "=" + self.say("billed") + " " + str(figures.currency),
            ]
        table = self._table(
            "money", heads,
            [(self.country(code), *self._billed(known[code], priced=priced)) for code in order],
            (self.say("total"), *self._billed(_together(known.values()), priced=priced)),
        )  # fmt: skip
        chart = self._against(order[:SHOWN], known)
        caption = tag(
            "p", self.say("money_desc"), " ",
            self.say("reported_of", reported=whole(together.reported), accepted=whole(figures.accepted)),
            class_="caption",
        )  # fmt: skip
        return self._section("money", caption, chart, table, total, note)

    def _against(self, order: Sequence[str], known: Mapping[str, Country]) -> Html:
        """Two bars a country, one under the other."""
        most = max(max(known[code].estimated, known[code].billed) for code in order)
        rows: list[Html] = []
        for code in order:
            one = known[code]
            bars = [
                bar(
                    [Part(kind, number, f"{self.say(kind)}: {whole(number)}")],
                    most,
                    f"{self.say(kind)} {whole(number)}",
                )
                for kind, number in (("estimated", one.estimated), ("billed", one.billed))
            ]
            rows += [
                tag("span", self.country(code), class_="label"), tag("span", *bars, class_="pair"),
                tag("span", whole(one.billed), class_="value"),
            ]  # fmt: skip
        legend = tag(
            "ul", *(tag("li", swatch(kind), " ", self.say(kind)) for kind in ("estimated", "billed")), class_="legend"
        )
        return joined([legend, tag("div", *rows, class_="bars")])

    def _billed(self, one: Country, *, priced: bool) -> tuple[str, ...]:
        differ = one.billed - one.estimated
        cells = (
            whole(one.reported),
            whole(one.estimated),
            whole(one.billed),
            f"+{whole(differ)}" if differ > 0 else whole(differ),
        )
        if not priced:
            return cells
        return (*cells, *map(_amount, (one.estimated_cost, one.billed_cost)))

    def _spent(self, together: Country) -> str:
        said = f"{self.say('all_sent')}: {self.say('segments_of', count=whole(together.segments))}"
        if self.figures.currency is None or not together.segments:
            return said
        if together.cost is None:
            return f"{said}; {self.say('no_price')}"
        return f"{said}; {self.say('estimated')} {_money(together.cost)} {self.figures.currency}"

    # ── recipients ──

    def _cases(self) -> Html | None:
        cases = self.figures.cases
        if not cases:
            return None
        listed = {need: [case for case in cases if case.need is need] for need in Need}
        all_ = sum(sum(self.figures.needs.get(need, Counter()).values()) for need, ones in listed.items() if ones)
        several = len(self.figures.campaigns) > 1
        heads = ("number", "country", "row", "ref", "why", "when")
        bodies = [
            tag(
                "tbody",
                tag("tr", tag("th", need_words(need, self.language)[0], colspan=len(heads), scope="rowgroup")),
                *(self._case(case, several=several) for case in ones),
            )
            for need, ones in listed.items()
            if ones
        ]
        head = tag(
            "thead", tag("tr", *(tag("th", "ref" if name == "ref" else self.say(name), scope="col") for name in heads))
        )
        note = self.say("cases_note", shown=whole(len(cases)), all=whole(all_))
        table = tag("table", tag("caption", self.say("cases"), class_="unseen"), head, *bodies, class_="cases")
        return self._section("cases", tag("p", note, class_="caption"), self._scrolled("cases", table))

    def _case(self, case: Case, *, several: bool) -> Html:
        said = [self._clause(case.reason) if case.reason else None, case.code, _clipped(case.text or "") or None]
        where = [tag("bdi", self.name(case.campaign)), " "] if several else []
        return tag(
            "tr", tag("td", case.to or "–", class_="number"), tag("td", case.country or "–"),
            tag("td", *where, "–" if case.row is None else whole(case.row)),
            tag("td", tag("bdi", case.ref or "–"), class_="ref"),
            tag("td", joined((tag("bdi", one) for one in said if one), " · ")),
            tag("td", "–" if case.at is None else self.moment(case.at), class_="time"),
        )  # fmt: skip

    # ── pieces ──

    def _section(self, name: str, *children: object) -> Html:
        return tag(
            "section", tag("h2", self.say(name), id=f"h-{name}"), *children, class_=f"s-{name}",
            aria_labelledby=f"h-{name}",
        )  # fmt: skip

    def _table(
        self, name: str, heads: Sequence[str], rows: Sequence[Sequence[object]], total: Sequence[object] | None = None,
        *, words: int = 1,
    ) -> Html:  # fmt: skip
        """The first `words` columns are words, the others numbers. A head is a caption's name, an ``end:``, or after
        an ``=`` itself.
        """

        def row(cells: Sequence[object]) -> Html:
            first, *others = cells
            return tag(
                "tr", tag("th", first, scope="row"),
                *(tag("td", cell, class_=None if at < words else "n") for at, cell in enumerate(others, start=1)),
            )  # fmt: skip

        columns = [
            tag("th", self._head(head), scope="col", class_=None if at < words else "n")
            for at, head in enumerate(heads)
        ]
        table = tag(
            "table", tag("caption", self.say(name), class_="unseen"), tag("thead", tag("tr", *columns)),
            tag("tbody", *map(row, rows)), tag("tfoot", row(total)) if total is not None else None,
        )  # fmt: skip
        return self._scrolled(name, table)

    def _head(self, head: str) -> str:
        if head.startswith("="):
            return head[1:]
        if head.startswith("end:"):
            return end_name(End(head[4:]), self.language)
        return self.say(head) if head else ""

    def _scrolled(self, name: str, table: Html) -> Html:
        """A table that is wider than a phone moves within its own frame; the keyboard reaches it there."""
        return tag(
            "div", table, class_="frame", role="region", tabindex=0, aria_label=self.say("skip", name=self.say(name))
        )


def _unbroken(command: str) -> Html:
    """A command whose words are not parted at their hyphens, but for long ones: the line has to fit."""
    words = command.split(" ")
    return joined((tag("span", word) if "-" in word and len(word) < 24 else word for word in words), " ")


def _pairs(rows: Iterable[tuple[str, str]]) -> Html:
    return tag("dl", *(tag("div", tag("dt", name.strip()), tag("dd", number)) for name, number in rows), class_="pairs")


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


def _tick(number: float) -> str:
    """A number of an axis: round as they are, it needs no zeros behind its point."""
    return f"{number:,.4f}".rstrip("0").rstrip(".")


def _percent(number: float) -> str:
    return f"{_tick(round(number, 1))}%"


def _clipped(text: str, most: int = 80) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _amount(amount: Decimal | None) -> str:
    return "–" if amount is None else _money(amount)


def _money(amount: Decimal) -> str:
    number, point, rest = plain(amount).partition(".")
    return f"{int(number):,}{point}{rest}"
