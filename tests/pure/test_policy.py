"""What follows from a verdict, and from many in a row."""

from dataclasses import dataclass, field
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.model import Kind, Status, Verdict
from omni_bulk.policy import (
    BACKOFF_MAX,
    PATIENCE,
    PROBE_MAX,
    STREAKS,
    Action,
    Breaker,
    Signal,
    Step,
    Then,
    account_stop,
    allows_another,
    backoff,
    decide,
    may_have_left,
    streak_of,
)
from tests.pure.made import API_CODES, VERDICTS, verdicts

SETTLE, RETRY, STOP = Step.SETTLE, Step.RETRY, Step.STOP

# verdict → what to do; whether bytes may have left; its streak
TABLE = {
    "accepted": (Action(SETTLE, Status.ACCEPTED), True, None),
    "token": (Action(RETRY, refresh=True), True, None),
    "throttled": (Action(RETRY), True, None),
    "bare 429": (Action(RETRY), True, None),
    "account": (Action(STOP), True, None),
    "certificate": (Action(STOP), False, None),
    "407": (Action(STOP), True, None),
    "from": (Action(STOP), True, "from"),
    "bare refusal": (Action(RETRY, backoff=True), True, "bare_refusal"),
    "bad json": (Action(SETTLE, Status.REJECTED), True, "bad_json"),
    "refused": (Action(SETTLE, Status.REJECTED), True, None),
    "not sent": (Action(RETRY, backoff=True), False, "not_connected"),
    "no omni": (Action(SETTLE, Status.UNKNOWN), True, "not_omni"),
    "timeout": (Action(SETTLE, Status.UNKNOWN), True, None),
    "lost": (Action(SETTLE, Status.UNKNOWN), True, None),
    "unproven": (Action(SETTLE, Status.UNKNOWN), True, None),
}


def test_the_table_has_a_row_for_every_verdict() -> None:
    assert TABLE.keys() == VERDICTS.keys()
    assert {verdict.kind for verdict in VERDICTS.values()} == set(Kind)


@pytest.mark.parametrize("name", TABLE)
def test_what_follows_from_a_verdict(name: str) -> None:
    verdict, (action, left, streak) = VERDICTS[name], TABLE[name]
    assert decide(verdict, shared_from=True) == action
    assert allows_another(verdict) is (action.step is RETRY)
    assert may_have_left(verdict) is left
    assert streak_of(verdict) == streak


@pytest.mark.parametrize("name", TABLE)
def test_a_from_of_its_own_rejects_only_its_own_recipient(name: str) -> None:
    expected = Action(SETTLE, Status.REJECTED) if name == "from" else TABLE[name][0]
    assert decide(VERDICTS[name], shared_from=False) == expected


@pytest.mark.parametrize("kind", Kind)
def test_what_may_have_been_taken_is_never_tried_again(kind: Kind) -> None:
    if kind in {Kind.ACCEPTED, Kind.UNKNOWN}:
        for shared in (True, False):
            assert decide(Verdict(kind), shared_from=shared).step is SETTLE
        assert not allows_another(Verdict(kind))


# ── why a campaign stops ───────────────────────────────────────────────────────────────────────────────────────────

STOPS = {
    "A100": ("bad_credentials", "OMNI_CLIENT_PASSWORD"),
    "A110": ("account_blocked", "vendor"),
    "A111": ("account_blocked", "vendor"),
    "A113": ("account_expired", "vendor"),
    "A320": ("quota", "run the same command again"),
    "A325": ("no_permission", "vendor"),
    "A327": ("from_unregistered", "--from"),
}


def test_every_code_that_stops_has_its_sentence() -> None:
    assert STOPS.keys() == {code for code, kind in API_CODES.items() if kind in {Kind.ACCOUNT, Kind.FROM}}


@pytest.mark.parametrize("code", STOPS)
def test_a_stop_says_what_to_cure(code: str) -> None:
    reason, hint = STOPS[code]
    stopped = account_stop(Verdict(Kind.ACCOUNT, code=code, omni=True))
    assert (stopped.reason, stopped.exit_code) == (reason, 5)
    assert hint in str(stopped)
    assert str(stopped).endswith(f"({code})")


