"""The package as the type checkers of its users see it: from outside, installed, with their own strict settings.

What must not pass is marked as an error, and a mark that marks nothing is one too: so a type that decays to Any is seen.
"""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

EMBEDDER = dedent("""
    from collections.abc import AsyncIterator, Mapping
    from pathlib import Path
    from typing import assert_type

    from omni_bulk import (
        Campaign, Collector, InputError, LedgerError, Omni, OmniBulkError, OutputError, Receipt, Recipient, RefConflict,
        Refused, Result, Results, ResultStream, Settings, SettingsError, Source, Status, Stopped, Summary, Template,
        TemplateError, Texts, read_recipients, read_results, read_texts,
    )
    from omni_bulk.testing import Sandbox


    async def orders() -> AsyncIterator[Mapping[str, object]]:
        yield {"to": "+821012345678", "name": "Kim"}


    async def sends(omni: Omni) -> None:
        result = await omni.send("+821012345678", "hi", from_="0212345678", ref="a", unknown="resend", expires_in=30)
        assert_type(result, Result)
        assert_type(result.status, Status)
        assert_type(result.msg_key, str | None)
        assert_type(result.latency_ms, int | None)
        await omni.send("+821012345678", "hi")  # type: ignore  # a ref is required
        await omni.send("+821012345678", "hi", ref="a", unknown="perhaps")  # type: ignore
        await omni.send("+821012345678", "hi", ref="a", sender="0212345678")  # type: ignore
        result.status = Status.FAILED  # type: ignore  # a record does not change
        receipt = await omni.receive_report({}, b"{}")
        assert_type(receipt, Receipt)
        assert_type(receipt.body, bytes)


    async def campaigns(omni: Omni) -> None:
        recipients = read_recipients("october.csv", mapping={"Handy": "to"})
        assert_type(recipients, Source)
        template = Template("{name}", from_="0212345678")
        async with omni.campaign("october", template, per="day", recipients=recipients, out=Path("a.jsonl")) as campaign:
            assert_type(campaign, Campaign)
            stream = campaign.send(recipients, limit=10)
            assert_type(stream, ResultStream)
            async for result in stream:
                assert_type(result, Result)
            async for result in campaign.send([Recipient("+821012345678"), {"to": "+821012345678"}]):
                assert_type(result, Result)
            async for result in campaign.send(orders()):
                assert_type(result, Result)
            assert_type(await campaign.run(recipients), Summary)
            assert_type(campaign.summary, Summary | None)
            for result in campaign.send(recipients):  # type: ignore  # it is asynchronous
                pass
            campaign.send(["+821012345678"])  # type: ignore  # a number is no recipient
        omni.campaign("october", template, per="year")  # type: ignore
        omni.campaign("october", read_texts("texts.toml"))
        assert_type(read_texts("texts.toml"), Texts)


    async def reports(omni: Omni) -> None:
        async with omni.reports("reports.jsonl") as collector:
            assert_type(collector, Collector)
            await collector.poll()


    def results() -> None:
        found = read_results("october.results.jsonl")
        assert_type(found, Results)
        assert_type([one.ref for one in found], list[str | None])
        assert_type(found.count("accepted") + found.count(Status.UNKNOWN), int)
        assert_type(found.by_msg_key, dict[str, Result])


    def errors(error: OmniBulkError) -> int:
        if isinstance(error, Stopped):
            assert_type(error.reason, str)
        elif isinstance(error, SettingsError):
            assert_type(error.problems, tuple[str, ...])
        return error.exit_code


    async def main() -> None:
        every = (InputError, LedgerError, OutputError, RefConflict, Refused, TemplateError)
        assert all(issubclass(one, OmniBulkError) for one in every)
        async with Sandbox(tps=None) as sandbox:
            assert_type(sandbox.url, str)
            Settings(base_url=sandbox.url, rate="fast")  # type: ignore
            Settings(base_url=sandbox.url, ratte=5)  # type: ignore
            async with Omni(Settings(base_url=sandbox.url, client_id="sandbox", client_password="sandbox")) as omni:
                await sends(omni)
                await campaigns(omni)
                await reports(omni)
    """)
MISSPELT = "from omni_bulk import Omin  # type: ignore\n"


@pytest.fixture
def embedder() -> Path:
    Path("embedder.py").write_text(EMBEDDER + MISSPELT)
    return Path("embedder.py")


def check(*words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *words], capture_output=True, text=True, check=False, env={**os.environ, "MYPYPATH": ""}
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_mypy_is_content(embedder: Path) -> None:
    check("mypy", "--strict", "--warn-unreachable", "--cache-dir", os.devnull, str(embedder))


@pytest.mark.skipif(importlib.util.find_spec("pyright") is None, reason="pyright is not installed")
def test_pyright_is_content(embedder: Path) -> None:
    strict = '{"typeCheckingMode": "strict", "reportUnnecessaryTypeIgnoreComment": "error", "include": ["embedder.py"]}'
    Path("pyrightconfig.json").write_text(strict)
    check("pyright", "--pythonpath", sys.executable, str(embedder))
