"""What a country wants of a message, and what becomes of one that lacks it."""

import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.country import Rule, Rules, allowed_names, sender_of, signature_of, signed
from omni_bulk.errors import SettingsError
from omni_bulk.model import Message, Problem, Recipient
from omni_bulk.rules import Composition, compose
from omni_bulk.tables import country_rules
from omni_bulk.text import Template

FROM = "0212345678"
NUMBERS = {
    "CN": "+8613123456789", "KR": "+821020000000", "VN": "+84912345678", "US": "+12015550123", "MY": "+60123456789",
    "CR": "+50683123456", "JP": "+819012345678",
}  # fmt: skip


def rule(name: str = "link", country: str = "MY", **fields: Any) -> Rule:
    known: dict[str, Any] = {"severity": "warn", "say": "mind it", "say_ko": "주의", "source": "law", **fields}
    return Rule(name, country, read_on=date(2026, 11, 22), **known)


def made(country: str, text: str = "Hello", from_: str = FROM, **fields: Any) -> Message | Problem:
    composition = Composition(Template("unused"), from_, rules=country_rules(), **fields)
    return compose(Recipient(NUMBERS[country], 2, text=text), composition)


def warnings(country: str, text: str = "Hello", **fields: Any) -> tuple[str, ...]:
    message = made(country, text, **fields)
    assert isinstance(message, Message)
    return message.warnings


def blocked(country: str, text: str = "Hello", **fields: Any) -> str:
    problem = made(country, text, **fields)
    assert isinstance(problem, Problem)
    assert (problem.status, problem.reason) == ("skipped", "country_rule")
    return problem.detail


class TestSignature:
    def test_china_is_blocked_without(self) -> None:
        assert "--signature" in blocked("CN")
        assert "--signature" in blocked("CN", "【】Hello")

    @pytest.mark.parametrize("given", ["【INFO中国】", "INFO中国", " INFO中国 "])
    def test_it_is_put_in_front_once_and_there_only(self, given: str) -> None:
        message = made("CN", signature=given)
        assert isinstance(message, Message) and message.text == "【INFO中国】Hello"
        again = made("CN", message.text, signature=given)
        assert isinstance(again, Message) and again.text == message.text
        elsewhere = made("KR", signature=given)
        assert isinstance(elsewhere, Message) and elsewhere.text == "Hello"

    def test_a_text_that_brings_its_own_keeps_it(self) -> None:
        message = made("CN", " 【OTHER】 Hello", signature="INFO")
        assert isinstance(message, Message) and message.text == "【OTHER】 Hello"

    @pytest.mark.parametrize("name", ["signature", "CN.signature"])
    def test_allow_lifts_it(self, name: str) -> None:
        assert isinstance(made("CN", allow=frozenset({name})), Message)
        blocked("CN", allow=frozenset({"VN.sender_registration", "link"}))

    def test_what_it_adds_is_counted_and_checked(self) -> None:
        assert isinstance(made("CN", "가" * 330), Problem)
        too_long = made("CN", "가" * 330, signature="INFO中国")
        assert isinstance(too_long, Problem) and too_long.reason == "text_too_long"
        two = made("CN", "a" * 65, signature="INFO中国")
        assert isinstance(two, Message) and (two.encoding, two.segments) == ("UCS-2", 2)

    def test_nothing_is_signed(self) -> None:
        empty = compose(Recipient(NUMBERS["CN"], 2), Composition(None, FROM, rules=country_rules(), signature="INFO"))
        assert isinstance(empty, Problem) and empty.reason == "empty_text"

    @pytest.mark.parametrize("raw", ["", " ", "【】", "【A", "A】", "【A】B", "【【A】】", "A\nB", "x" * 31, "a\x1bb"])
    def test_what_is_none(self, raw: str) -> None:
        with pytest.raises(SettingsError, match="--signature"):
            signature_of(raw)

    @given(st.text(max_size=40))
    def test_signing_twice_is_signing_once(self, text: str) -> None:
        once = signed(text, "【X】")
        assert signed(once, "【X】") == once
        assert once.startswith("【")


