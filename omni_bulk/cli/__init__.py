"""The command line: verbs, terminal, exit codes. It decides nothing about sending."""

import logging
import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import typer

from omni_bulk import __version__
from omni_bulk.cli.language import speak, speaks, spoken
from omni_bulk.cli.streams import put
from omni_bulk.errors import OmniBulkError, SettingsError
from omni_bulk.sentences import said

# Help is plain text: rich takes 0.1 s that `--help` can do without.
app = typer.Typer(
    name="omni-bulk",
    help="Bulk international SMS through the Infobank OMNI API. Without a verb, `send` is meant: "
    "omni-bulk campaign.csv --text-file campaign.txt --from 0212345678",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
VERBS = (
    "init", "doctor", "send", "check", "status", "export", "explain", "reports", "resolve", "suppress", "forget", "ledger",
    "sandbox",
)  # fmt: skip
_GLOBAL = ("-h", "--help", "--version", "--install-completion", "--show-completion")


@app.callback(invoke_without_command=True)
def _root(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
    if version:
        put(said("omni-bulk {__version__}", __version__=__version__))
        raise typer.Exit


def with_verb(arguments: Sequence[str]) -> list[str]:
    """`send` is the verb when the first argument is none."""
    if not arguments or arguments[0] in VERBS or arguments[0] in _GLOBAL:
        return list(arguments)
    return ["send", *arguments]


def _refuse_mistyped(arguments: Sequence[str]) -> None:
    """Without a verb a list is meant. A word that is no file and nearly a verb is that verb, mistyped."""
    word = next(iter(arguments), "")
    if word in VERBS or not word.isalpha() or Path(word).exists():
        return
    from difflib import get_close_matches  # noqa: PLC0415  not for every command

    if near := get_close_matches(word, VERBS, n=1):
        command = shlex.join(["omni-bulk", near[0], *arguments[1:]])
        raise SettingsError(
            said("there is no verb and no file {word!r}: did you mean {command}?", word=word, command=command)
        )


def run(arguments: Sequence[str]) -> int:
    """Runs one command and gives its exit code. Sentences go to stderr; a traceback only for a bug (70)."""
    from omni_bulk.cli import (  # noqa: F401, PLC0415  they add their verbs, in this order
        check,
        doctor,
        explain,
        export,
        forget,
        init,
        ledger,
        reports,
        resolve,
        sandbox,
        send,
        status,
        suppress,
    )

    logging.getLogger("omni_bulk").addHandler(logging.NullHandler())
    speak(arguments, os.environ)
    try:
        _refuse_mistyped(arguments)
        code = app(with_verb(arguments), prog_name="omni-bulk", standalone_mode=False)
    except typer.Exit as done:
        return done.exit_code
    except OmniBulkError as error:
        _say(error)
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):  # before sending has its own way with signals
        _print(said("omni-bulk: interrupted; run the same command again"))
        return 75
    except Exception as error:  # noqa: BLE001  the outermost frame: everything ends in an exit code
        return _unexpected(error)
    return code if isinstance(code, int) else 0


def _say(error: OmniBulkError) -> None:
    sentences = error.problems if isinstance(error, SettingsError) else (error.sentence,)
    for sentence in sentences:
        _print(said("omni-bulk: {sentence}", sentence=sentence))


def _print(line: str) -> None:
    from omni_bulk.cli.screen import printable  # noqa: PLC0415  not for --help

    print(printable(spoken(line)), file=sys.stderr)


def _unexpected(error: Exception) -> int:
    # typer's own usage errors (its vendored click's too) know how to show themselves.
    if hasattr(error, "show") and hasattr(error, "exit_code"):
        if speaks() == "en":
            shown = StringIO()
            error.show(file=shown)
            for line in shown.getvalue().split("\n"):
                _print(line)
        else:
            from omni_bulk.cli.usage import sentences  # noqa: PLC0415  only when it is needed

            for sentence in sentences(error):
                _print(said("omni-bulk: {sentence}", sentence=sentence))
        return int(error.exit_code)
    traceback.print_exception(error)
    _print(said("omni-bulk: this is a bug; the ledger is consistent, and the same command goes on"))
    return 70
