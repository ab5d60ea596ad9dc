"""Figures made by hand: a campaign with everything that a page can show, and pages of nothing."""

from collections import Counter
from decimal import Decimal
from math import exp
from zoneinfo import ZoneInfo

from omni_bulk.delivery import Delivery, Outcome
from omni_bulk.figures import DELAYS, Campaign, Case, Fared, Figures, Need, Sent
from omni_bulk.page_sheet import Setting

MADE = 1_795_000_000_000
BEGAN = 1_794_960_000  # s
PRICES = {
    "KR": "9", "JP": "62.5", "VN": "41", "US": "12.4", "TH": "20", "ID": "48", "PH": "33", "SG": "38", "GB": "40",
    "DE": "70", "FR": "55", "AU": "37", "IN": "18", "BR": "22", "TW": "44",
}  # fmt: skip
SIZES = {
    "JP": 214_812, "VN": 120_441, "US": 88_020, "TH": 61_377, "ID": 40_210, "PH": 22_118, "SG": 15_090, "TW": 9_412,
    "GB": 4_310, "DE": 2_208, "FR": 960, "AU": 431, "IN": 122, "BR": 17, "KR": 3,
}  # fmt: skip


def setting(language: str = "en") -> Setting:
    names = {"en": {"JP": "Japan", "VN": "Vietnam", "US": "United States"}, "ko": {"JP": "일본", "VN": "베트남"}}
    return Setting("ko" if language == "ko" else "en", ZoneInfo("Asia/Seoul"), "Asia/Seoul", names[language], "0.1.0")


def nothing() -> Figures:
    return Figures(MADE, campaigns={"october": Campaign("october", MADE, None)})


def everything(*, priced: bool = True, several: bool = False) -> Figures:
    figures = Figures(MADE, currency="KRW" if priced else None)
    figures.campaigns["october"] = Campaign("october", MADE - 86_400_000, MADE)
    if several:
        figures.campaigns["it's\u202e <b>november</b>"] = Campaign("it's\u202e <b>november</b>", MADE, None)
    for number, (country, size) in enumerate(SIZES.items()):
        campaign = list(figures.campaigns)[number % len(figures.campaigns)]
        add_country(figures, campaign, country, size, Decimal(PRICES[country]) if priced else None)
    for state, reason, count in (
        ("invalid", "invalid_number", 412), ("invalid", "missing_field", 37), ("skipped", "duplicate", 1_204),
        ("skipped", "suppressed", 318), ("skipped", "country_rule", 55), ("ready", None, 25_000),
    ):  # fmt: skip
        figures.add_sent(Sent("october", state, reason, None, None, "", None, count, count))
    add_speed(figures)
    figures.need(Need.DOUBLE, "october", 2)
    figures.cases = cases()
    return figures


def add_country(figures: Figures, campaign: str, country: str, size: int, price: Decimal | None) -> None:
    def sent(state: str, reason: str | None, code: str | None, result: str | None, messages: int) -> None:
        figures.add_sent(Sent(campaign, state, reason, code, result, country, price, messages, messages * 2))

    rejected, unknown = size // 300, size // 900
    sent("accepted", None, "A000", "Success", size - rejected - unknown - 2)
    sent("rejected", None, "A306", "invalid destination number", rejected)
    sent("unknown", "timeout", None, None, unknown)
    sent("inDoubt", None, None, None, 1)
    sent("presumedUnsent", "connection_lost", None, None, 1)
    left = size - rejected - unknown - 2
    undelivered, pending, none = left // 40, left // 300, left // 150
    relayed = left // 8

    def fared(
        delivery: Delivery,
        code: str | None,
        text: str | None,
        outcome: Outcome,
        messages: int,
        early: int | None,
        late: int | None,
    ) -> None:
        billed = None if code is None else messages * 2 + messages // 60
        figures.add_fared(
            Fared(campaign, country, delivery, code, text, outcome, price, messages, messages * 2, billed, early, late)
        )

    fared(Delivery.NONE, None, None, Outcome.UNKNOWN, none, None, None)
    fared(Delivery.PENDING, "99999", "whatever it says", Outcome.UNKNOWN, pending, 60, None)
    fared(Delivery.UNDELIVERED, "23001", "absent subscriber", Outcome.PERMANENT, undelivered, 2, 60)
    fared(Delivery.RELAYED, "10000", "Success", Outcome.DELIVERED, relayed, 2, None)
    delivered = left - undelivered - pending - none - relayed
    shares = [exp(-((index - 6) ** 2) / 18) for index in range(len(DELAYS))]
    for step, share in zip(DELAYS, shares, strict=True):
        fared(Delivery.DELIVERED, "10000", "Success", Outcome.DELIVERED, int(delivered * share / sum(shares)), 2, step)


def add_speed(figures: Figures) -> None:
    for second in range(1_800):
        figures.pace.add(BEGAN + second, 190 + second % 13 - (150 if 700 < second < 820 else 0))
    for second in range(40_000, 41_000):
        figures.pace.add(BEGAN + second, 200 - (second % 7) * 3)
    figures.first, figures.last = BEGAN * 1000, (BEGAN + 41_000) * 1000
    figures.latencies = Counter({ms: max(int(9_000 * exp(-(((ms - 74) / 40) ** 2))), 3) for ms in range(20, 900, 3)})
    figures.latencies[4_100] = 61


def cases() -> list[Case]:
    return [case(need, number) for need in REASONS for number in range(4)]


REASONS = {
    Need.DOUBLE: None, Need.UNKNOWN: "timeout", Need.UNDELIVERED: None, Need.REJECTED: None, Need.INVALID: "invalid_number",
}  # fmt: skip
CODES = {Need.UNDELIVERED: ("23001", "absent subscriber"), Need.REJECTED: ("A306", "invalid destination number")}


def case(need: Need, number: int) -> Case:
    code, text = CODES.get(need, (None, None))
    at = None if need is Need.INVALID else MADE - 1_000 * number
    ref = f"ob-3f9c2a51b7{number}0{need}"
    return Case(need, "october", 1_200 + number, ref, "+81********42", "JP", REASONS[need], code, text, at)