@pytest.mark.parametrize(("reason", "hint"), [("certificate", "--ca-file"), ("proxy_auth", "OMNI_PROXY")])
def test_a_stop_below_the_api_says_what_to_cure(reason: str, hint: str) -> None:
    stopped = account_stop(Verdict(Kind.ACCOUNT, reason=reason))
    assert (stopped.reason, stopped.exit_code) == (reason, 5)
    assert hint in str(stopped)


def test_a_stop_for_a_reason_nobody_foresaw() -> None:
    assert account_stop(Verdict(Kind.ACCOUNT)).reason == "account"


# ── backoff ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("attempt", "bound"), [(2, 1.0), (3, 2.0), (4, 4.0), (5, 8.0), (6, 16.0), (7, 30.0), (100_000, 30.0)]
)
def test_the_bound_of_the_wait_doubles(attempt: int, bound: float) -> None:
    assert backoff(attempt, 1.0) == bound
    assert backoff(attempt, 0.0) == 0.0


@given(st.integers(2, 10**6), st.floats(0, 1, exclude_max=True))
def test_a_wait_is_a_share_of_its_bound(attempt: int, draw: float) -> None:
    assert 0 <= backoff(attempt, draw) < BACKOFF_MAX


# ── streaks ────────────────────────────────────────────────────────────────────────────────────────────────────────

CALM = Signal()
PROBING = [name for name, streak in STREAKS.items() if streak.then is not Then.STOP]
TROUBLE = {streak: next(name for name, row in TABLE.items() if row[2] == streak) for streak in STREAKS}
SILENCE = ("timeout", "lost")
ANSWERS = ("accepted", "token", "throttled", "bare 429", "refused", "unproven", "account", "bad json", "from")


@dataclass
class Watch:
    """A breaker, and the time, which goes on by a tenth of a second with each verdict."""

    breaker: Breaker = field(default_factory=Breaker)
    now: float = 1000.0

    def __call__(self, name: str, times: int = 1, *, probe: bool = False, after: float = 0.1) -> Signal:
        signal = CALM
        for _ in range(times):
            self.now += after
            signal = self.breaker.observe(VERDICTS[name], self.now, probe=probe)
        return signal

    def shut(self, streak: str) -> None:
        """Meets just as much trouble as shuts the gate."""
        assert self(TROUBLE[streak], STREAKS[streak].limit).pause == 1.0
        assert self.breaker.probing == streak


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.mark.parametrize(
    ("name", "limit", "then", "code"),
    [
        ("not_connected", 20, Then.PROBE_ON, 69),
        ("bare_refusal", 3, Then.PROBE, 5),
        ("not_omni", 3, Then.PROBE, 69),
        ("bad_json", 20, Then.STOP, 5),
        ("from", 20, Then.STOP, 5),
    ],
)
def test_the_streaks_that_mean_something(name: str, limit: int, then: Then, code: int, watch: Watch) -> None:
    streak = STREAKS[name]
    assert (streak.limit, streak.then, streak.exit_code) == (limit, then, code)
    assert watch(TROUBLE[name], limit - 1) == CALM
    signal = watch(TROUBLE[name])
    assert signal == (Signal(stop=streak) if then is Then.STOP else Signal(pause=1.0))
    assert watch.breaker.probing == (None if then is Then.STOP else name)


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("streak", STREAKS)
def test_another_answer_of_the_api_ends_a_streak(streak: str, answer: str, watch: Watch) -> None:
    watch(TROUBLE[streak], STREAKS[streak].limit - 1)
    watch(answer)
    expected = CALM if TROUBLE[streak] != answer else Signal(stop=STREAKS[streak])
    assert watch(TROUBLE[streak], 1) == expected


@pytest.mark.parametrize(("streak", "other"), list(permutations(STREAKS, 2)))
def test_another_kind_of_trouble_begins_a_streak_of_its_own(streak: str, other: str, watch: Watch) -> None:
    watch(TROUBLE[streak], STREAKS[streak].limit - 1)
    assert watch(TROUBLE[other]) == CALM
    assert watch(TROUBLE[streak]) == CALM


