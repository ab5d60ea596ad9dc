"""What ours is compared with, each a script of its own: ``python -m benchmarks.contenders.NAME`` with the flags of `flags`."""

import argparse
import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

FROM = "0212345678"
TOKEN_PATH = "/v1/auth/token"
SEND_PATH = "/v1/send/international"
WORKERS = 64


def flags() -> argparse.Namespace:
    """`--url`, `--list`, `--text`, `--out`, `--rate` (messages a second, 0 for none), `--loop`, `--ca`."""
    parser = argparse.ArgumentParser()
    for name in ("--url", "--list", "--text", "--out"):
        parser.add_argument(name, required=True)
    parser.add_argument("--rate", type=float, default=0.0)
    parser.add_argument("--loop", choices=("asyncio", "uvloop"), default="asyncio")
    parser.add_argument("--ca")
    return parser.parse_args()


def run(loop: str, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """On the loop of that name."""
    if loop == "uvloop":
        import uvloop  # noqa: PLC0415  an extra

        uvloop.run(main())
    else:
        asyncio.run(main())
