"""One list in nine dresses: the wire carries the same messages each time."""

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from omni_bulk import read_recipients
from tests.input.test_dresses import DRESSES

from .kit import Bench

WIRE = {
    ("+821020000000", "a-1", "김하늘님, 12000원"),
    ("+821020000001", "a-2", 'Park "Bo", Jr.님, 3.5원'),
    ("+821020000002", "a-3", "own text; with | and , in it"),
    ("+821020000003", "a-4", "고객님, 007원"),
    ("+6581234567", "a-6", "陳님, 1원"),
}


@pytest.mark.parametrize("dress", DRESSES)
async def test_the_wire_is_the_same(dress: str, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    name, write = DRESSES[dress]
    path = Path("stdin" if name == "-" else name)
    write(path)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(path.read_bytes())))
    how = {"region": "KR", "numbers": "international"}
    sent = await bench.send(read_recipients(name), text="{name|고객}님, {amount}원", account=how)
    assert {(one.to, one.ref, one.text) for one in bench.sandbox.messages} == WIRE
    assert len(bench.sandbox.messages) == len(WIRE)
    assert sent.outcomes == {"accepted": 5, "invalid:invalid_number": 1}
