"""Our files are for their owner alone, whatever the umask, and never where anybody could swap them."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from omni_bulk import files as module
from omni_bulk.errors import OmniBulkError, OutputError, SettingsError
from omni_bulk.ledger.schema import open_ledger
from omni_bulk.sink import open_results
from tests.cli.kit import run, write_list
from tests.security.kit import SEND, account, api, files

CAMPAIGN = "6f2a5b70-1d4c-4f0e-9a37-0d6f2f6f6f10"
pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes are of POSIX")


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


# ── the modes of everything a run makes ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mask", [0o000, 0o077])
@pytest.mark.parametrize(("flags", "results_mode"), [((), 0o600), (("--file-mode", "640"), 0o640)])
def test_a_whole_run_makes_nothing_that_others_can_read(mask: int, flags: tuple[str, ...], results_mode: int) -> None:
    modes: dict[str, int] = {}

    def look() -> None:
        for path in files():
            name = "stdin" if path.parent.name == "temporary" and path.name.startswith("omni-bulk-") else path.name
            modes[name.partition("-")[0] if path.suffix in {".lock", ".owner"} else name] = mode_of(path)

    rows = write_list(2).read_bytes()
    Path("list.csv").unlink()
    with api(look=look) as server, umask(mask):
        more = ("--campaign", "modes", "--summary-json", "summary.json", *flags)
        ran = run("-", *SEND, *more, env=account(server), stdin=rows)
    look()
    assert ran.code == 0, ran.err
    directories = {name: modes.pop(name) for name in ("state", "ledger.db.locks", "temporary")}
    assert set(directories.values()) == {0o700}
    assert modes.pop("modes.results.jsonl") == results_mode
    assert {"ledger.db", "ledger.db-wal", "ledger.db-shm", "stdin", "summary.json"} <= set(modes)
    assert len(modes) > 5  # the locks
    assert set(modes.values()) == {0o600}, modes


# ── where anybody could swap them ─────────────────────────────────────────────────────────────────────────────────


def a_ledger(folder: Path) -> None:
    open_ledger(folder / "ledger.db").close()


def results(folder: Path) -> None:
    open_results(
        folder / "out.jsonl", campaign_id=CAMPAIGN, campaign="c", last_seq=0, missing=lambda after, upto: ()
    ).close()


OPEN = [(a_ledger, SettingsError, "--ledger"), (results, OutputError, "--out")]


@pytest.mark.parametrize(("make", "error", "flag"), OPEN)
@pytest.mark.parametrize("mode", [0o777, 0o757, 0o702])
def test_a_directory_that_anybody_can_write_to_is_refused(
    tmp_path: Path, make: Callable[[Path], None], error: type[OmniBulkError], flag: str, mode: int
) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(error) as caught:
        make(tmp_path)
    sentence = str(caught.value)
    assert "everybody can write to its directory: run `chmod o-w` on that" in sentence
    assert flag in sentence and "\n" not in sentence
    assert list(tmp_path.iterdir()) == []  # nothing was made there


@pytest.mark.parametrize("make", [a_ledger, results])
def test_one_that_was_made_before_is_refused_there_too(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    tmp_path.chmod(0o777)
    with pytest.raises(OmniBulkError, match="everybody can write"):
        make(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("make", [a_ledger, results])
@pytest.mark.parametrize("mode", [0o700, 0o750, 0o770, 0o2775, 0o1777, 0o3777])
def test_a_groups_directory_and_one_with_the_sticky_bit_are_fine(
    tmp_path: Path, make: Callable[[Path], None], mode: int
) -> None:
    tmp_path.chmod(mode)
    make(tmp_path)


@pytest.mark.parametrize("make", [a_ledger, results])
def test_where_there_are_no_mode_bits_nothing_is_refused(
    tmp_path: Path, make: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MODE_BITS", False)
    tmp_path.chmod(0o777)
    make(tmp_path)


def test_it_is_the_directory_where_a_relative_path_leads(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to("open")
    for folder in (Path("open"), Path("link")):
        with pytest.raises(OutputError, match="everybody can write"):
            results(folder)
    results(Path())


@pytest.mark.parametrize("flags", [("--ledger", "open/ledger.db"), ("--out", "open/out.jsonl")])
def test_the_command_refuses_in_one_sentence_before_it_asks_for_a_token(flags: tuple[str, ...]) -> None:
    Path("open").mkdir()
    Path("open").chmod(0o777)
    write_list(1)
    with api() as server:
        ran = run("list.csv", *SEND, *flags, env=account(server))
        assert server.requests == []
    assert ran.code == 2
    assert len(ran.err.splitlines()) == 1
    assert "everybody can write to its directory" in ran.err


# ── links ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("target", ["precious.json", "nowhere.json"])
def test_a_summary_is_not_written_through_a_link(target: str) -> None:
    Path("precious.json").touch()
    Path("summary.json").symlink_to(target)
    write_list(1)
    with api() as server:
        ran = run("list.csv", *SEND, "--summary-json", "summary.json", env=account(server))
    assert ran.code == 2
    assert not Path("nowhere.json").exists()
    assert Path("precious.json").read_bytes() == b""
