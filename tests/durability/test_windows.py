"""Death at the worst moment: between any two of the steps that must come one after the other.

One message is in flight at a time, so what must be true after the next run is known exactly.
"""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.cli.kit import FROM, PATIENCE, Served, environment, judge, results, sandbox, write_list

RECIPIENTS = 8
FLAGS = ("list.csv", "--text", "Hello {name}", "--from", FROM, "--ledger", "ledger.db", "--workers", "1", "--yes")
OUT = Path("list.results.jsonl")

# Runs the command once for each piece of code given, each in a child of its own that first executes that code.
_RUNS = """
import itertools, json, os, signal, sys
import omni_bulk.cli.sending
from omni_bulk import cli, client, lock, sink, worker
from omni_bulk.ledger import book, writer

def die():
    os.kill(os.getpid(), signal.SIGKILL)

def dies_before(owner, name, time):
    real, calls = getattr(owner, name), itertools.count(1)
    def instead(*given, **named):
        if next(calls) == time:
            die()
        return real(*given, **named)
    setattr(owner, name, instead)

def dies_after(owner, name, time):
    real, calls = getattr(owner, name), itertools.count(1)
    def instead(*given, **named):
        done = real(*given, **named)
        if next(calls) == time:
            die()
        return done
    setattr(owner, name, instead)

def tears(owner, name, time):
    real, calls = getattr(owner, name), itertools.count(1)
    def instead(descriptor, content):
        if next(calls) == time:
            os.write(descriptor, content[: len(content) // 2])
            die()
        return real(descriptor, content)
    setattr(owner, name, instead)

for code in json.loads(sys.argv[1]):
    child = os.fork()
    if not child:
        exec(code)
        os._exit(cli.run(sys.argv[2:]))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

KILLED = -9


def run_each(served: Served, *code: str) -> list[int]:
    """The exit codes of these runs, one after the other."""
    done = subprocess.run(
        [sys.executable, "-c", _RUNS, json.dumps(code), *FLAGS],
        check=False, env=environment(served), capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [int(line) for line in done.stdout.split()]


# What the first run dies of → how many of the eight are unknown in the end, and how many of those the server took.
WINDOWS = {
    "before the claim is committed": ("dies_after(book, 'claim', 3)", 0, 0),
    "after the claim's commit, before anybody heard of it": ("dies_before(client.Client, 'post_message', 3)", 1, 0),
    "after the post, before its answer is judged": ("dies_before(worker, 'classify', 3)", 1, 1),
    "after the answer, before its result is committed": ("dies_after(book, 'settle_all', 3)", 1, 1),
    "after the result's commit, before its line": ("dies_before(sink.ResultsFile, 'append', 3)", 0, 0),
    "in the middle of a line": ("tears(sink, 'write_all', 3)", 0, 0),
    "in the middle of the first line": ("tears(sink, 'write_all', 1)", 0, 0),
    "before the run's end is recorded": ("dies_before(book, 'end_run', 1)", 0, 0),
}


@pytest.mark.parametrize("window", WINDOWS)
def test_death_in_a_window(window: str) -> None:
    code, unknown, of_them_taken = WINDOWS[window]
    write_list(RECIPIENTS)
    with sandbox() as served:
        assert run_each(served, code, "") == [KILLED, 3 if unknown else 0]
        assert judge(served, RECIPIENTS) == Counter(accepted=RECIPIENTS - unknown, unknown=unknown)
        assert served.taken() == RECIPIENTS - unknown + of_them_taken


AGAIN = {
    "while the claim in doubt is settled": "dies_after(book, 'recover', 1)",
    "after it is settled, before its line": "dies_before(sink, 'write_all', 1)",
    "in the middle of its line": "tears(sink, 'write_all', 1)",
}


@pytest.mark.parametrize("window", AGAIN)
def test_death_at_the_resume_after_a_death(window: str) -> None:
    write_list(RECIPIENTS)
    with sandbox() as served:
        first = "dies_before(worker, 'classify', 3)"
        assert run_each(served, first, AGAIN[window], AGAIN[window], "") == [KILLED, KILLED, KILLED, 3]
        assert judge(served, RECIPIENTS) == Counter(accepted=RECIPIENTS - 1, unknown=1)
        assert served.taken() == RECIPIENTS


def test_death_while_a_damaged_results_file_is_rebuilt() -> None:
    write_list(RECIPIENTS)
    with sandbox() as served:
        assert run_each(served, "") == [0]
        whole = OUT.read_bytes()
        lines = whole.splitlines(keepends=True)
        OUT.write_bytes(b"".join(lines[:2] + lines[4:]))
        assert run_each(served, "dies_before(sink.Path, 'replace', 1)", "") == [KILLED, 0]
        assert OUT.read_bytes() == whole
        assert served.taken() == RECIPIENTS
        assert not list(Path().glob(".*rebuild*"))
        assert judge(served, RECIPIENTS) == Counter(accepted=RECIPIENTS)
        assert len(results(OUT)) == RECIPIENTS
