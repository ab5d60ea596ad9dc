"""Every event that ``--log-format json`` or the logger ``omni_bulk`` can name, in one table. Pure.

Names are stable: programs look for them. An event has no number, no text and no secret in any field; `ref` and `refs`
are those of the list, or ours. The tables of the README and a search through the source are held against this one.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Event(NamedTuple):
    """When it happens, and how loud it is: a level of `logging`. What is below warning needs ``--verbose``, except for
    `said`: that is told to whoever runs a command, as its output is.
    """

    level: str
    when: str
    said: bool = False


EVENTS: Mapping[str, Event] = {
    # what a command says on its way
    "plan": Event("info", "the plan is made: what will be sent, what not and why", said=True),
    "declined": Event("info", "the question was answered with no; nothing was sent", said=True),
    "progress": Event("info", "every ten seconds: `done` of `total`, and what sending waits for", said=True),
    "interrupted": Event("info", "the first Ctrl-C or SIGTERM; what is in flight is finished", said=True),
    "sandbox": Event("info", "the sandbox took this many", said=True),
    "complete": Event("info", "the campaign was complete before; nothing was sent", said=True),
    "note": Event("info", "something an operator should read", said=True),
    "summary": Event("info", "how it ended: the fields of `--summary-json`", said=True),
    "next": Event("info", "what to do now", said=True),
    "rejects": Event("info", "rows to correct were written to `path`", said=True),
    "test": Event("info", "what the test message of `--test-to` is like", said=True),
    "tested": Event("info", "what became of it", said=True),
    "error": Event("error", "what ended the run, with its `exit` code", said=True),
    "bug": Event("error", "an internal error, with its `traceback`; exit 70", said=True),
    "unrecorded": Event("error", "a result that no disk would take: settle it by hand", said=True),
    # what happens inside
    "token_fetched": Event("info", "a token came; `generation` counts them"),
    "paused": Event("warning", "nothing passes for `seconds`, because of `cause`"),
    "single_use_connections": Event("warning", "the server cuts reused connections; from now on each is used once"),
    "not_accepted": Event("debug", "one message was not accepted: `ref`, `row`, `code`"),
    "recovered": Event("warning", "single messages in doubt after an interruption were recorded as unknown: `refs`"),
    "watching_failed": Event("warning", "a file of metrics or a heartbeat cannot be written; sending goes on"),
    "hook_failed": Event("error", "a `hook` of the program raised `error`; told once for each"),
    "hook_dropped": Event("warning", "a `hook` is too slow: so many calls `dropped`"),
    "guard": Event("error", "too much goes wrong; single sends pause for `seconds`, because of `reason`"),
}
