"""A ledger keeps accounts apart, and does not forget a campaign because its credentials changed."""

import pytest

from omni_bulk import Refused
from omni_bulk.opening import is_loopback

from .kit import Bench, Clock, number, people
from .kit import bench as open_bench

API = "https://omni.example"


async def test_a_campaign_of_another_client_id_of_the_same_api_is_refused_unless_it_is_the_same_account(
    bench: Bench,
) -> None:
    first = await bench.send(people(1), account={"origin": API})
    async with open_bench(client_id="second") as other:
        second = {"origin": API, "client_id": "second"}
        with pytest.raises(Refused, match="--same-account"):
            await other.send(people(1, 2), account=second)
        assert other.posts == 0
        same = await other.send(people(1, 2), account=second, same_account=True)
        assert same.outcomes == {"+accepted": 1, "accepted": 1}
        assert same.id == first.id
        assert set(other.texts) == {number(2)}
        assert (await other.send(people(1, 2), account=second)).outcomes == {"+accepted": 2}
    with pytest.raises(Refused, match="--same-account"):
        await bench.send(people(1, 2), account={"origin": API})


async def test_after_midnight_the_unfinished_campaign_of_another_client_id_is_found_too(bench: Bench) -> None:
    clock = Clock.at("2026-11-21T23:50+09:00")
    account = {"origin": API, "world": clock.world}
    await bench.send(people(1, 2), per="day", limit=1, account=account)
    clock.advance(hours=1)
    async with open_bench(client_id="second") as other:
        with pytest.raises(Refused, match=r"october-2026-11-21.*--same-account"):
            await other.send(people(1, 2), per="day", account={**account, "client_id": "second"})


async def test_another_api_is_another_world(bench: Bench) -> None:
    await bench.send(people(1), account={"origin": API})
    other = await bench.send(people(1), account={"origin": "https://else.example"}, out="else.jsonl")
    assert other.outcomes == {"accepted": 1}


async def test_what_a_stand_in_took_is_nobodys(bench: Bench) -> None:
    await bench.send(people(1))
    async with open_bench(client_id="second", port=0) as other:  # any free one: another than the first has
        origin = bench.settings().origin
        sent = await other.send(people(1), out="other.jsonl", account={"client_id": "second", "origin": origin})
        assert sent.outcomes == {"accepted": 1}


@pytest.mark.parametrize(
    ("origin", "loopback"),
    [
        ("sandbox", True),
        ("http://127.0.0.1:8900", True),
        ("http://127.9.9.9", True),
        ("https://localhost:1/path", True),
        ("http://[::1]", True),
        ("http://[::1]:8900", True),
        (API, False),
        ("https://127.example.com", False),
        ("https://10.0.0.1", False),
    ],
)
def test_what_is_loopback(origin: str, loopback: bool) -> None:
    assert is_loopback(origin) is loopback
