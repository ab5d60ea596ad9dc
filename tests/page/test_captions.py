"""Every caption in both languages with the same braces; numbers and times as people of each write them."""

from string import Formatter
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk import captions
from omni_bulk.captions import end_name, lasting, moment, need_words, outcome_name, rate, say, share, state_name, whole
from omni_bulk.delivery import Outcome
from omni_bulk.figures import End, Need
from omni_bulk.model import Status
from omni_bulk.words import Language


def braces(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("caption", captions._CAPTIONS)
def test_both_languages_say_the_same(caption: str) -> None:
    english, korean = captions._CAPTIONS[caption]
    assert braces(english) == braces(korean)
    assert not any("가" <= char <= "힣" for char in english)
    assert any("가" <= char <= "힣" for char in korean) or korean.startswith("p9")


@pytest.mark.parametrize("language", ["en", "ko"])
def test_everything_has_a_name(language: Language) -> None:
    assert all(end_name(end, language) for end in End)
    assert all(all(need_words(need, language)) for need in Need)
    assert all(outcome_name(outcome, language) for outcome in Outcome)
    assert all(state_name(state, language) for state in [*map(str, Status), "ready", "inDoubt", "presumedUnsent"])
    assert say(language, "since", start="x").count("x") == 1


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_a_share_never_claims_none_or_all_where_that_is_not_so(one: int, other: int) -> None:
    of = one + other
    said = share(one, of)
    if of == 0:
        assert said == "–"
        return
    assert (said == "0%") == (one == 0)
    assert (said == "100%") == (one == of)
    assert said not in {"0.0%", "100.0%"}


@pytest.mark.parametrize(
    ("milliseconds", "english", "korean"),
    [
        (0, "0 ms", "0ms"), (12.4, "12 ms", "12ms"), (999, "999 ms", "999ms"), (1_000, "1 s", "1초"), (1_540, "1.5 s", "1.5초"),
        (60_000, "1 min", "1분"), (59_999, "60 s", "60초"), (61_000, "1 min 1 s", "1분 1초"), (3_600_000, "1 h", "1시간"),
        (3_605_000, "1 h", "1시간"), (5_400_000, "1 h 30 min", "1시간 30분"), (90_000_000, "1 d 1 h", "1일 1시간"),
    ],
)  # fmt: skip
def test_spans_of_time(milliseconds: float, english: str, korean: str) -> None:
    assert lasting(milliseconds, "en") == english
    assert lasting(milliseconds, "ko") == korean


def test_numbers() -> None:
    assert [whole(1_234_567), whole(-1_200)] == ["1,234,567", "−1,200"]
    assert [rate(1_234.5), rate(198.44), rate(99.94), rate(0.0312)] == ["1,234", "198", "99.9", "0.031"]
    assert moment(0, ZoneInfo("Asia/Seoul")) == "1970-01-01 09:00:00"
