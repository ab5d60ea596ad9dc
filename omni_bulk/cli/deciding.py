"""What `resolve` does: decide about silence, show it, ask, and post again."""

import asyncio
from shlex import quote
from typing import Any

import orjson

from omni_bulk.campaign import Options
from omni_bulk.cli.account import offline_account
from omni_bulk.cli.collecting import campaign_named
from omni_bulk.cli.order import Problems, mapping_of
from omni_bulk.cli.question import answered_yes, somebody_is_there
from omni_bulk.cli.screen import Screen
from omni_bulk.cli.stage import on_stage
from omni_bulk.cli.streams import put
from omni_bulk.cost import plain, shown
from omni_bulk.errors import Refused
from omni_bulk.ledger import no_ledger
from omni_bulk.lock import refuse_network_filesystem
from omni_bulk.model import CampaignRow
from omni_bulk.omni import Omni
from omni_bulk.resolving import Doubt, Said, read_said, resolve
from omni_bulk.sentences import counted, listed, said, term
from omni_bulk.settings import Settings
from omni_bulk.source import Source, read_recipients
from omni_bulk.stats import Summary
from omni_bulk.text import Template

_SETTINGS = ("config", "base_url", "ledger", "rate", "proxy", "ca_file", "from_", "region", "numbers", "prices")
_REASONS = {
    "under_72_hours": "reports may still come: 72 hours are not over",
    "polling_gap": "reports were not collected without a gap in the 72 hours after; try --inquire, or --file",
    "too_few_reports": "fewer than 95 % of the accepted ones of the same run and country have a report",
    "posted_twice": "posted a second time already; never a third",
    "no_claim_time": "nobody knows when they were sent",
}


def main(given: dict[str, Any]) -> int:
    """Runs `resolve` with its flags by name, and gives the exit code."""

    def go(screen: Screen) -> int:
        deciding = Deciding(given, screen)
        with asyncio.Runner() as runner:
            return runner.run(deciding.go())

    return on_stage(given, go)


