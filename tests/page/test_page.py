"""The whole page: whatever stands in the figures, it is one strict document that loads and runs nothing."""

import base64
import hashlib
import re
import shlex
from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omni_bulk import page as page_module
from omni_bulk.captions import need_words
from omni_bulk.delivery import Delivery, Outcome
from omni_bulk.figures import Campaign, Case, Fared, Figures, Need, Sent
from omni_bulk.markup import visible
from omni_bulk.page import is_page, page
from omni_bulk.page_style import STYLE
from omni_bulk.spans import Span
from tests.page.made import MADE, everything, nothing, setting
from tests.page.parsed import Parsed, parse

HOSTILE = st.text(st.characters(), min_size=1, max_size=30) | st.sampled_from(
    [
        '"><script>alert(1)</script>', "</style><script>x</script>", "'><img src=x onerror=y>", "</title>", "<!--", "-->",
        "&lt;b&gt;", "\u202e\u2066", "]]>", "{0}", "{name}", "%s", "$(reboot)", "`x`", "-rf", "\x00\x1b[2J", "a\nb", "\ud800",
    ]
)  # fmt: skip
ATTRIBUTES = {
    "class", "id", "lang", "charset", "http-equiv", "content", "name", "width", "height", "viewbox", "role", "d", "x", "y",
    "x1", "x2", "y1", "y2", "cx", "cy", "r", "colspan", "scope", "tabindex", "aria-label", "aria-labelledby", "aria-hidden",
    "patternunits",
}  # fmt: skip
VARIANTS = [nothing(), everything(), everything(priced=False, several=True)]


