"""What becomes of the command when its streams are taken away, and the outermost frame."""

from pathlib import Path

import pytest

from omni_bulk import cli
from omni_bulk.cli.ending import Ending
from omni_bulk.cli.streams import Patient
from omni_bulk.errors import LedgerError
from tests.cli.conftest import Call


def test_words_to_a_full_disk_are_lost_and_nothing_else() -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        words = Patient(full, encoding="utf-8", line_buffering=True)
        assert words.write("hello\n") == 6
        words.flush()
        words.detach()


def test_ctrl_c_before_anything_began(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "with_verb", interrupted)
    ran = call("list.csv")
    assert (ran.code, "interrupted" in ran.err) == (75, True)


def test_a_bug_in_any_verb_is_70_with_its_traceback(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "with_verb", lambda _: 1 // 0)
    ran = call("status")
    assert (ran.code, "ZeroDivisionError" in ran.err, "this is a bug" in ran.err) == (70, True, True)


def test_a_summary_that_cannot_be_written_at_the_end_is_74() -> None:
    with Ending("/dev/full") as ending, pytest.raises(LedgerError, match="summary could not be written"):
        ending.write({"exit": 0})


def test_only_the_first_summary_counts() -> None:
    with Ending("summary.json") as ending:
        ending.write({"exit": 0})
        ending.write({"exit": 1})
    assert Path("summary.json").read_bytes() == b'{"exit":0}\n'
    assert Path("summary.json").stat().st_mode & 0o777 == 0o600


def test_an_interrupt_is_written_to_the_summary() -> None:
    with pytest.raises(KeyboardInterrupt), Ending("summary.json"):
        raise KeyboardInterrupt
    assert Path("summary.json").read_bytes() == b'{"exit":75,"stopped":"interrupted"}\n'


@pytest.mark.parametrize("content", [b"[1]", b"to,name\n", b'{"to": 1}', b'{"exit":0}\n{"exit":0}\n', b"\xff"])
def test_a_file_that_is_no_summary_is_left_alone(content: bytes, call: Call) -> None:
    Path("other").write_bytes(content)
    assert call("nowhere.csv", "--summary-json", "other").code == 2
    assert Path("other").read_bytes() == content