class Deciding:
    """One `resolve`. Raises SettingsError, with every problem, for flags that do not go together."""

    def __init__(self, given: dict[str, Any], screen: Screen) -> None:
        self.given = given
        self.screen = screen
        self._currency: str | None = None
        problems = Problems()
        if given["resend"] and given["recipients"] is None:
            problems.sentences.append(
                said("--resend needs --list INPUT, the list that was sent: texts are not kept in the ledger")
            )
        self.said: list[Said] = problems.take(self._said) or []
        self.source = problems.take(self._source)
        settings = problems.take(lambda: Settings(**{name: given[name] for name in _SETTINGS}))
        if settings is not None and given["resend"]:
            problems.take(settings.require_credentials)
        if settings is not None and given["prices"] is not None and settings.budget is not None:
            problems.sentences.append(
                said(
                    "--prices would change what the account's budget counts with: put `prices` into the settings file instead"
                )
            )
        problems.tell()
        assert settings is not None  # noqa: S101  or there were problems
        self.settings, self.origin = (settings, settings.origin) if given["resend"] else offline_account(settings)

    def _said(self) -> list[Said]:
        return [] if self.given["file"] is None else list(read_said(self.given["file"]))

    def _source(self) -> Source | None:
        given = self.given
        if given["recipients"] is None:
            return None
        return read_recipients(
            given["recipients"], mapping=mapping_of(given["map_"]), encoding=given["encoding"], sheet=given["sheet"],
            delimiter=given["delimiter"],
        )  # fmt: skip

    async def go(self) -> int:
        """Decides, and gives the exit code: 3 while anything is unknown."""
        refuse_network_filesystem(self.settings.ledger)
        if not self.settings.ledger.exists():
            raise no_ledger(self.settings.ledger)
        async with Omni(self.settings, create_ledger=False, origin=self.origin) as omni:
            prices = omni.account.prices
            self._currency = None if prices is None else prices.currency
            row = campaign_named(omni, self.given["campaign"])
            doubt = await resolve(omni.account, row, self.said, lock_wait=self.given["lock_wait"])
            self._show(row, doubt)
            summary = None
            if self.given["resend"] and doubt.presumed:
                if not self._agreed(doubt):
                    self.screen.say("declined", said("Nothing was posted again."), always=True)
                    self._tell(row, doubt, None, 2)
                    return 2
                summary = await self._resend(omni, row)
            if summary is not None:
                doubt.still_unknown += summary.campaign.get("unknown", 0)
                doubt.presumed -= sum(summary.run.values())
            code = 3 if doubt.still_unknown + doubt.presumed else 0
            if summary is not None and summary.exit_code not in {0, 1, 3}:
                code = summary.exit_code
            self._tell(row, doubt, summary, code)
            return code

    def _agreed(self, doubt: Doubt) -> bool:
        """A second post is made on somebody's word only."""
        if self.given["yes"]:
            return True
        if not somebody_is_there():
            raise Refused(
                said("posting again can give somebody a second message: say --yes, or run this on a terminal")
            )
        self.screen.say(
            "question", said("Post {messages} again? [y/N] ", messages=counted(doubt.presumed, "message")), always=True
        )
        return answered_yes()

    async def _resend(self, omni: Omni, row: CampaignRow) -> Summary:
        assert self.source is not None  # noqa: S101  checked with the flags
        template = None if row.template is None else Template(row.template, from_=row.template_from)
        options = Options(out=self.given["out"], only_resends=True, lock_wait=self.given["lock_wait"])
        async with omni.campaign(row.name, template, options=options) as campaign:
            return await campaign.run(self.source, max_unknown_rate=1.0)

    # ── telling ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _show(self, row: CampaignRow, doubt: Doubt) -> None:
        say = self.screen.say
        say("resolve", said("Campaign {name}", name=row.name), style="bold")
        if doubt.recovered:
            say(
                "left_open",
                said(
                    "  {recovered:>9,} had been left open by a run that died; they are unknown now",
                    recovered=doubt.recovered,
                ),
            )
        if doubt.settled:
            say(
                "settled",
                said("  {settled:>9,} turned out accepted, by their reports", settled=doubt.settled),
                style="green",
            )
        if doubt.by_hand:
            say(
                "by_hand",
                said("  {by_hand:>9,} settled by {file}", by_hand=doubt.by_hand, file=self.given["file"]),
                style="green",
            )
        if doubt.presumed:
            shares = ", ".join(f"{country} {number:,}" for country, number in doubt.countries.most_common())
            parts = counted(doubt.segments, "segment")
            if doubt.cost is not None:
                parts = listed((parts, shown(doubt.cost, self._currency or "")))
            say(
                "presumed",
                said(
                    "  {presumed:>9,} presumed unsent: {shares}; {parts}",
                    presumed=doubt.presumed,
                    shares=shares,
                    parts=parts,
                ),
                style="yellow",
            )
        for reason, number in doubt.reasons.most_common():
            say(
                "unknown",
                said("  {number:>9,} still unknown: {why}", number=number, why=term(_REASONS[reason])),
                style="yellow",
            )
        if not doubt.presumed + doubt.still_unknown:
            say("resolved", said("Nothing is unknown."))
        elif doubt.presumed and not self.given["resend"]:
            say(
                "next",
                said(
                    "To post the unsent ones again: omni-bulk resolve {name} --resend --list INPUT",
                    name=quote(row.name),
                ),
            )

    def _tell(self, row: CampaignRow, doubt: Doubt, summary: Summary | None, code: int) -> None:
        resent = 0 if summary is None else sum(summary.run.values())
        if summary is not None:
            outcome = listed(
                said("{number:,} {status}", number=number, status=term(status))
                for status, number in summary.campaign.items()
                if number
            )
            self.screen.say(
                "resent",
                said(
                    "Posted {messages} again: {outcome}.",
                    messages=counted(resent, "message"),
                    outcome=outcome or said("none"),
                ),
            )
            if summary.stopped:
                self.screen.say(
                    "stopped", said("Stopped: {stopped}", stopped=summary.stopped), style="bold red", always=True
                )
            if doubt.presumed:
                self.screen.say(
                    "left",
                    said(
                        "{messages} presumed unsent are not in this list as they were sent.",
                        messages=counted(doubt.presumed, "message"),
                    ),
                    style="yellow",
                )
        if not self.given["json"]:
            return
        told = {
            "campaign": row.name, "campaignId": row.uuid, "stillUnknown": doubt.still_unknown,
            "presumedUnsent": doubt.presumed, "resent": resent, "settled": doubt.settled, "settledByHand": doubt.by_hand,
            "recovered": doubt.recovered, "reasons": dict(doubt.reasons), "segments": doubt.segments,
            "countries": dict(doubt.countries), "cost": None if doubt.cost is None else plain(doubt.cost),
            "currency": self._currency, "exit": code,
        }  # fmt: skip
        put(orjson.dumps(told).decode())
