"""The data files of the package, and the rules that an operator gives."""

import re
from datetime import date
from pathlib import Path

import pytest

from omni_bulk.errors import SettingsError
from omni_bulk.tables import country_rules, package_rules, replacements
from omni_bulk.text import segment


def test_every_rule_says_what_to_do_in_both_languages_and_where_it_stands() -> None:
    rules = package_rules().rules
    for rule in rules:
        assert rule.say and re.search("[가-힣]", rule.say_ko), rule
        assert rule.source and date(2026, 1, 1) <= rule.read_on
        assert "vendor's guide" in rule.source or rule.severity == "warn"
    assert {rule.country for rule in rules if rule.name == "sender_registration"} >= {"ID", "IN", "PH", "TH", "VN"}
    assert [(rule.country, rule.name) for rule in rules if rule.severity == "block"] == [("CN", "signature")]
    kinds = {rule.name for rule in rules}
    assert kinds >= {"signature", "sender_number_only", "sender_name_only", "link", "quiet_hours", "max_parts"}


def test_what_gsm7_replaces_is_not_in_gsm7_and_what_it_puts_is() -> None:
    for char, put in replacements().by_character.items():
        assert segment(char).encoding == "UCS-2" and segment(put).encoding == "GSM-7"
    assert replacements().put("안") is None and replacements().put("й") is None and replacements().put("😀") is None


def test_a_file_adds_replaces_and_takes_away(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(
        """
        [[rule]]
        rule = "signature"
        countries = ["CN"]
        severity = "warn"
        say = "sign it"
        unless_begins = "【"
        [[rule]]
        rule = "sender_registration"
        countries = ["VN"]
        severity = "off"
        [[rule]]
        rule = "no_shouting"
        countries = ["*"]
        severity = "block"
        say = "no"
        say_ko = "안 됩니다"
        source = "us"
        date = 2026-11-22
        purpose = "notice"
        when_from = "name"
        when_link = true
        when_parts_over = 2
        """,
        encoding="utf-8",
    )
    rules = country_rules(path)
    (signature,) = (rule for rule in rules.of("CN", None, frozenset()) if rule.name == "signature")
    assert (signature.severity, signature.say, signature.say_ko) == ("warn", "sign it", "sign it")
    assert [rule.name for rule in rules.of("VN", None, frozenset())] == ["sender_name_only"]
    (mine,) = rules.of("JP", "notice", frozenset())
    assert (mine.name, mine.read_on, mine.when_parts_over, mine.when_link) == (
        "no_shouting",
        date(2026, 11, 22),
        2,
        True,
    )
    assert len(package_rules().rules) == len(rules.rules) - 1


BAD = {
    "rule = 3": "rules are written as [[rule]]",
    "x = 3": "x means nothing here",
    "[[rule]]\ncountries = ['CN']\nseverity = 'off'": "rule 1 has no 'rule'",
    "[[rule]]\nrule = 'a'\ncountries = ['CN']\nseverity = 'off'": "rule 1 needs a name",
    "[[rule]]\nrule = 'ab'\ncountries = ['cn']\nseverity = 'off'": "rule 1 needs 'countries'",
    "[[rule]]\nrule = 'ab'\ncountries = 'CN'\nseverity = 'off'": "rule 1 needs 'countries'",
    "[[rule]]\nrule = 'ab'\ncountries = ['CN']\nseverity = 'mild'": "rule 1 has 'severity' that is none of",
    "[[rule]]\nrule = 'ab'\ncountries = ['CN']\nseverity = ['off']\nsay = 'x'": "rule 1 has 'severity' that is none of",
    "[[rule]]\nrule = 'ab'\ncountries = ['CN']\nseverity = 'warn'": "rule 1 has no 'say'",
    "[[rule]]\nrule = 'ab'\ncountries = ['CN']\nseverity = 'warn'\nsay = 3": "rule 1 has 'say' that is no text",
    "[[rule]]\nrule = 'ab'\ncountries = ['CN']\nseverity = 'off'\ndate = 'today'": "rule 1 has a 'date'",
    "[[rule]]\nrule = 'ab'\ncountries = ['CN']\nseverity = 'off'\nwhen_link = 1": "rule 1 has 'when_link'",
    "[[rule]]\nrule = 'ab'\ncountries = ['CN']\nseverity = 'off'\nwhen_parts_over = 0": "rule 1 has 'when_parts_over'",
    "[[rule]]\nrule = 'ab'\ncountries = ['CN']\nseverity = 'off'\nunless_begins = '('": "no regular expression",
    "[[rule]]\nrule = 'ab'\ncountries = ['CN']\nseverity = 'off'\nsayy = 'x'": "rule 1 has 'sayy'",
}


@pytest.mark.parametrize("content", BAD)
def test_a_file_that_cannot_be(content: str, tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match=re.escape(BAD[content])) as caught:
        country_rules(path)
    assert all(problem.startswith(f"--rules {path}: ") for problem in caught.value.problems)
