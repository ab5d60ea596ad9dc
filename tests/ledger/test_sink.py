"""The results file: a projection of the ledger that is repaired, and never takes what is another campaign's."""

import io
import os
import re
import resource
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk import sink
from omni_bulk.errors import LedgerError, OutputError, Refused
from omni_bulk.model import Result, Status
from omni_bulk.results import to_line
from omni_bulk.sink import ResultsFile, StreamSink, inspect, open_results, read_results
from tests.ledger.kit import A, B, files_end_at, line, mode_of

LINES = [
    line(1, msg_key="k-1"), line(2, Status.REJECTED, code="A302"), line(3, Status.UNKNOWN, reason="timeout"),
    line(4, Status.SKIPPED, ref=None, duplicate_of="r-1"), line(5, msg_key="k-5"),
]  # fmt: skip
FULL = b"".join(map(to_line, LINES))


class Book:
    """The ledger's lines, as the sink may ask for them."""

    def __init__(self, *results: Result) -> None:
        self.results = list(results)
        self.asked: list[tuple[int, int | None]] = []

    def missing(self, after: int, upto: int | None) -> Iterable[bytes]:
        self.asked.append((after, upto))
        return map(to_line, self.results[after:upto])

    def pairs(self, *seqs: int) -> list[tuple[Result, bytes]]:
        return [(self.results[seq - 1], to_line(self.results[seq - 1])) for seq in seqs]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "october.results.jsonl"


def opened(path: Path, ledger: Book, **given: object) -> ResultsFile:
    return open_results(
        path, campaign_id="id-1", campaign="october", last_seq=len(ledger.results), missing=ledger.missing,
        **given,  # type: ignore[arg-type]
    )  # fmt: skip


def open_files() -> int:
    """How many descriptors this process has."""
    return sum(1 for _ in Path("/dev/fd").iterdir())


def refused(path: Path, ledger: Book) -> str:
    """The sentence with which the file is refused; it stays as it was, and no descriptor stays open."""
    before = path.read_bytes() if path.is_file() else None
    descriptors = open_files()
    with pytest.raises((OutputError, Refused)) as caught:
        opened(path, ledger)
    assert before is None or path.read_bytes() == before
    assert open_files() == descriptors
    return f"{type(caught.value).__name__}: {caught.value}"


# ── repair ────────────────────────────────────────────────────────────────────────────────────────────────────────


def damaged(*changes: tuple[int, bytes | None]) -> bytes:
    """The file with lines replaced, or taken out."""
    lines: list[bytes | None] = list(FULL.splitlines(keepends=True))
    for seq, change in changes:
        lines[seq - 1] = change
    return b"".join(kept for kept in lines if kept is not None)


