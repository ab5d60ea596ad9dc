"""What these tests share: an API that answers as it is told, and secrets that can be recognised anywhere."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.cli.kit import FROM, environment
from tests.engine.peer import Line, Peer, peer
from tests.faults.secrets_kept import spellings

PASSWORD = "pass+Planted/7q=&word"
TOKEN = "tok+Planted/8w==&en"
SECRETS = tuple({spelling for secret in (PASSWORD, TOKEN) for spelling in spellings(secret)})
SEND = ("--text", "Hello {name}", "--from", FROM, "--ledger", "state/ledger.db", "--yes")

Answer = Callable[[dict[str, Any]], dict[str, Any]]


def accepted(sent: dict[str, Any]) -> dict[str, Any]:
    return {"code": "A000", "result": "Success", "msgKey": f"key-{sent['ref']}", "ref": sent["ref"]}


@contextmanager
def api(answer: Answer = accepted, look: Callable[[], None] = lambda: None) -> Iterator[Peer]:
    """An API whose answer to a message is `answer` of it. `look` is called while each message is in flight.

    Only who shows the planted password gets the planted token, and only who shows that is answered.
    """

    def script(line: Line) -> None:
        while request := line.request():
            head, _, body = request.decode().partition("\r\n\r\n")
            look()
            if "/v1/auth/token" in head:
                known = f"X-IB-Client-Passwd: {PASSWORD}" in head
                grant = {"code": "A000", "data": {"schema": "Bearer", "token": TOKEN}}
                line.answer(json.dumps(grant if known else {"code": "A100", "result": "bad credentials"}).encode())
            else:
                assert f"Authorization: Bearer {TOKEN}" in head
                line.answer(json.dumps(answer(json.loads(body))).encode())

    with peer(script) as server:
        yield server


def account(server: Peer, password: str = PASSWORD) -> dict[str, str]:
    """The environment of a command that uses `server`; its temporary files lie where a test can see them."""
    temporary = Path("temporary")
    temporary.mkdir(mode=0o700, exist_ok=True)
    return environment(
        None, OMNI_BASE_URL=server.url, OMNI_CLIENT_ID="planted-client", OMNI_CLIENT_PASSWORD=password,
        TMPDIR=str(temporary.absolute()),
    )  # fmt: skip


def files() -> list[Path]:
    """Every file and directory below this one, but what is gone by now."""
    return [path for path in Path().rglob("*") if path.is_symlink() or path.exists()]


def content(path: Path) -> bytes:
    try:
        return path.read_bytes() if path.is_file() else b""
    except FileNotFoundError:  # a -wal or a draft that has just gone
        return b""
