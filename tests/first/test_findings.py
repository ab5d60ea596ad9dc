import pytest

from omni_bulk import findings
from omni_bulk.findings import CREDENTIALS, LEDGER, NETWORK, SETTINGS, Finding, Mark, exit_code, fail, ok, skipped, warn

JUDGED = [
    (findings.clock(0.2), Mark.OK, 0, "within 1 s"),
    (findings.clock(-29), Mark.OK, 0, "within 29 s"),
    (findings.clock(-31), Mark.WARN, 0, "31 s behind"),
    (findings.clock(3_601), Mark.FAIL, SETTINGS, "3,601 s ahead"),
    (findings.certificate(83.4), Mark.OK, 0, "83 more days"),
    (findings.certificate(3), Mark.WARN, 0, "3 more days"),
    (findings.room(10 << 30, "/d"), Mark.OK, 0, "10.0 GiB"),
    (findings.room(1 << 29, "/d"), Mark.WARN, 0, "0.5 GiB"),
    (findings.room(1 << 20, "/d"), Mark.FAIL, LEDGER, "some 524 messages"),
    (findings.descriptors(1024, 64), Mark.OK, 0, "need 128"),
    (findings.descriptors(1024, 1000), Mark.FAIL, SETTINGS, "need 1,064"),
    (findings.in_doubt(0), Mark.OK, 0, "no message"),
    (findings.in_doubt(1), Mark.WARN, 0, "1 message claimed"),
    (findings.in_doubt(64), Mark.WARN, 0, "64 messages claimed"),
    (findings.polled(3600), Mark.OK, 0, "1 h ago"),
    (findings.polled(50 * 3600), Mark.WARN, 0, "50 h ago"),
    (findings.polled(80 * 3600), Mark.WARN, 0, "deleted already"),
]


@pytest.mark.parametrize(("found", "mark", "code", "said"), JUDGED, ids=lambda value: str(value)[:24])
def test_what_is_made_of_a_measurement(found: Finding, mark: Mark, code: int, said: str) -> None:
    assert (found.mark, found.exit_code) == (mark, code)
    assert said in found.said
    assert bool(found.todo) is (mark in {Mark.WARN, Mark.FAIL}), "what is not well says what to do"


def test_the_exit_code_is_that_of_the_worst() -> None:
    failed = [fail("x", "", "", code) for code in (NETWORK, CREDENTIALS, LEDGER, SETTINGS)]
    assert [exit_code(failed[: upto + 1]) for upto in range(4)] == [NETWORK, CREDENTIALS, LEDGER, SETTINGS]
    assert exit_code([ok("a", ""), warn("b", "", "look"), skipped("c", "")]) == 0
