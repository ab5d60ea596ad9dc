"""What to type next: commands that run as they are copied, with the ledger and the settings of this one."""

import shlex
from collections.abc import Mapping
from typing import Any, Final

from omni_bulk.sentences import Sentence

_DOCTOR: Final = "`omni-bulk doctor{place}` checks the credentials and the network."
_CODES: Final = "`omni-bulk status {name}{place}` shows the codes."
LOOKS: Final[Mapping[str, str]] = {
    "bad_credentials": _DOCTOR, "account_blocked": _DOCTOR, "account_expired": _DOCTOR, "certificate": _DOCTOR,
    "proxy_auth": _DOCTOR, "no_token": _DOCTOR, "token_invalid": _DOCTOR, "bare_refusal": _DOCTOR,
    "failure_rate": _CODES, "unknown_rate": _CODES, "from": _CODES,
}  # fmt: skip
"""Where to look first, by the reason of a stop that running again does not cure."""


def place_of(given: Mapping[str, Any]) -> str:
    """The flags with which another verb finds the ledger that this one was given: `` --ledger FILE --config FILE``."""
    flags = [(f"--{name}", given.get(name)) for name in ("ledger", "config")]
    return "".join(f" {flag} {shlex.quote(str(value))}" for flag, value in flags if value is not None)


def where_to_look(reason: str | None, place: str, name: str | None = None) -> Sentence | None:
    """The sentence for a stop, None where none helps. Without the campaign's name only what needs none."""
    look = LOOKS.get(reason or "")
    if look is None or (name is None and look is _CODES):
        return None
    return Sentence(look, {"place": place, "name": shlex.quote(name or "")})
