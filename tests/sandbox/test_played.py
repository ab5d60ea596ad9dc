"""What a queue of reports does in real life: late handsets, copies, other systems' reports, a clock that moves on."""

from collections import Counter
from typing import Any

import aiohttp
import orjson
import pytest

from omni_bulk.sandbox import Sandbox
from omni_bulk.sandbox.options import Options
from tests.sandbox.kit import Account
from tests.sandbox.test_reports import collect

BODY = orjson.dumps({"from": "0212345678", "to": "+821012345678", "text": "a", "ref": "r"})


def posted(count: int = 100, **knobs: Any) -> Account:
    account = Account(seed=3, **knobs)
    for _ in range(count):
        account.state.post(account.authorization, BODY)
    return account


def test_the_handset_may_take_longer_than_the_relay() -> None:
    account = posted(1, dlr=True, report_delay=5, handset_delay=60)
    account.clock.advance(5)
    assert len(collect(account)) == 1
    account.state.post(account.authorization, BODY)  # its relay's report comes before the first one's handset's
    account.clock.advance(5)
    (relay,) = collect(account)
    assert relay["msgKey"] == account.state.messages[1].msg_key
    account.clock.advance(55)
    (handset,) = collect(account)
    assert handset["msgKey"] == account.state.messages[0].msg_key
    account.clock.advance(60)
    assert len(collect(account)) == 1


def test_copies_come_once_more_after_the_ack() -> None:
    account = posted(200, report_copies=0.25)
    came = Counter(report["msgKey"] for report in collect(account))
    assert len(came) == 200
    assert set(came.values()) == {1, 2}
    copied = account.state.reports.counts()["copied"]
    assert came.total() == 200 + copied
    assert 20 < copied < 80


def test_other_systems_reports_come_beside() -> None:
    account = posted(200, foreign_reports=0.1)
    ours = {message.msg_key for message in account.state.messages}
    foreign = [report for report in collect(account) if report["msgKey"] not in ours]
    assert len(foreign) == account.state.reports.counts()["foreign"]
    assert 5 < len(foreign) < 45
    assert len({(one["msgKey"], one["ref"]) for one in foreign}) == len(foreign)
    assert not [one for one in foreign if one["ref"] == "r"]


def test_without_them_the_same_seed_gives_the_same_keys_as_before() -> None:
    assert [one.msg_key for one in posted(3).state.messages] == [
        one.msg_key for one in posted(3, dlr=True).state.messages
    ]


@pytest.mark.parametrize(
    ("knobs", "said"),
    [
        ({"handset_delay": -1}, "handset_delay must be at least 0"),
        ({"report_copies": 1.5}, "report_copies must be a probability"),
        ({"foreign_reports": float("nan")}, "foreign_reports must be a probability"),
    ],
)
def test_a_knob_that_cannot_be(knobs: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Options(**knobs)


async def test_the_clock_and_the_queue_can_be_moved_from_outside() -> None:
    async with Sandbox() as box, aiohttp.ClientSession(box.url) as session:

        async def post(path: str, body: bytes) -> int:
            async with session.post(path, data=body) as answer:
                return answer.status

        before = box._clock()
        assert await post("/sandbox/advance", b'{"seconds": 259200}') == 204
        assert box._clock() - before >= 259200
        assert await post("/sandbox/reports", b'{"msgKey": "k-1", "anything": {"else": 1}}') == 204
        assert orjson.loads(box.state.reports.poll().body)["data"]["report"] == [
            {"msgKey": "k-1", "anything": {"else": 1}}
        ]
        for body in (b"", b"[]", b"{}", b'{"seconds": -1}', b'{"seconds": "1"}', b'{"seconds": true}'):
            assert await post("/sandbox/advance", body) == 400
        async with session.get("/sandbox/advance") as answer:
            assert answer.status == 405
