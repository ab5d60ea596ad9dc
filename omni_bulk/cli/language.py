"""The language in which one command speaks: what ``--lang`` says, else the locale's.

English takes over where stdout or stderr cannot show Hangul: a row of question marks says nothing in any language.
"""

import sys
from collections.abc import Mapping, Sequence
from typing import Annotated

import typer

from omni_bulk.errors import SettingsError
from omni_bulk.sentences import Sentence, listed, said
from omni_bulk.words import LANGUAGES, Language, language_of

Lang = Annotated[str | None, typer.Option("--lang", metavar="en|ko", help="Language to speak; default: the locale's.")]
_PROBE = "한"
_meant: Language = "en"
_spoken: Language = "en"


def speak(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Settles the language of this process, before the flags are read: what is wrong with those is told in it too."""
    global _meant, _spoken  # noqa: PLW0603  one command, one language: else a parameter of every line that says something
    _meant = asked(arguments) or language_of(environment)
    _spoken = _meant if _meant == "en" or _both_can_show(_PROBE) else "en"


def asked(arguments: Sequence[str]) -> Language | None:
    """What the last ``--lang`` among the arguments says; None when there is none that is a language."""
    found: Language | None = None
    for place, argument in enumerate(arguments):
        if argument == "--":
            break
        name, equals, value = argument.partition("=")
        if name == "--lang":
            word = value if equals else next(iter(arguments[place + 1 :]), "")
            found = next((one for one in LANGUAGES if one == word), found)
    return found


def checked(lang: str | None) -> None:
    """Raises SettingsError for a ``--lang`` that is no language; `speak` has done the rest."""
    if lang is not None and lang not in LANGUAGES:
        raise SettingsError(said("--lang is one of {allowed}, not {given!r}", allowed=listed(LANGUAGES), given=lang))


def spoken(text: str) -> str:
    """A sentence in the language of this command, any other text as it is."""
    return text.spoken(_spoken) if isinstance(text, Sentence) else text


def speaks() -> Language:
    """The language of this command."""
    return _spoken


def meant() -> Language:
    """The language of what this command writes into files: those hold Hangul, whatever the terminal can show."""
    return _meant


def _both_can_show(text: str) -> bool:
    for stream in (sys.stdout, sys.stderr):
        try:
            text.encode(getattr(stream, "encoding", None) or "utf-8")
        except (UnicodeEncodeError, LookupError):
            return False
    return True
