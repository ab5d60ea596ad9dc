"""Bulk international SMS through the Infobank OMNI API: never a second message, never a silent loss.

    async with Omni(Settings()) as omni:
        result = await omni.send("+821000000000", "Your code is 481516", from_="0212345678", ref="login-77-1")

`Omni` is the account; `Omni.campaign` sends one template to a list of `Recipient`s and can be resumed; `read_recipients`
reads a list, `read_results` what became of it. Errors are under `OmniBulkError`. `omni_bulk.testing` has a stand-in for
the API.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from omni_bulk.version import VERSION

if TYPE_CHECKING:
    from omni_bulk.campaign import Campaign
    from omni_bulk.errors import (
        InputError,
        LedgerError,
        OmniBulkError,
        OutputError,
        RefConflict,
        Refused,
        SettingsError,
        Stopped,
    )
    from omni_bulk.hooks import Attempt, Pause
    from omni_bulk.model import Recipient, Result, Status
    from omni_bulk.omni import Omni
    from omni_bulk.settings import Settings
    from omni_bulk.sink import Results, read_results
    from omni_bulk.source import Source, read_recipients
    from omni_bulk.stats import Summary
    from omni_bulk.stream import ResultStream
    from omni_bulk.tables import read_texts
    from omni_bulk.text import Template, TemplateError
    from omni_bulk.texts import Texts

__version__ = VERSION

# Imported when first asked for: pydantic and aiohttp take 0.3 s, which `--help` need not wait for.
_HOMES = {
    "Attempt": "hooks", "Pause": "hooks", "Campaign": "campaign", "ResultStream": "stream", "InputError": "errors", "LedgerError": "errors",
    "OmniBulkError": "errors", "OutputError": "errors", "RefConflict": "errors", "Refused": "errors",
    "SettingsError": "errors", "Stopped": "errors", "Recipient": "model", "Result": "model", "Status": "model",
    "Omni": "omni", "Settings": "settings", "Results": "sink", "read_results": "sink", "Source": "source",
    "read_recipients": "source", "Summary": "stats", "Template": "text", "TemplateError": "text",
    "Texts": "texts", "read_texts": "tables",
}  # fmt: skip

__all__ = [
    "Attempt",
    "Campaign",
    "InputError",
    "LedgerError",
    "Omni",
    "OmniBulkError",
    "OutputError",
    "Pause",
    "Recipient",
    "RefConflict",
    "Refused",
    "Result",
    "ResultStream",
    "Results",
    "Settings",
    "SettingsError",
    "Source",
    "Status",
    "Stopped",
    "Summary",
    "Template",
    "TemplateError",
    "Texts",
    "read_recipients",
    "read_results",
    "read_texts",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'omni_bulk' has no attribute {name!r}")
    return getattr(import_module(f"omni_bulk.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
