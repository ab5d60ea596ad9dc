"""Running the command line as its users do: in a process of its own, against a sandbox in another."""

import csv
import json
import os
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

FROM = "0212345678"
PATIENCE = 60.0  # s that anything here may take before the test fails
LOOK_EVERY = 0.002  # s between looks at what another process does

_SERVE = """
import asyncio, json, sys
from omni_bulk.sandbox import Options, serve
asyncio.run(serve(Options(**json.loads(sys.argv[1])), ready=lambda served: print(served.url, flush=True)))
"""


@dataclass(frozen=True)
class Served:
    """A sandbox in another process. Its log has a line for each message, written before the answer."""

    url: str
    log: Path
    stop: Callable[[], None]

    @property
    def settings(self) -> dict[str, str]:
        return {"OMNI_BASE_URL": self.url, "OMNI_CLIENT_ID": "sandbox", "OMNI_CLIENT_PASSWORD": "sandbox"}

    def refs(self) -> list[str]:
        return [json.loads(line)["ref"] for line in self.log.read_bytes().splitlines()]

    def taken(self) -> int:
        return self.log.read_bytes().count(b"\n")

    def stats(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.url}/sandbox/stats", timeout=PATIENCE) as answer:  # noqa: S310  ours
            found: dict[str, Any] = json.loads(answer.read())
        return found


@contextmanager
def sandbox(**knobs: Any) -> Iterator[Served]:
    """A sandbox in a process of its own; the keywords are the fields of its `Options`."""
    log = Path("sandbox.log").absolute()
    options = json.dumps({"tps": None, "latency_ms": 5, **knobs, "log": str(log)})
    server = subprocess.Popen([sys.executable, "-c", _SERVE, options], stdout=subprocess.PIPE, text=True)
    with server:
        try:
            assert server.stdout is not None
            yield Served(server.stdout.readline().strip(), log, server.kill)
        finally:
            server.terminate()


def environment(served: Served | None = None, **more: str) -> dict[str, str]:
    """What the command runs under. Without a sandbox it would talk to nobody: port 9 discards."""
    nobody = {"OMNI_BASE_URL": "http://127.0.0.1:9"}
    return {**os.environ, "PYTHONIOENCODING": "utf-8", **(nobody if served is None else served.settings), **more}


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "omni_bulk", *map(str, arguments)]


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: bytes
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The last line of stdout."""
        found: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        return found


def run(
    *arguments: str | Path, env: Mapping[str, str] | None = None, stdin: bytes | None = None, under: Sequence[str] = (),
    **how: Any,
) -> Ran:  # fmt: skip
    """Runs a command to its end, `under` another one if given; stdin is empty and no terminal."""
    feed: dict[str, Any] = {"stdin": subprocess.DEVNULL} if stdin is None else {"input": stdin}
    done = subprocess.run(
        [*under, *command(*arguments)],
        check=False,
        env=dict(env or environment()),
        capture_output=True,
        timeout=PATIENCE,
        **feed,
        **how,
    )
    return Ran(done.returncode, done.stdout, done.stderr.decode())


@contextmanager
def started(
    *arguments: str | Path, env: Mapping[str, str], under: Sequence[str] = (), **how: Any
) -> Iterator[subprocess.Popen[bytes]]:
    """A command under way, `under` another one if given, killed at the end if it still is."""
    how = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, **how}
    with subprocess.Popen([*under, *command(*arguments)], env=dict(env), **how) as child:
        try:
            yield child
        finally:
            child.kill()


def ended(child: subprocess.Popen[bytes]) -> Ran:
    out, err = child.communicate(timeout=PATIENCE)
    return Ran(child.returncode, out or b"", (err or b"").decode())


def until(condition: Any, child: subprocess.Popen[bytes] | None = None) -> bool:
    """Waits until `condition()` holds; False when `child` ended before."""
    give_up = monotonic() + PATIENCE
    while not condition():
        if child is not None and child.poll() is not None:
            return False
        assert monotonic() < give_up, "what the test waits for did not happen"
        sleep(LOOK_EVERY)
    return True


def write_list(count: int, name: str = "list.csv", extra: Sequence[Sequence[str]] = ()) -> Path:
    """A list of that many recipients, then the `extra` rows."""
    path = Path(name)
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["to", "name"])
        rows.writerows([f"+8210{20_000_000 + number}", f"name {number}"] for number in range(count))
        rows.writerows(extra)
    return path


def results(path: str | Path = "list.results.jsonl") -> list[dict[str, Any]]:
    """Every line of a results file, each of which must parse."""
    return [json.loads(line) for line in Path(path).read_bytes().splitlines()]


def final(lines: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The last line of each ref."""
    return {line["ref"]: line for line in lines if line["ref"] is not None}


def judge(served: Served, recipients: int, path: str | Path = "list.results.jsonl") -> Counter[str]:
    """The promise, checked against the sandbox's log. Gives the recipients by state.

    Nobody got two; who got one is `accepted` or `unknown`, and `accepted` under the key that the server gave; each
    recipient has exactly one state; the file has every line once, in order.
    """
    took = [json.loads(line) for line in served.log.read_bytes().splitlines()]
    lines = results(path)
    states = final(lines)
    twice = [ref for ref, times in Counter(one["ref"] for one in took).items() if times > 1]
    assert not twice, f"{len(twice)} recipients got a second message"
    lost = [one["ref"] for one in took if states.get(one["ref"], {}).get("status") not in {"accepted", "unknown"}]
    assert not lost, f"{len(lost)} messages were taken and are neither accepted nor unknown"
    keys = {one["ref"]: one["msgKey"] for one in took}
    accepted = {ref: line["msgKey"] for ref, line in states.items() if line["status"] == "accepted"}
    assert {ref: keys.get(ref) for ref in accepted} == accepted
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert len({line["campaignId"] for line in lines}) == 1
    assert len(states) == recipients
    assert len({line["to"] for line in states.values()}) == recipients
    return Counter(line["status"] for line in states.values())
