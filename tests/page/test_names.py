"""Country names, as libphonenumber has them."""

import sys
from pathlib import Path

import phonenumbers
import pytest

from omni_bulk.phone import REGIONS
from omni_bulk.tables import country_names


def test_every_country_that_can_be_sent_to_has_a_name_in_both_languages() -> None:
    english, korean = country_names("en"), country_names("ko")
    assert (english["KR"], korean["KR"], korean["VN"]) == ("South Korea", "대한민국", "베트남")
    nameless = {region for region in REGIONS if region not in english or region not in korean}
    assert nameless <= {"AC", "TA", "XK"}  # of these it has none
    assert not [name for name in (*english.values(), *korean.values()) if name.startswith("*")]


def test_the_rest_of_that_package_stays_unloaded() -> None:
    country_names.__wrapped__("ko")
    assert "phonenumbers.geodata.data0" not in sys.modules


def test_a_version_without_that_file_has_no_names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(phonenumbers, "__file__", str(tmp_path / "__init__.py"))
    assert country_names.__wrapped__("en") == {}