@pytest.mark.parametrize("silence", SILENCE)
@pytest.mark.parametrize("streak", STREAKS)
def test_silence_neither_ends_a_streak_nor_lengthens_it(streak: str, silence: str, watch: Watch) -> None:
    limit = STREAKS[streak].limit
    watch(TROUBLE[streak], limit - 1)
    assert watch(silence, 100) == CALM
    assert watch(TROUBLE[streak]) != CALM


@pytest.mark.parametrize("streak", ["bare_refusal", "not_omni"])
def test_a_probe_that_fares_the_same_stops(streak: str, watch: Watch) -> None:
    watch.shut(streak)
    assert watch(TROUBLE[streak], probe=True) == Signal(stop=STREAKS[streak])


def test_an_unreachable_server_is_probed_ever_more_rarely(watch: Watch) -> None:
    watch.shut("not_connected")
    pauses = [watch("not sent", probe=True).pause for _ in range(8)]
    assert pauses == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0]


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("streak", PROBING)
def test_a_probe_that_the_api_answers_opens_the_gate(streak: str, answer: str, watch: Watch) -> None:
    watch.shut(streak)
    assert watch(answer, probe=True) == CALM
    assert watch.breaker.probing is None
    assert watch(TROUBLE[streak], STREAKS[streak].limit - 1) == CALM
    assert watch(TROUBLE[streak]) == Signal(pause=1.0)


@pytest.mark.parametrize("silence", SILENCE)
@pytest.mark.parametrize("streak", PROBING)
def test_a_probe_that_gets_no_answer_keeps_the_gate_shut(streak: str, silence: str, watch: Watch) -> None:
    watch.shut(streak)
    assert [watch(silence, probe=True).pause for _ in range(3)] == [2.0, 4.0, 8.0]
    assert watch.breaker.probing == streak


def test_a_probe_in_another_kind_of_trouble_keeps_the_gate_shut_until_that_streak_is_full(watch: Watch) -> None:
    watch.shut("not_connected")
    assert [watch("no omni", probe=True).pause for _ in range(3)] == [2.0, 4.0, 8.0]
    assert watch.breaker.probing == "not_omni"
    assert watch("no omni", probe=True) == Signal(stop=STREAKS["not_omni"])


@pytest.mark.parametrize("late", [*TROUBLE.values(), *SILENCE, "certificate"])
@pytest.mark.parametrize("streak", PROBING)
def test_what_was_in_flight_when_the_gate_shut_does_not_stop_the_campaign(streak: str, late: str, watch: Watch) -> None:
    watch.shut(streak)
    assert watch(late, 64 if late not in {"bad json", "from"} else 19) == CALM


@pytest.mark.parametrize("late", ["no omni", "bare refusal", "not sent", *SILENCE])
def test_what_was_in_flight_does_not_spare_the_probe(late: str, watch: Watch) -> None:
    watch.shut("not_omni")
    watch(late, 10)
    assert watch("no omni", probe=True) == Signal(stop=STREAKS["not_omni"])


def test_an_answer_that_was_in_flight_shows_that_the_api_works(watch: Watch) -> None:
    watch.shut("not_omni")
    watch("accepted")
    assert watch.breaker.probing is None
    assert watch("no omni", probe=True) == CALM


@pytest.mark.parametrize("streak", [name for name, streak in STREAKS.items() if streak.then is not Then.PROBE_ON])
def test_after_a_stop_the_same_trouble_stops_again_until_the_api_answers(streak: str, watch: Watch) -> None:
    """What is still in flight must end as well; and a gate that has opened since is not without protection."""
    watch(TROUBLE[streak], STREAKS[streak].limit)
    watch(TROUBLE[streak], probe=True)
    assert watch(TROUBLE[streak], 5) == Signal(stop=STREAKS[streak])
    assert watch("timeout") == CALM
    watch("accepted")
    assert watch(TROUBLE[streak]) == CALM