def strict(html: str) -> Parsed:
    assert html.startswith("<!DOCTYPE html>\n")
    parsed = parse(html)
    assert parsed.problems == []
    assert {"script", "link", "iframe", "img", "object", "embed", "form", "a", "base", "foreignObject"}.isdisjoint(
        parsed.tags
    )
    assert {name for _, name, _ in parsed.attributes} <= ATTRIBUTES
    ids = [value for _, name, value in parsed.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    named = [
        part for _, name, value in parsed.attributes if name == "aria-labelledby" for part in (value or "").split()
    ]
    assert set(named) <= set(ids)
    html.encode()
    return parsed


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("figures", VARIANTS)
def test_it_is_a_strict_document_that_loads_nothing(figures: Figures, language: str) -> None:
    html = page(figures, setting(language))
    strict(html)
    assert "://" not in html
    assert re.findall(r"url\(([^)]*)\)", html) == ["#hatch"]
    assert "@import" not in html
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    assert policy[1].replace("&#x27;", "'") == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
    assert html.count(f"<style>{STYLE}</style>") == 1
    assert page(figures, setting(language)) == html


def poisoned(text: str) -> Figures:
    figures = Figures(MADE, currency="KRW", campaigns={text: Campaign(text, 0, None)})
    for state, reason, code in (
        ("accepted", None, text),
        ("invalid", text, None),
        ("rejected", text, text),
        ("unknown", text, None),
    ):
        figures.add_sent(Sent(text, state, reason, code, text, text, Decimal(1), 2, 2))
    figures.add_fared(Fared(text, text, Delivery.UNDELIVERED, text, text, Outcome.PERMANENT, Decimal(1), 1, 1, 1, 2, 5))
    figures.need(Need.DOUBLE, text, 1)
    figures.cases = [Case(need, text, 1, text, text, text, text, text, text, 5) for need in Need]
    return figures


HARMLESS = strict(page(poisoned("x"), setting())).tags


@settings(max_examples=50)
@given(HOSTILE)
def test_no_name_code_or_text_changes_the_document(text: str) -> None:
    parsed = strict(page(poisoned(text), setting()))
    # A command has a span for each of its words.
    assert {**parsed.tags, "span": 0} == {**HARMLESS, "span": 0}
    assert "".join(visible(text).split()) in "".join(parsed.text.split())


def commands(html: str) -> list[str]:
    return [re.sub("<[^>]*>", "", command) for command in re.findall(r"<code>(.*?)</code>", html, re.DOTALL)]


@pytest.mark.parametrize(
    "name", ["october", "it's $(reboot) `x`", "-rf --all", "a b", "", "10월", "a{}b'; reboot {list} {rejects}"]
)
def test_the_commands_name_the_campaign_as_a_shell_reads_it(name: str) -> None:
    figures = poisoned(name)
    figures.needs = {need: Counter({name: 1}) for need in Need}
    for command in commands(page(figures, setting())):
        words = shlex.split(command.replace("&#x27;", "'").replace("&quot;", '"').replace("&amp;", "&"))
        assert words[0] == "omni-bulk"
        if words[1] == "send":
            assert f"--campaign={name}" in words or words[words.index("--campaign") + 1] == name
            assert not words[2].startswith("-")
        elif words[1] in {"status", "export", "resolve"}:
            assert name in words
            assert not name.startswith("-") or words[words.index(name) - 1] == "--"
    assert all(not command.startswith("$") for command in commands(page(figures, setting())))


def test_every_need_is_told_with_a_command() -> None:
    figures = nothing()
    for need in Need:
        figures.need(need, "october", 1_234)
    for language in ("en", "ko"):
        html = page(figures, setting(language))
        assert html.count("1,234") >= len(Need)
        assert all(need_words(need, "ko" if language == "ko" else "en")[0] in html for need in Need)
        assert html.count("<pre>") == len(Need)
    assert "Nothing. Every recipient" in page(nothing(), setting())


def test_many_campaigns_have_some_commands() -> None:
    figures = nothing()
    for number in range(9):
        figures.need(Need.UNKNOWN, f"c{number}", 1)
        figures.need(Need.UNPOLLED, f"c{number}", 1)
    html = page(figures, setting())
    assert [command for command in commands(html) if "resolve" in command] == [
        f"omni-bulk resolve c{n}" for n in range(5)
    ]
    assert html.count("and 4 more campaigns") == 1


def test_the_head_says_what_when_and_of_what_time() -> None:
    figures = everything()
    html = page(figures, setting())
    assert "Sent 2026-11-18 09:00:00 to 2026-11-18 20:23:20 (Asia/Seoul)" in html
    assert ">complete</span>" in html
    figures.last = figures.first
    figures.span = Span(MADE, None)
    html = page(figures, setting())
    assert "Sent 2026-11-18 09:00:00 (Asia/Seoul)" in html
    assert "Only what was sent from 2026-11-18 20:06:40" in html
    figures.span = Span(MADE, MADE + 60_000)
    assert "from 2026-11-18 20:06:40, before 2026-11-18 20:07:40" in page(figures, setting())
    figures.span = Span(None, MADE)
    assert "Only what was sent before 2026-11-18 20:06:40" in page(figures, setting())
    assert "Nothing has been sent" in page(nothing(), setting())
    figures.campaigns = {"": replace(figures.campaigns["october"], completed=None)}
    assert "<bdi>single sends</bdi>" in page(figures, setting()) and ">unfinished</span>" in page(figures, setting())


def test_sums_are_those_of_the_figures() -> None:
    figures = everything()
    text = parse(page(figures, setting())).text
    posted = sum(one.posted for one in figures.countries.values())
    for number in (figures.recipients, figures.accepted, posted, figures.deliveries[Delivery.DELIVERED]):
        assert f"{number:,}" in text
    assert "Japan JP" in text and "3 other countries" in text


def test_a_cost_is_told_only_when_all_of_it_is_known() -> None:
    figures = everything()
    cost = sum((one.cost or Decimal() for one in figures.countries.values()), Decimal())
    text = parse(page(figures, setting())).text
    assert f"{cost:,}".rstrip("0").rstrip(".") in text
    figures.countries["JP"].cost = figures.countries["JP"].billed_cost = None
    text = parse(page(figures, setting())).text
    assert "a country has no price" in text
    assert f"{cost:,}".rstrip("0").rstrip(".") not in text
    unpriced = page(everything(priced=False), setting())
    assert "--prices FILE" in unpriced and "KRW" not in unpriced


def test_countries_and_codes_that_are_many_are_one_row() -> None:
    figures = nothing()
    for number in range(30):
        figures.add_sent(Sent("october", "rejected", None, f"A{number:03}", "x" * 200, "", None, 30 - number, 0))
    text = parse(page(figures, setting())).text
    assert "18 other codes" in text and f"{sum(range(1, 19)):,}" in text
    assert "x" * 79 + "…" in text and "x" * 80 not in text
    assert "unknown" in text


def test_without_dlr_handed_on_is_what_there_is() -> None:
    figures = nothing()
    figures.add_sent(Sent("october", "accepted", None, "A000", "Success", "KR", None, 10, 10))
    figures.add_fared(
        Fared("october", "KR", Delivery.RELAYED, "10000", "ok", Outcome.DELIVERED, None, 9, 9, None, 0, None)
    )
    figures.add_fared(Fared("october", "KR", Delivery.PENDING, "", None, Outcome.UNKNOWN, None, 1, 1, None, None, None))
    text = parse(page(figures, setting())).text
    assert "Handed on9" in text and "90.0% of accepted" in text
    assert "No report says yet how many segments were billed" in text
    assert "none" in text


def test_a_page_is_known_again() -> None:
    for figures in VARIANTS:
        assert is_page(page(figures, setting("ko")).encode()[:4_096])
    assert not is_page(b'<!DOCTYPE html>\n<html lang="en"><head></head>')
    assert not is_page(b"campaign,row")
    assert page_module.MARK in page(nothing(), setting()).encode()


def test_a_code_of_others_is_no_place_for_a_number() -> None:
    figures = nothing()
    figures.add_sent(Sent("october", "rejected", None, "+821012345678", "ok", "KR", None, 1, 1))
    figures.add_fared(
        Fared("october", "KR", Delivery.PENDING, "821012345678", "", Outcome.UNKNOWN, None, 1, 1, 1, 1, None)
    )
    figures.cases = [Case(Need.REJECTED, "october", 1, None, "", "KR", None, "010-1234-5678", None, None)]
    html = page(figures, setting())
    assert "1234" not in html and html.count("(masked)") == 3