FOUND = {
    "nothing": b"",
    "the whole": FULL,
    "torn in its first line": FULL[:30],
    "torn in its first letters": FULL[:3],
    "torn in its last line": FULL[:-1],
    "torn in the middle": FULL[: len(FULL) // 2],
    "shortened at the end": damaged((5, None), (4, None)),
    "a line less in the middle": damaged((3, None)),
    "without its first line": damaged((1, None)),
    "a line edited": damaged((2, to_line(line(2, Status.REJECTED, code="A999")))),
    "a sent line with its number masked": damaged((5, to_line(line(5, msg_key="k-5", to="+82…")))),
    "a line that is none": damaged((3, b"garbage\n")),
    "a first line that is none": damaged((1, b"garbage\n")),
    "a last line that is none": damaged((5, b"\0" * 30 + b"\n")),
    "a line twice": FULL[: len(to_line(LINES[0]))] + FULL,
    "in another order": damaged((1, to_line(LINES[4])), (5, to_line(LINES[0]))),
    "half a line in the middle": damaged((2, to_line(LINES[1])[:40])),
    "written by Windows": FULL.replace(b"\n", b"\r\n"),
}


@pytest.mark.parametrize("found", FOUND)
def test_whatever_became_of_the_file_it_is_the_ledgers_lines_again(path: Path, found: str) -> None:
    path.write_bytes(FOUND[found])
    results = opened(path, Book(*LINES))
    assert path.read_bytes() == FULL
    results.append([(line(6), to_line(line(6)))])
    results.close()
    assert path.read_bytes() == FULL + to_line(line(6))
    assert [name.name for name in path.parent.iterdir()] == [path.name]


@given(st.integers(0, len(FULL)))
def test_a_crash_may_leave_any_beginning(tmp_path_factory: pytest.TempPathFactory, length: int) -> None:
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_bytes(FULL[:length])
    opened(path, Book(*LINES)).close()
    assert path.read_bytes() == FULL


@pytest.mark.parametrize("group", [1, 2, 5, 7])
def test_a_large_campaign_is_never_in_memory_whole(path: Path, group: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink, "GROUP", group)
    for found in (b"", FULL, FULL[:-10], damaged((2, None)), damaged((5, to_line(line(5, msg_key="k-5", to=B))))):
        path.write_bytes(found)
        ledger = Book(*LINES)
        opened(path, ledger).close()
        assert path.read_bytes() == FULL
        assert all(upto is not None and upto - after <= group for after, upto in ledger.asked)


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_a_new_file_has_the_mode_that_was_asked_for_whatever_the_umask(path: Path, mode: int) -> None:
    before = os.umask(0o277)
    try:
        opened(path, Book(), mode=mode).close()
    finally:
        os.umask(before)
    assert mode_of(path) == mode


def test_a_file_that_is_appended_to_keeps_its_mode_and_one_that_is_rebuilt_gets_it_anew(path: Path) -> None:
    path.write_bytes(FULL)
    path.chmod(0o644)
    opened(path, Book(*LINES)).close()
    assert mode_of(path) == 0o644
    path.write_bytes(damaged((1, None)))
    opened(path, Book(*LINES)).close()
    assert mode_of(path) == 0o600


# ── what is not touched ───────────────────────────────────────────────────────────────────────────────────────────

OTHER = line(1, campaign_id="id-2", campaign="september")
NAMESAKE = line(1, campaign_id="id-2")  # of the same name, from another ledger
UNSENT = line(1, Status.INVALID, campaign_id="id-2")
AHEAD = FULL + to_line(line(6))
REFUSED = {
    "a list": (b"to,name\n+821012345678,Kim\n", "OutputError: .* is not a results file"),
    "a letter": (b"Dear Kim", "OutputError: .* is not a results file"),
    "JSON of something else": (b'{"a":1}\n', "OutputError: .* is not a results file"),
    "another campaign's": (to_line(OTHER), "OutputError: .* belongs to another campaign .'september'."),
    "another's after ours": (FULL + to_line(OTHER), "OutputError: .* belongs to another campaign"),
    "ours after another's": (to_line(OTHER) + FULL, "OutputError: .* belongs to another campaign"),
    "another's amid ours": (damaged((3, to_line(OTHER))), "OutputError: .* belongs to another campaign"),
    "more than the ledger knows": (AHEAD, "Refused: .*--already"),
    "another message than the ledger knows": (
        damaged((5, to_line(line(5, msg_key="k-other", ref="r-other")))), "Refused: .*--already",
    ),
    "another message amid them": (damaged((3, to_line(line(3, msg_key="k-other")))), "Refused: .*--already"),
    "an accepted line for one that never was": (
        damaged((2, to_line(line(7, msg_key="k-7")))), "Refused: .*--already",
    ),
}  # fmt: skip


@pytest.mark.parametrize("found", REFUSED)
def test_what_is_not_this_campaigns_is_never_written_to(path: Path, found: str) -> None:
    content, why = REFUSED[found]
    path.write_bytes(content)
    assert re.match(why, refused(path, Book(*LINES)))


def test_a_ledger_that_knows_nothing_refuses_a_file_with_accepted_lines(path: Path) -> None:
    path.write_bytes(to_line(NAMESAKE))
    said = refused(path, Book())
    assert said.startswith("Refused") and f"--already {path}" in said and "--ledger" in said
    path.write_bytes(to_line(line(1)))
    assert refused(path, Book()).startswith("Refused")


def test_a_namesakes_file_in_which_nobody_was_sent_to_is_another_campaigns(path: Path) -> None:
    path.write_bytes(to_line(UNSENT))
    assert refused(path, Book()).startswith("OutputError")


def test_lines_of_ours_that_sent_nothing_may_be_ahead_of_the_ledger(path: Path) -> None:
    path.write_bytes(to_line(line(1, Status.INVALID)))
    opened(path, Book()).close()
    assert path.read_bytes() == b""


def a_link(path: Path) -> None:
    path.with_name("real").write_bytes(FULL)
    path.symlink_to(path.with_name("real"))


PLACES = [
    (a_link, "it is a link"),
    (lambda path: path.symlink_to("nothing"), "it is a link"),
    (Path.mkdir, "Is a directory"),
    (os.mkfifo, "it is not a regular file"),
]


@pytest.mark.parametrize(("make", "why"), PLACES)
def test_what_is_no_file_is_refused(path: Path, make: object, why: str) -> None:
    assert callable(make)
    make(path)
    said = refused(path, Book(*LINES))
    assert said.startswith("OutputError") and why in said and "--out" in said


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "No such file" in refused(tmp_path / "no" / "results.jsonl", Book())


@pytest.mark.parametrize("found", [b"", FULL[:100], damaged((2, None))])
def test_a_disk_that_is_full_is_told_before_anything_is_sent_and_can_be_repaired(path: Path, found: bytes) -> None:
    path.write_bytes(found)
    before = open_files()
    with files_end_at(len(FULL) - 10), pytest.raises(OutputError, match="File too large"):
        opened(path, Book(*LINES))
    assert open_files() == before
    assert [name.name for name in path.parent.iterdir()] == [path.name]
    opened(path, Book(*LINES)).close()
    assert path.read_bytes() == FULL


def test_a_ledger_that_cannot_be_read_leaves_no_descriptor(path: Path) -> None:
    def missing(after: int, upto: int | None) -> list[bytes]:
        raise LedgerError("gone")

    before = open_files()
    with pytest.raises(LedgerError):
        open_results(path, campaign_id="id-1", campaign="october", last_seq=1, missing=missing)
    assert open_files() == before


# ── appending ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_lines_are_appended_as_they_come_and_gaps_are_fetched_from_the_ledger(path: Path) -> None:
    ledger = Book()
    results = opened(path, ledger)
    ledger.results = LINES
    ledger.asked.clear()
    results.append(ledger.pairs(1, 2))
    assert ledger.asked == []
    results.append(ledger.pairs(4))  # another process settled the third
    assert ledger.asked
    results.append(ledger.pairs(5))
    results.append(ledger.pairs(3, 5))  # told late: they are there
    results.close()
    results.close()
    assert path.read_bytes() == FULL


def test_half_a_line_is_taken_back_before_the_next_is_written(path: Path) -> None:
    """A disk that was full for a moment: else a line would follow half of another, and nobody would see it."""
    ledger = Book()
    results = opened(path, ledger)
    ledger.results = LINES
    results.append(ledger.pairs(1))
    size = path.stat().st_size
    with files_end_at(size + 50), pytest.raises(OSError, match="too large"):
        results.append(ledger.pairs(2, 3))
    assert path.stat().st_size == size
    results.append(ledger.pairs(4))
    results.append(ledger.pairs(5))
    results.close()
    assert path.read_bytes() == FULL


def test_a_stream_gets_each_commit_at_once() -> None:
    stream = io.BytesIO()
    lines = StreamSink(io.BufferedWriter(stream, 1 << 16))
    lines.append(Book(*LINES).pairs(1, 2))
    lines.close()
    assert stream.getvalue() == b"".join(map(to_line, LINES[:2]))


def test_a_file_is_inspected_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sink, "CHUNK", 500)
    found = inspect(io.BytesIO(FULL + b'{"seq":6'))
    assert (found.lines, found.whole, found.size) == (5, len(FULL), len(FULL) + 8)
    assert (found.first, found.last, found.foreign) == (LINES[0], LINES[4], False)


# ── reading back ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_last_line_of_a_ref_wins(path: Path) -> None:
    settled = line(6, ref="r-3", msg_key="k-3", to=A)
    path.write_bytes(FULL + to_line(settled) + b'{"seq":7')
    results = read_results(path)
    assert list(results) == [LINES[0], LINES[1], settled, LINES[4]]
    assert len(results) == 4
    assert results.by_ref["r-3"] == settled
    assert results.by_msg_key == {"k-1": LINES[0], "k-3": settled, "k-5": LINES[4]}
    assert results.repeats == [LINES[3]]
    assert (results.count("accepted"), results.count(Status.REJECTED), results.count(Status.UNKNOWN)) == (3, 1, 0)


def test_what_is_no_result_is_told(path: Path) -> None:
    path.write_bytes(FULL + b"garbage\n")
    with pytest.raises(ValueError):
        read_results(str(path))
    with pytest.raises(FileNotFoundError):
        read_results("nothing")


def test_limits_of_this_process_are_as_before() -> None:
    """`files_end_at` gives back what it took."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with files_end_at(1):
        assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == 1
    assert resource.getrlimit(resource.RLIMIT_FSIZE) == before
