"""Signals that ask a verb to end."""

import asyncio
import signal
from collections.abc import Callable

ENDING = ("SIGINT", "SIGTERM", "SIGBREAK")  # the last is Windows' Ctrl-Break


def hear(heard: Callable[[], object], *names: str) -> None:
    """Calls `heard` in the running loop at each of these signals that the system has. SIGHUP only if `nohup` has not set
    it aside.
    """
    loop = asyncio.get_running_loop()
    for name in names:
        number = getattr(signal, name, None)
        if number is None or (name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN):
            continue
        try:
            loop.add_signal_handler(number, heard)
        except NotImplementedError:  # Windows: the loop has none
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(heard))
