"""The matrix in ARCHITECTURE.md is the one that is tested."""

from dataclasses import replace
from pathlib import Path

import pytest

from omni_bulk.model import Kind, Status
from tests.faults.acts import silence
from tests.faults.rows import FAULTS, TAKEN_LATER, Ends, Fault, Line
from tests.faults.server import At, Misbehaviour, Variant
from tests.faults.table import BEGIN, END, markdown, placed

ARCHITECTURE = Path(__file__).parents[2] / "ARCHITECTURE.md"


def test_a_row_is_rendered_whole() -> None:
    lost = Line(Status.UNKNOWN, "timeout")
    row = Fault("x", "never answers", Misbehaviour(At.BODY, silence), Kind.UNKNOWN, lost, 1, 3, variant=Variant.TLS)
    held = Fault("y", "is closed", Misbehaviour(At.LISTENER, silence), Kind.NOT_SENT, None, 0, 69, Ends.STOPS)
    later = Fault("z", "is busy", Misbehaviour(At.BODY, silence), Kind.THROTTLED, TAKEN_LATER, 1, 0)
    wrong = replace(row, wrong="not corrected yet")
    assert markdown([row, held, later, wrong]).splitlines() == [
        "| fault | what the server saw | verdict | result | posts | run |",
        "| --- | --- | --- | --- | --- | --- |",
        "| never answers (TLS) | the whole POST | unknown | `unknown` timeout | 1 | goes on, exit 3 |",
        "| is closed | nothing | not_sent | none yet: unsent | 0 | stops, exit 69 |",
        "| is busy | the whole POST | throttled | later `accepted` A000 | 1 | goes on, exit 0 |",
    ]


def test_names_and_sentences_are_each_their_own() -> None:
    assert len({fault.name for fault in FAULTS}) == len({(fault.how, fault.variant) for fault in FAULTS}) == len(FAULTS)


def test_no_cell_breaks_the_table() -> None:
    assert {line.count("|") for line in markdown(FAULTS).splitlines()} == {7}


def test_the_table_replaces_what_is_between_the_markers() -> None:
    assert placed(f"a\n{BEGIN}\nold\n{END}\nb\n", "new\\1") == f"a\n{BEGIN}\nnew\\1\n{END}\nb\n"
    assert placed("nothing", "new") is None


def test_architecture_shows_this_matrix() -> None:
    text = ARCHITECTURE.read_text(encoding="utf-8") if ARCHITECTURE.exists() else ""
    expected = placed(text, markdown(FAULTS))
    if expected is None:
        pytest.skip("ARCHITECTURE.md has no markers yet")
    assert text == expected, "run: python -m tests.faults.table ARCHITECTURE.md"
