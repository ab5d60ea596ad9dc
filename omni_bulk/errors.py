"""What the package raises. A recipient's failure is a result; these are for the campaign or the call as a whole.

::

    OmniBulkError               exit code
    ├── SettingsError           2    a setting is missing or wrong; every problem found is in `problems`
    ├── InputError              2    the list cannot be read, or has no usable column
    ├── OutputError             2    the results file cannot be written, or belongs to another campaign
    ├── Refused                 4    another run holds the campaign, or something of it changed
    │   └── RefConflict         4    `Omni.send`: this ref was used for another number or text
    ├── Stopped                 5, 6, 69, 75   sending ended before the list did; running again may go on
    └── LedgerError             74   the ledger or the results file could not be written

Each message is one sentence or two: what happened, and what to do next. No message holds a secret, a number or a text.
"""

from collections.abc import Sequence

from omni_bulk.sentences import listed


class OmniBulkError(Exception):
    """Root of everything this package raises on purpose. `exit_code` is what the command line exits with."""

    exit_code: int = 70

    @property
    def sentence(self) -> str:
        """The message. One that was made with `sentences.said` can be told in another language."""
        return self.args[0] if self.args and isinstance(self.args[0], str) else str(self)


class SettingsError(OmniBulkError):
    """A setting is missing or wrong. Raised before anything is sent, once, with every problem found."""

    exit_code = 2

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__(listed(self.problems, "\n"))


class InputError(OmniBulkError):
    """The list cannot be read at all. (A bad row is a result with status `invalid`, never an exception.)"""

    exit_code = 2


class OutputError(OmniBulkError):
    """The results file cannot be written, or belongs to another campaign. Nothing was sent."""

    exit_code = 2


class Refused(OmniBulkError):
    """Going on could send somebody twice or the wrong thing, so nothing was sent. The message names the ways on."""

    exit_code = 4


class RefConflict(Refused):
    """`Omni.send` met a ref that was already used for another number or text."""


class Stopped(OmniBulkError):
    """Sending ended before the list did. What was sent is recorded; the rest is untouched.

    `reason` is a slug such as ``bad_credentials``, ``account_blocked``, ``quota``, ``unavailable`` or ``interrupted``;
    `exit_code` says whether running again helps: 69 and 75 yes, 6 by design, 5 not before its cause is cured.
    """

    exit_code = 5

    def __init__(self, message: str, *, reason: str, exit_code: int = 5) -> None:
        super().__init__(message)
        self.reason = reason
        self.exit_code = exit_code


class LedgerError(OmniBulkError):
    """The ledger or the results file could not be read or written, so nothing more is sent."""

    exit_code = 74
