"""What the flags of `send` are about: which `check` has too, and which an approved plan binds."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omni_bulk.errors import SettingsError
from omni_bulk.sentences import said, system

# About sending, and so none of `check`: a new flag of `send` is one of `check` as well, unless it stands here.
OF_SENDING = frozenset(
    {
        "sandbox", "yes", "limit", "deadline", "max_failure_rate", "max_unknown_rate", "lock_wait", "workers", "timeout",
        "drain", "proxy", "ca_file", "require_ledger", "file_mode", "summary_json", "quiet", "verbose", "log_format", "plan",
        "start_at", "test_to", "reports", "dlr", "heartbeat", "metrics", "metrics_file",
    }
)  # fmt: skip
# What changes nothing about who gets which text: where things lie, how fast it goes, what to make of the outcome. The
# list, the template and the campaign are in a plan by themselves. Any other flag is bound by a plan.
_NOT_BOUND = OF_SENDING | {
    "recipients", "text", "text_file", "campaign", "per", "as_of", "config", "base_url", "ledger", "rate", "tolerate",
    "min_rows", "max_rows", "changed_text", "extend", "same_account", "already", "out", "rejects", "lang", "client_id",
    "client_password", "require_plan", "tz", "budget", "max_cost",
}  # fmt: skip


def bound(given: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, str]:
    """What a plan binds beside list and template, by name: settings as they hold, other flags as given, of a file its
    digest. Raises SettingsError for a file that cannot be read.
    """
    values = {**given, **settings}
    return {
        name.strip("_").replace("_", "-"): _text(value)
        for name, value in sorted(values.items())
        if name not in _NOT_BOUND and value is not None and value is not False and value not in ([], ())
    }


def _text(value: Any) -> str:
    if isinstance(value, Path):
        try:
            return "sha256:" + hashlib.sha256(value.read_bytes()).hexdigest()
        except OSError as error:
            raise SettingsError(said("{path} cannot be read: {strerror}", path=value, strerror=system(error))) from None
    if isinstance(value, list | tuple | set | frozenset):
        return ",".join(map(_text, value))
    return str(value)