@pytest.mark.parametrize(
    ("country", "fields", "expected"),
    [
        ("JP", {}, ()),
        ("US", {}, ()),
        ("US", {"from_": "INFO"}, ("sender_number_only",)),
        ("VN", {}, ("sender_registration", "sender_name_only")),
        ("VN", {"from_": "INFO"}, ("sender_registration",)),
        ("MY", {}, ()),
        ("MY", {"text": "see https://example.com/x"}, ("link",)),
        ("MY", {"text": "see bit.ly/x", "allow": frozenset({"link"})}, ()),
        ("CR", {"text": "a" * 160}, ()),
        ("CR", {"text": "a" * 161}, ("max_parts",)),
        ("KR", {}, ()),
        ("KR", {"purpose": "notice"}, ()),
        ("KR", {"purpose": "marketing"}, ("ad_label", "quiet_hours")),
        ("KR", {"purpose": "marketing", "text": "(광고)인포 세일"}, ("quiet_hours",)),
    ],
)
def test_the_rest_warns(country: str, fields: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert warnings(country, **fields) == expected


def test_strict_makes_warnings_block() -> None:
    assert "link" in blocked("MY", "see www.example.com", strict=True)
    assert isinstance(made("MY", "see www.example.com", strict=True, allow=frozenset({"MY.link"})), Message)
    assert isinstance(made("JP", strict=True), Message)


@pytest.mark.parametrize(
    ("text", "link"),
    [
        ("see http://x.y", True),
        ("www.example.org", True),
        ("go to example.com now", True),
        ("bit.ly/3xYz", True),
        ("shop.co.kr", True),
        ("mail me at kim@example.com", False),
        ("Order 3.5 kg. Thanks.Bye", False),
        ("v1.2.3 is out", False),
        ("at 10.30 a.m.", False),
    ],
)
def test_what_is_a_link(text: str, link: bool) -> None:
    assert rule(when_link=True).broken(text, FROM, 1) is link


def test_conditions_are_met_together() -> None:
    both = rule(when_link=True, when_from="name", unless_begins=re.compile("x"), when_parts_over=1)
    assert both.broken("https://a.b", "INFO", 2)
    assert not both.broken("x https://a.b", "INFO", 2)
    assert not both.broken("https://a.b", FROM, 2)
    assert not both.broken("none", "INFO", 2)
    assert not both.broken("https://a.b", "INFO", 1)
    assert rule().broken("anything", FROM, 1)


def test_a_countrys_own_rule_goes_before_the_one_for_all() -> None:
    everywhere, own, off = rule(country="*"), rule(say="mine"), rule(country="JP", severity="off")
    rules = Rules((everywhere, own, off))
    assert rules.of("MY", None, frozenset()) == (own,)
    assert rules.of("KR", None, frozenset()) == (everywhere,)
    assert rules.of("JP", None, frozenset()) == ()
    assert not rules.wants_signature("KR")
    assert Rules((rule("signature", "*"),)).wants_signature("KR")


def test_what_blocks_is_looked_at_first() -> None:
    warning, block = rule("a"), rule("b", severity="block")
    assert Rules((warning, block)).of("MY", None, frozenset()) == (block, warning)


def test_rules_over_others_replace_the_same() -> None:
    below, above = Rules((rule(say="old"), rule("quiet_hours"))), Rules((rule(say="new"),))
    assert [one.say for one in above.over(below).rules] == ["mind it", "new"]


def test_allowed_names() -> None:
    assert list(allowed_names({"link", "CN.link", "fixed_line"}, country_rules(), ["fixed_line"])) == []
    assert len(list(allowed_names({"linc", "cn.link", "A\x1b"}, country_rules()))) == 3
    with pytest.raises(SettingsError, match="--allow names no rule 'linc'"):
        made("KR", allow=frozenset({"linc"}))


def test_a_name_has_a_letter() -> None:
    assert [sender_of(one) for one in ("INFO", "A1", "0212345678", "+82-2-1", "114")] == [
        "name", "name", "number", "number", "number",
    ]  # fmt: skip


def test_every_warning_is_explained() -> None:
    composition = Composition(Template("x"), FROM, rules=country_rules(), purpose="marketing")
    for one in country_rules().rules:
        assert composition.explain(one.name, one.country) == one.say
    assert "landline" in composition.explain("fixed_line", "KR")
    assert composition.explain("unheard_of", "KR") == ""
