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
    "reports": Event("info", "when delivery reports have to be collected, or what kept them from it", said=True),
    "delivery": Event("info", "`send --reports`: the figures of delivery", said=True),
    "following": Event("info", "`reports --follow` has begun", said=True),
    "listening": Event("info", "`reports --webhook` listens", said=True),
    "unsigned": Event("info", "without a secret anybody could tell of deliveries", said=True),
    "collected": Event("info", "what a collector took in", said=True),
    "inquired": Event("info", "how many messages were asked about", said=True),
    "settled": Event("info", "unknown messages that turned out accepted", said=True),
    "unmatched": Event("info", "reports that bear a ref of ours and may be of something else", said=True),
    "foreign": Event("info", "where reports of other systems are", said=True),
    "double": Event("info", "somebody got two messages that nobody ordered: stop sending", said=True),
    "resolve": Event("info", "the campaign that `resolve` is about", said=True),
    "left_open": Event("info", "claims that a run which died had left open; they are unknown now", said=True),
    "by_hand": Event("info", "settled by `resolve --file`", said=True),
    "presumed": Event("info", "presumed unsent, by country", said=True),
    "unknown": Event("info", "still unknown, and why", said=True),
    "resolved": Event("info", "nothing is unknown", said=True),
    "question": Event("info", "what is asked before a second post", said=True),
    "resent": Event("info", "what became of the second posts", said=True),
    "stopped": Event("info", "what ended the second posts", said=True),
    "left": Event("info", "presumed unsent and not in this list as they were sent", said=True),
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
    "reports_retry": Event("debug", "no answer about reports; asked again"),
    "acked_before": Event("debug", "a batch of reports was acknowledged before"),
    "webhook_refused": Event("warning", "a pushed report with a wrong signature was refused"),
    "webhook_failed": Event("error", "a pushed report could not be stored; it comes again"),
    "unconfirmed": Event("warning", "pushed reports could not be confirmed"),
    "results_behind": Event("warning", "a results file could not be brought up to date; the ledger has it"),
}
