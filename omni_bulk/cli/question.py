"""Questions that a person answers on the terminal, and what counts as a yes."""

import sys
from contextlib import suppress

from omni_bulk.cli.language import spoken
from omni_bulk.errors import Refused
from omni_bulk.sentences import listed


def is_yes(answer: str) -> bool:
    """Whether an answer agrees; all else is a no."""
    return answer.strip().casefold() in {"y", "yes", "예", "네", "ㅇ"}


def somebody_is_there() -> bool:
    """Whether somebody can be asked: stdin is a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()


def answered_yes() -> bool:
    """Reads the answer to a question that was shown. The end of input is a no."""
    with suppress(OSError, UnicodeDecodeError):
        return is_yes(sys.stdin.readline())
    return False


def agreed(question: str, otherwise: str) -> bool:
    """Asks on stderr. Raises `Refused`, with the question and the way on, where nobody can answer."""
    if not somebody_is_there():
        raise Refused(listed((question, otherwise), " "))
    print(f"{spoken(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    return answered_yes()
