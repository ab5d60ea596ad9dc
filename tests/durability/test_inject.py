"""A disk that fails at the n-th write or sync, for every n: nobody gets two, nobody is lost, and the next run goes on."""

import subprocess
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from tests.cli.kit import FROM, PATIENCE, Served, command, environment, final, judge, results, run, sandbox, write_list
from tests.durability.test_trace import can_trace

RECIPIENTS = 20
WORKERS = 4
OUT = "list.results.jsonl"
SEND = (
    "--text",
    "Hello {name}",
    "--from",
    FROM,
    "--ledger",
    "ledger.db",
    "--workers",
    str(WORKERS),
    "--yes",
    "--quiet",
)

pytestmark = pytest.mark.skipif(not can_trace(), reason="strace is not there, or may not trace")


@dataclass(frozen=True)
class Trouble:
    """From the `first` matching call on this file on, every one fails with `error`."""

    call: str
    error: str
    file: str

    def strace(self, first: int) -> list[str]:
        inject = f"inject={self.call}:error={self.error}:when={first}+"
        return [
            "strace",
            "-f",
            "-o",
            "trace",
            "-P",
            str(Path(self.file).absolute()),
            "-e",
            f"trace={self.call}",
            "-e",
            inject,
        ]


TROUBLES = (
    Trouble("fdatasync", "EIO", "ledger.db-wal"),
    Trouble("fdatasync", "EIO", "ledger.db"),
    Trouble("pwrite64", "ENOSPC", "ledger.db-wal"),
    Trouble("pwrite64", "EDQUOT", "ledger.db-wal"),
    Trouble("pwrite64", "EIO", "ledger.db"),
    Trouble("write", "ENOSPC", OUT),
)


def struck(trouble: Trouble, first: int, served: Served) -> bool:
    """One run with the trouble and one without. False when the run was over before it could strike."""
    before = served.taken()
    # The files are made by a run that sends nothing, so that strace knows them by their path.
    assert run("list.csv", *SEND, "--limit", "0", env=environment(served)).code in {0, 6}
    Path("ledger.db-wal").touch(mode=0o600)
    ended = subprocess.run(
        [*trouble.strace(first), *command("list.csv", *SEND)],
        env=environment(served), stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    hit = "INJECTED" in Path("trace").read_text(encoding="ascii", errors="replace")
    if hit and ended.returncode == 0:
        # Only the checkpoint at the very end failed: everything was recorded, and is in the -wal, before that.
        assert judge(served, RECIPIENTS) == {"accepted": RECIPIENTS}
    else:
        assert ended.returncode in ({2, 74} if hit else {0}), ended.stderr
    if ended.returncode == 2:
        assert served.taken() == before, "2 says that nothing was sent"
    assert b"Traceback" not in ended.stderr
    done = run("list.csv", *SEND, env=environment(served))
    states = judge(served, RECIPIENTS)
    assert sum(states.values()) == RECIPIENTS
    assert done.code == (3 if states.get("unknown") else 0), done.err
    assert [line["seq"] for line in results(OUT)] == list(range(1, len(results(OUT)) + 1))
    assert len(final(results(OUT))) == RECIPIENTS
    return hit


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: f"{trouble.call}-{trouble.error}-{trouble.file}")
def test_the_disk_fails_in_the_middle_of_a_run(trouble: Trouble) -> None:
    write_list(RECIPIENTS)
    with sandbox() as served:
        struck(trouble, 3, served)


@pytest.mark.soak
@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: f"{trouble.call}-{trouble.error}-{trouble.file}")
def test_the_disk_fails_at_every_call_until_none_is_left(
    trouble: Trouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for first in count(1):
        folder = tmp_path / f"from-{first}"
        folder.mkdir()
        monkeypatch.chdir(folder)
        write_list(RECIPIENTS)
        with sandbox() as served:
            if not struck(trouble, first, served):
                return