# ── a pause for another cause ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("silence", SILENCE)
def test_a_pause_that_was_asked_for_ends_with_an_answer_of_the_api(silence: str, watch: Watch) -> None:
    watch.breaker.hold("failure_rate")
    assert watch.breaker.probing == "failure_rate"
    assert watch(silence, probe=True).pause == 2.0
    assert watch.breaker.probing == "failure_rate"
    assert watch("refused", probe=True) == CALM
    assert watch.breaker.probing is None


def test_a_pause_that_was_asked_for_changes_nothing_while_there_is_one(watch: Watch) -> None:
    watch.shut("not_connected")
    watch.breaker.hold("failure_rate")
    assert watch.breaker.probing == "not_connected"


# ── patience ───────────────────────────────────────────────────────────────────────────────────────────────────────

OUT = Signal(out_of_patience=True)
RETRYABLE = [name for name, row in TABLE.items() if row[0].step is RETRY]


@pytest.mark.parametrize("name", ["token", "throttled", "bare 429"])
def test_ten_minutes_without_an_acceptance_are_enough(name: str, watch: Watch) -> None:
    watch("accepted")
    watch(name)
    began = watch.now
    while watch.now < began + PATIENCE - 1:
        assert watch(name, after=1.0) == CALM
    assert watch(name, after=1.0) == OUT
    assert watch(name) == OUT  # for all that is still in flight


def test_an_unreachable_server_ends_patience_in_spite_of_the_pauses(watch: Watch) -> None:
    watch("not sent")
    began = watch.now
    watch("not sent", 19)
    while watch.now < began + PATIENCE - 30:
        assert watch("not sent", probe=True, after=30.0).pause is not None
    assert watch("not sent", probe=True, after=30.0) == OUT
    assert watch.breaker.probing is None  # the gate opens with this answer, so it must be able to shut again
    assert watch("not sent", 19, after=PATIENCE) == CALM


def test_patience_counts_from_the_first_try_after_the_last_acceptance(watch: Watch) -> None:
    watch("throttled", 2, after=300.0)
    watch("accepted", after=200.0)
    watch("refused", after=500.0)
    assert watch("throttled", after=500.0) == CALM
    assert watch("throttled", after=599.0) == CALM
    assert watch("throttled", after=1.0) == OUT


@pytest.mark.parametrize("name", [name for name in TABLE if name not in RETRYABLE])
def test_only_what_may_be_tried_again_tries_patience(name: str, watch: Watch) -> None:
    assert all(not watch(name, after=50.0).out_of_patience for _ in range(30))


@pytest.mark.parametrize(("name", "ends"), [("timeout", True), ("no omni", True), ("refused", False)])
def test_a_probe_without_an_answer_ends_patience_too(name: str, ends: bool, watch: Watch) -> None:
    watch("not sent")
    watch("timeout", after=400.0)
    assert watch(name, after=201.0).out_of_patience is ends


def test_hours_in_which_nothing_was_tried_do_not_count(watch: Watch) -> None:
    """A process that sends now and then: an expired token (A001) and a refusal, and the same the day after."""
    for _ in range(3):
        assert watch("token", after=86_400.0) == CALM
        assert watch("refused") == CALM


@given(st.lists(st.tuples(verdicts(), st.booleans(), st.floats(0, 700)), max_size=80))
def test_the_breaker_survives_any_sequence(seen: list[tuple[Verdict, bool, float]]) -> None:
    breaker, now, last = Breaker(), 0.0, 0.0
    for verdict, probe, after in seen:
        now += after
        was = breaker.probing
        signal = breaker.observe(verdict, now, probe=probe)
        if verdict.kind is Kind.ACCEPTED:
            last = now
        assert signal.pause is None or 0 < signal.pause <= PROBE_MAX
        assert (signal.pause is None) or breaker.probing is not None
        assert not signal.out_of_patience or (now - last >= PATIENCE and verdict.kind is not Kind.ACCEPTED)
        assert signal.stop is None or signal.stop.name == streak_of(verdict)
        if was is not None and not probe and not verdict.omni and verdict.kind is not Kind.THROTTLED:
            assert signal in (CALM, OUT)
