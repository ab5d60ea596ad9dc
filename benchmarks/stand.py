"""What every figure stands on: the server on a core of its own, lists, programs run as processes, and whether they did
what they were asked to. Every program is judged by the server's tally before anything of it is shown.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any, Self
from urllib.request import Request, urlopen

import orjson

ROOT = Path(__file__).parent.parent
TEXT = "{name}, your order {order} has left our house and should be with you on {day}."
OURS = "omni_bulk"
FROM = "0212345678"


class WrongAnswer(Exception):
    """A program did not do its job, so its figures mean nothing."""


@dataclass(frozen=True, slots=True)
class Ran:
    """One process, from its start to its end. Seconds; `rss` is its largest resident set in bytes.

    `tally` is the server's: `posts`, `numbers`, `first` and `last` arrival (monotonic), `worstSecond`.
    """

    started: float
    wall: float
    cpu: float
    rss: int
    tally: dict[str, Any]

    @property
    def first_post(self) -> float:
        """Seconds from the start of the process to the arrival of its first message."""
        return float(self.tally["first"]) - self.started


class Stand:
    """A context manager: a temporary directory, and a server, plain and with TLS, on the last core."""

    def __init__(self, *, fast_loop: bool) -> None:
        self.fast_loop = fast_loop
        cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
        self.server_core = cores[-1] if len(cores) > 1 else -1
        self.client_cores = set(cores[:-1]) if len(cores) > 1 else set(cores)
        self.folder = Path()
        self._servers: dict[bool, tuple[subprocess.Popen[bytes], int]] = {}

    def __enter__(self) -> Self:
        self.folder = Path(tempfile.mkdtemp(prefix="omni-bulk-bench-"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for server, _ in self._servers.values():
            with server:  # which closes its pipes
                server.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    # ── the server ────────────────────────────────────────────────────────────────────────────────────────────────

    def url(self, *, tls: bool = False) -> str:
        """Where it listens; it is started when it is first asked for."""
        if tls not in self._servers:
            more = [str(self._certificate())] if tls else []
            server = subprocess.Popen(
                [sys.executable, "-m", "benchmarks.server", str(self.server_core), *more], cwd=ROOT,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip
            assert server.stdout is not None
            self._servers[tls] = (server, int(server.stdout.readline()))
        return f"{'https' if tls else 'http'}://127.0.0.1:{self._servers[tls][1]}"

    @property
    def authority(self) -> Path:
        return self.folder / "authority.pem"

    def _certificate(self) -> Path:
        import trustme  # noqa: PLC0415  for one figure only

        authority, path = trustme.CA(), self.folder / "server.pem"
        authority.cert_pem.write_to_path(str(self.authority))
        authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(path))
        return path

    def _ask(self, path: str, method: str, *, tls: bool) -> dict[str, Any]:
        import ssl  # noqa: PLC0415

        context = ssl.create_default_context(cafile=str(self.authority)) if tls else None
        with urlopen(Request(self.url(tls=tls) + path, method=method), context=context) as answer:
            told: dict[str, Any] = orjson.loads(answer.read())
            return told

    # ── lists ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def list(self, rows: int) -> Path:
        """A CSV of this many recipients, made once: Korean mobiles, a ref, and what the text needs."""
        path = self.folder / f"list-{rows}.csv"
        if not path.exists():
            with path.open("w", encoding="utf-8") as file:
                file.write("to,name,order,day,ref\n")
                file.writelines(
                    f"+8210{20_000_000 + row},김하늘{row % 97},{row:08d},{1 + row % 28} May,r-{row}\n"
                    for row in range(rows)
                )
        return path

    def text(self) -> Path:
        path = self.folder / "text.txt"
        path.write_text(TEXT, encoding="utf-8")
        return path

    @contextmanager
    def workplace(self) -> Iterator[Path]:
        """An empty directory for one run."""
        path = Path(tempfile.mkdtemp(dir=self.folder))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    # ── running ───────────────────────────────────────────────────────────────────────────────────────────────────

    def ours(
        self, rows: int, place: Path, *, loop: str = "uvloop", rate: float = 10_000, tls: bool = False,
        limit: int | None = None,
    ) -> Ran:  # fmt: skip
        """The whole job, from a list to results, with every safety on; `place` may hold what an earlier run left.

        With `limit` only so many messages are sent, else one to every row, and the results file must tell of each.
        """
        ran = self._send(OURS, rows, place, loop=loop, rate=rate, tls=tls, limit=limit)
        _check_posts(ran, rows if limit is None else limit)
        if limit is None:
            _check_lines(place / "out.jsonl", rows)
        return ran

    def prepare(self, rows: int, done: int, place: Path) -> None:
        """`place` as a run leaves it that ended after `done` messages; see `prepare`."""
        self._send("benchmarks.prepare", rows, place, limit=done)

    def _send(
        self, module: str, rows: int, place: Path, *, loop: str = "uvloop", rate: float = 10_000, tls: bool = False,
        limit: int | None = None,
    ) -> Ran:  # fmt: skip
        arguments = [
            sys.executable, "-m", module, "send", str(self.list(rows)), "--text-file", str(self.text()), "--from", FROM,
            "--yes", "--campaign", "bench", "--rate", str(rate), "--ledger", str(place / "ledger.db"),
            "--out", str(place / "out.jsonl"), "--base-url", self.url(tls=tls),
            *(("--ca-file", str(self.authority)) if tls else ()), *(() if limit is None else ("--limit", str(limit))),
        ]  # fmt: skip
        secrets = {"OMNI_CLIENT_ID": "bench", "OMNI_CLIENT_PASSWORD": "bench"}
        return self.run(arguments, place, secrets | _without(loop, place), tls=tls, ok=0 if limit is None else 6)

    def theirs(
        self, name: str, rows: int, place: Path, *, loop: str = "uvloop", rate: float = 0, tls: bool = False
    ) -> Ran:
        """One of `contenders`."""
        out = place / "out.jsonl"
        arguments = [
            sys.executable, "-m", f"benchmarks.contenders.{name}", "--url", self.url(tls=tls), "--list", str(self.list(rows)),
            "--text", str(self.text()), "--out", str(out), "--rate", str(rate), "--loop", loop,
            *(("--ca", str(self.authority)) if tls else ()),
        ]  # fmt: skip
        ran = self.run(arguments, ROOT, {}, tls=tls)
        _check_posts(ran, rows)
        if out.exists():
            _check_lines(out, rows)
        return ran

    def run(
        self, arguments: Sequence[str], place: Path, more: dict[str, str], *, tls: bool = False, ok: int = 0
    ) -> Ran:
        """One process on the cores that are not the server's."""
        self._ask("/bench/reset", "POST", tls=tls)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OMNI_", "PYTHON"))}
        path = os.pathsep.join(filter(None, (more.get("PYTHONPATH"), str(ROOT))))
        errors = self.folder / "stderr"
        with errors.open("wb") as stderr:
            started = monotonic()
            child = subprocess.Popen(
                arguments, cwd=place, env=kept | more | {"PYTHONPATH": path}, stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=stderr,
            )  # fmt: skip
            if self.client_cores and hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(child.pid, self.client_cores)
            _, status, used = os.wait4(child.pid, 0)
            wall = monotonic() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != ok:
            raise WrongAnswer(
                f"{' '.join(arguments[:5])} … ended with {child.returncode}:\n{errors.read_text()[-2000:]}"
            )
        unit = 1 if sys.platform == "darwin" else 1024
        tally = self._ask("/bench/tally", "GET", tls=tls)
        return Ran(started, wall, used.ru_utime + used.ru_stime, used.ru_maxrss * unit, tally)


def _without(loop: str, place: Path) -> dict[str, str]:
    """Ours takes uvloop when it is installed. To measure without, something that cannot be imported stands before it."""
    if loop == "uvloop":
        return {}
    hidden = place / "without" / "uvloop.py"
    hidden.parent.mkdir(exist_ok=True)
    hidden.write_text("raise ImportError\n")
    return {"PYTHONPATH": str(hidden.parent)}


def _check_posts(ran: Ran, expected: int) -> None:
    """Everybody once."""
    posts, numbers = ran.tally["posts"], ran.tally["numbers"]
    if (posts, numbers) != (expected, expected):
        raise WrongAnswer(f"{expected} messages were expected; the server took {posts}, to {numbers} numbers")


def _check_lines(path: Path, rows: int) -> None:
    """A line with a msgKey for every recipient."""
    refs, accepted = set(), 0
    with path.open("rb") as file:
        for line in file:
            read = orjson.loads(line)
            refs.add(read["ref"])
            accepted += read["status"] in {"accepted", "A000"} and bool(read["msgKey"])
    if (len(refs), accepted) != (rows, rows):
        raise WrongAnswer(f"{path.name} has {accepted} accepted lines about {len(refs)} recipients instead of {rows}")
