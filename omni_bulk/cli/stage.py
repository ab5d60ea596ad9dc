"""A verb with the screen that its flags ask for, and what ends it told there."""

import traceback
from collections.abc import Callable, Mapping
from typing import Any

from omni_bulk.cli.advice import place_of, where_to_look
from omni_bulk.cli.screen import Screen, log_to_stderr
from omni_bulk.errors import OmniBulkError, SettingsError, Stopped
from omni_bulk.sentences import said


def on_stage(given: Mapping[str, Any], go: Callable[[Screen], int]) -> int:
    """Runs `go` and gives its exit code, or that of the error which ended it. `given` are the verb's flags by name."""
    log_format = given["log_format"]
    if log_format not in {"text", "json"}:
        raise SettingsError(said("--log-format is one of text, json, not {given!r}", given=log_format))
    screen = Screen(quiet=given["quiet"], json=log_format == "json")
    log_to_stderr(json=screen.json, verbose=given["verbose"])
    try:
        return go(screen)
    except OmniBulkError as error:
        screen.error(error)
        look = where_to_look(error.reason, place_of(given)) if isinstance(error, Stopped) else None
        if look is not None:
            screen.say("next", look)
        return error.exit_code
    except Exception as error:
        if not screen.json:
            raise
        shown = "".join(traceback.format_exception(error))
        screen.say("bug", said("this is a bug; the ledger is consistent"), always=True, exit=70, traceback=shown)
        return 70
