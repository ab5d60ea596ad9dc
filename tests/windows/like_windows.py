"""Runs the command line with what Windows lacks taken away, and with its way with open files put on.

It is no Windows: paths, consoles and access rights are this system's. What it shows is that nothing here needs more than
Windows has. ``OMNI_TEST_EXCEL`` names a file that another program holds.
"""

import asyncio
import os
import pathlib
import signal
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, NoReturn

import filelock  # noqa: F401  with its own fcntl: on Windows it locks with msvcrt
import platformdirs.unix  # noqa: F401  on Windows it takes another module of its own

LACKING = (
    "fchmod", "fchown", "getuid", "geteuid", "fork", "statvfs", "fdatasync", "pread", "pwrite", "openpty", "sendfile",
    "O_NOFOLLOW", "O_CLOEXEC", "O_DIRECTORY", "O_SYNC", "O_DSYNC", "killpg", "setsid", "chown",
)  # fmt: skip
MODULES = ("fcntl", "termios", "tty", "pwd", "grp", "resource", "uvloop")
DESCRIPTORS = pathlib.Path("/proc/self/fd")
HELD = "The process cannot access the file because it is being used by another process"


def take_away() -> None:
    whole = SimpleNamespace(**vars(os))  # for filelock, whose way with Windows is another one than this system's
    for name in [name for name in sys.modules if name.startswith("filelock")]:
        if hasattr(sys.modules[name], "os"):
            vars(sys.modules[name])["os"] = whole
    for name in LACKING:
        if hasattr(os, name):
            delattr(os, name)
    for module in MODULES:
        sys.modules[module] = None  # type: ignore[assignment]  # import then raises ImportError
    del signal.SIGHUP

    def not_here(*_: object) -> NoReturn:
        raise NotImplementedError

    for name in ("add_signal_handler", "remove_signal_handler", "add_reader", "remove_reader"):
        setattr(asyncio.SelectorEventLoop, name, not_here)


def is_open(path: str) -> bool:
    """Whether this process has a descriptor of the file, or another program is said to hold it."""
    if os.environ.get("OMNI_TEST_EXCEL") == path:
        return True
    for descriptor in DESCRIPTORS.iterdir():
        try:
            if os.path.realpath(descriptor) == path:
                return True
        except OSError:
            continue
    return False


def refuse_open_files() -> None:
    """Windows neither replaces nor removes a file that is open, and opens none that another program keeps to itself."""

    def guarded(call: Callable[..., Any]) -> Callable[..., Any]:
        def checked(*paths: Any, **options: Any) -> Any:
            for path in paths:
                if is_open(os.path.realpath(path)):
                    raise PermissionError(13, HELD, str(path))
            return call(*paths, **options)

        return checked

    for name in ("replace", "rename", "unlink", "remove"):
        setattr(os, name, guarded(getattr(os, name)))
    opening = os.open

    def checked_open(path: Any, *rest: Any, **options: Any) -> int:
        if not isinstance(path, int) and os.environ.get("OMNI_TEST_EXCEL") == os.path.realpath(path):
            raise PermissionError(13, "Permission denied", str(path))
        return opening(path, *rest, **options)

    os.open = checked_open


def main() -> None:
    take_away()
    refuse_open_files()
    from omni_bulk import files, replacing  # noqa: PLC0415  under what was taken away

    files._MODE_BITS, files._WINDOWS = False, True  # type: ignore[misc]
    vars(replacing)["os"] = _WithName(os, "nt")
    from omni_bulk.__main__ import main as run  # noqa: PLC0415

    run()


class _WithName:
    """A module under another `name`: as a whole this system cannot be called Windows, its paths would not work."""

    def __init__(self, module: Any, name: str) -> None:
        self.name = name
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)


if __name__ == "__main__":
    main()
