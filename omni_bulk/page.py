"""One page about what was sent and what became of it: figures in, HTML out. Pure.

The page is a file of its own: it loads nothing, runs nothing, and its policy (CSP) forbids both, so it can be opened
from a mail. It knows no phone number but masked ones.
"""

import shlex
from base64 import b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Final

from omni_bulk import page_charts
from omni_bulk.captions import need_words, rate, share, state_name, whole
from omni_bulk.charts import Part, bar, swatch
from omni_bulk.delivery import Delivery
from omni_bulk.figures import Case, Figures, Need, summed
from omni_bulk.markup import Html, joined, tag
from omni_bulk.masking import numberless
from omni_bulk.page_sheet import SHOWN, Setting, Sheet, amount, clipped
from omni_bulk.page_style import STYLE

MARK: Final = b'<!DOCTYPE html>\n<html lang="'
GENERATOR: Final = "omni-bulk export"
"""By which a page of ours is known again: it begins with `MARK`, and this is its generator."""
_COMMANDS: Final = 5  # campaigns that a decision has a command for
_STATE_KINDS: Final = {
    "accepted": "relayed", "rejected": "refused", "failed": "refused", "invalid": "invalid", "skipped": "waiting",
    "unknown": "unknown", "inDoubt": "unknown", "presumedUnsent": "unknown", "ready": "ready",
}  # fmt: skip
_ORDER: Final = (
    "accepted", "unknown", "inDoubt", "presumedUnsent", "rejected", "failed", "invalid", "skipped", "ready",
)  # fmt: skip
_NEED_KINDS: Final = {
    Need.DOUBLE: "alert", Need.UNKNOWN: "unknown", Need.PRESUMED: "unknown", Need.IN_DOUBT: "unknown",
    Need.UNDELIVERED: "undelivered", Need.REJECTED: "refused", Need.FAILED: "refused", Need.INVALID: "invalid",
    Need.READY: "ready", Need.UNPOLLED: "waiting",
}  # fmt: skip
# What helps; {} is the campaign.
_COMMAND_OF: Final[Mapping[Need, Sequence[str]]] = {
    Need.DOUBLE: ("omni-bulk explain REF", "omni-bulk export {} --format xlsx"),
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


class _Page(Sheet):
    """The sections of one page."""

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
        yield page_charts.countries(self)
        yield page_charts.pace(self)
        yield page_charts.latency(self)
        yield page_charts.delivery(self)
        yield page_charts.codes(self)
        yield page_charts.money(self)
        yield self._cases()
        yield tag(
            "footer", tag("p", self.say("words_accepted")),
            tag("p", self.say("made_by", version=self.setting.version)),
        )  # fmt: skip

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
            tiles.append((self.say("cost"), amount(cost), said if known else self.say("no_price")))
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

    def _decisions(self) -> Html:
        needs = [need for need in Need if need in self.figures.needs]
        if not needs:
            return self.section("decide", tag("p", self.say("nothing_to_decide"), class_="good"))
        return self.section("decide", tag("ul", *(self._decision(need) for need in needs), class_="needs"))

    def _decision(self, need: Need) -> Html:
        counts = self.figures.needs[need]
        title, sentence = need_words(need, self.language)
        commands = list(dict.fromkeys(
            self._command(command, campaign)
            for campaign in list(counts)[:_COMMANDS] for command in _COMMAND_OF[need]
        ))  # fmt: skip
        more = len(counts) - _COMMANDS if "{}" in "".join(_COMMAND_OF[need]) else 0
        rest = tag("p", self.say("and_more", count=whole(more))) if more > 0 else None
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
        # In one pass: what a name holds in braces is not looked at again.
        return command.format(shlex.quote(campaign), list=self.say("list"), rejects=shlex.quote(rejects))

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
        table = self.table(
            "by_state", ("state", "recipients", "share"), rows, (self.say("total"), whole(all_), share(all_, all_))
        )
        chart = tag("div", bar(parts, all_, self.say("by_state_desc"), least=0.4), class_="tall") if parts else None
        return self.section("by_state", chart, table, self._reasons())

    def _reasons(self) -> Html | None:
        found = [one for one in self.figures.reasons.most_common() if one[0][0] != "accepted"]
        if not found:
            return None
        rows = [
            (state_name(state, self.language), tag("span", self.clause(reason)), whole(number))
            for (state, reason), number in found[: 2 * SHOWN]
        ]
        return joined(
            [tag("h3", self.say("reasons")), self.table("reasons", ("state", "reason", "recipients"), rows, words=2)]
        )

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
        return self.section("by_campaign", self.table("by_campaign", heads, rows))

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
        return self.section("cases", tag("p", note, class_="caption"), self.scrolled("cases", table))

    def _case(self, case: Case, *, several: bool) -> Html:
        said = [
            self.clause(case.reason) if case.reason else None,
            numberless(case.code),
            clipped(case.text or "") or None,
        ]
        where = [tag("bdi", self.name(case.campaign)), " "] if several else []
        return tag(
            "tr", tag("td", case.to or "–", class_="number"), tag("td", case.country or "–"),
            tag("td", *where, "–" if case.row is None else whole(case.row)),
            tag("td", tag("bdi", case.ref or "–"), class_="ref"),
            tag("td", joined((tag("bdi", one) for one in said if one), " · ")),
            tag("td", "–" if case.at is None else self.moment(case.at), class_="time"),
        )  # fmt: skip


def _unbroken(command: str) -> Html:
    """A command whose words are not parted at their hyphens, but for long ones: the line has to fit."""
    words = command.split(" ")
    return joined((tag("span", word) if "-" in word and len(word) < 24 else word for word in words), " ")
