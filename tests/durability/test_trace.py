"""Loss of power at any moment, judged from the system calls: no message leaves before its claim is on the disk."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.kit import FROM, PATIENCE, command, environment, judge, sandbox, write_list
from tests.durability.trace import STRACE, Disk, Step, TracedFile, judge_trace, steps

RECIPIENTS = 40
WORKERS = 8


def can_trace() -> bool:
    """strace may be missing, or forbidden in a container."""
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-o", "/dev/null", "true"], check=False, capture_output=True).returncode == 0


@pytest.mark.skipif(not can_trace(), reason="strace is not there, or may not trace")
def test_no_message_leaves_before_its_claim_is_on_the_disk() -> None:
    ledger, out, trace = (Path(name).absolute() for name in ("ledger.db", "list.results.jsonl", "trace"))
    send = command(
        write_list(RECIPIENTS), "--text", "Hello {name}", "--from", FROM, "--ledger", ledger, "--workers", str(WORKERS),
        "--yes", "--quiet",
    )  # fmt: skip
    with sandbox(faults={"a020": 0.3}, seed=3) as served:
        traced = subprocess.run(
            [*STRACE, "-o", trace, *send],
            env=environment(served), stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        assert traced.returncode == 0, traced.stderr
        assert judge(served, RECIPIENTS) == {"accepted": RECIPIENTS}
        posts = served.stats()["posts"]
    lines = trace.read_text(encoding="ascii").splitlines()
    findings = judge_trace(lines, Disk(ledger), out)
    assert len(findings.posts) == posts > RECIPIENTS  # every one was seen, and some were released and claimed again
    assert findings.unclaimed == []
    assert findings.ahead == []
    unsynced = judge_trace(lines, Disk(ledger, deaf=True), out)  # the judge itself: what it says of a ledger that lies
    assert unsynced.unclaimed == unsynced.posts
    assert len(unsynced.ahead) == RECIPIENTS


def hexed(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def test_a_call_that_was_interrupted_begins_and_ends_where_strace_says() -> None:
    path = hexed("/l.db")
    lines = [
        f"7 fdatasync(9<{path}> <unfinished ...>",
        f'8 pwrite64(9<{path}>, "{hexed("ab")}", 2, 4096) = 2',
        "7 <... fdatasync resumed>) = 0",
        "7 +++ exited with 0 +++",
    ]
    seen = [(step.thread, step.call, step.path, step.returned) for step in steps(lines)]
    assert seen == [
        ("7", "fdatasync", "/l.db", None),
        ("8", "pwrite64", "/l.db", None),
        ("8", "pwrite64", "/l.db", 2),
        ("7", "fdatasync", "/l.db", 0),
    ]


def test_a_write_counts_only_when_a_sync_began_after_it_and_ended() -> None:
    disk = Disk(Path("/l.db"))
    for thread, call, rest, returned in [
        ("8", "pwrite64", f'9<{hexed("/l.db")}>, "{hexed("ab")}", 2, 0', 2),
        ("7", "fdatasync", f"9<{hexed('/l.db')}>", None),
        ("8", "pwrite64", f'9<{hexed("/l.db")}>, "{hexed("cd")}", 2, 2', 2),
    ]:
        disk.observe(Step(thread, call, rest, returned))
    file = disk.files["/l.db"]
    assert file.content() == b""
    disk.observe(Step("7", "fdatasync", f"9<{hexed('/l.db')}>", 0))
    assert file.content() == b"ab"


@pytest.mark.parametrize(
    ("changes", "content"),
    [
        ([(0, b"abc"), (1, b"X")], b"aXc"),
        ([(2, b"c")], b"\0\0c"),
        ([(0, b"abc"), (1, None)], b"a"),
        ([(0, b"a"), (3, None)], b"a\0\0"),
        ([(0, b"abc"), (0, None), (1, b"z")], b"\0z"),
    ],
)
def test_changes_make_the_content(changes: list[tuple[int, bytes | None]], content: bytes) -> None:
    assert TracedFile(changes, synced=len(changes)).content() == content
