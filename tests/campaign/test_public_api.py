"""What a program sees of the package: names, docstrings, types, the example of the contract, and no number in a repr."""

import asyncio
import inspect
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

import omni_bulk
from omni_bulk import Recipient, Result, Status, Template

from .kit import FROM, Bench, number, people, write_csv

EXAMPLE = """
import asyncio
from omni_bulk import Omni, Settings, Template, read_recipients

async def main() -> None:
    async with Omni(Settings()) as omni:                 # one token, one pool, one pace, one ledger
        result = await omni.send("+821012345678", "Your code is 481516", from_="0212345678", ref="login-77-1")
        print(result.status, result.msg_key)

        template = Template("{name}, your order has shipped.", from_="0212345678")
        async with omni.campaign("october", template) as campaign:
            async for result in campaign.send(read_recipients("campaign.csv")):
                if result.status != "accepted":
                    print(result.ref, result.status, result.code or result.reason)
            print(campaign.summary)

asyncio.run(main())
"""


async def run(bench: Bench, code: str) -> list[str]:
    environment = {
        **os.environ, "OMNI_CLIENT_ID": "sandbox", "OMNI_CLIENT_PASSWORD": "sandbox",
        "OMNI_BASE_URL": bench.sandbox.url, "OMNI_LEDGER": str(bench.ledger),
    }  # fmt: skip
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-c", code, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    said, trouble = await child.communicate()
    assert (child.returncode, trouble) == (0, b"")
    return said.decode().splitlines()


async def test_the_example_of_the_contract_runs_as_printed_and_again(bench: Bench) -> None:
    write_csv(Path("campaign.csv"), [*people(1, 2, 3), {"to": number(4), "name": ""}])
    first = await run(bench, EXAMPLE)
    assert first[0] == f"accepted {bench.sandbox.messages[0].msg_key}"
    assert [line.split()[1:] for line in first[1:-1]] == [["invalid", "missing_field"]]
    assert first[-1].startswith("Summary(campaign_name='october'")
    assert bench.texts[number(2)] == ["n2, your order has shipped."]
    again = await run(bench, EXAMPLE)
    assert again[:2] == first[:2]
    assert bench.posts == 4


def test_the_example_is_well_typed_for_who_uses_the_package() -> None:
    Path("example.py").write_text(EXAMPLE)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", os.devnull, "example.py"],
        capture_output=True, text=True, check=False, env={**os.environ, "MYPYPATH": ""},
    )  # fmt: skip
    assert checked.returncode == 0, checked.stdout
    assert (Path(omni_bulk.__file__).parent / "py.typed").exists()


@pytest.mark.parametrize("name", omni_bulk.__all__)
def test_each_public_name_is_there_and_says_what_it_is(name: str) -> None:
    thing = getattr(omni_bulk, name)
    assert inspect.getdoc(thing)
    assert thing.__doc__, f"{name} has only what it inherits"
    if inspect.isclass(thing):
        public = [m for n, m in vars(thing).items() if not n.startswith("_") and callable(m) and n in dir(thing)]
        ours = [method for method in public if getattr(method, "__module__", "").startswith("omni_bulk")]
        assert [method.__qualname__ for method in ours if not method.__doc__] == []


def test_the_names_are_those_that_are_listed() -> None:
    assert sorted(omni_bulk.__all__) == omni_bulk.__all__ == sorted(omni_bulk._HOMES)
    assert set(omni_bulk.__all__) <= set(dir(omni_bulk))
    with pytest.raises(AttributeError, match="no attribute 'Sms'"):
        omni_bulk.Sms  # type: ignore[attr-defined]  # noqa: B018


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, omni_bulk; print(sorted({'aiohttp', 'pydantic', 'phonenumbers'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


SHOWN = [
    Recipient(number(1), text="secret", from_=FROM, fields={"name": "secret", "to": number(1)}),
    Result(1, "id", "october", Status.ACCEPTED, to=number(1), from_=FROM),
    Template("secret {name}", from_=FROM),
]


@pytest.mark.parametrize("value", SHOWN, ids=lambda value: type(value).__name__)
def test_no_repr_shows_a_number_or_a_text(value: object) -> None:
    for secret in (number(1), FROM, "secret"):
        assert secret not in repr(value)


async def test_what_comes_back_shows_neither(bench: Bench) -> None:
    async with bench.omni() as omni:
        result = await omni.send(number(1), "secret", from_=FROM, ref="a")
        campaign = omni.campaign("october", Template("secret", from_=FROM))
        shown = dedent(f"{result} {campaign} {omni}")
    sent = await bench.send(people(2))
    shown += repr(sent.summary) + repr(omni_bulk.read_results("october.results.jsonl"))
    for secret in (number(1), number(2), FROM, "secret", "Hello"):
        assert secret not in shown
