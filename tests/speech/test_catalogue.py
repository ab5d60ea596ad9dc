"""Every sentence has its Korean, with the same fields, and no Korean is left over from a sentence that is gone."""

import ast
import re
from collections import Counter
from enum import Enum

import pytest

from omni_bulk.cli.advice import LOOKS
from omni_bulk.cli.deciding import _REASONS
from omni_bulk.cli.screen import _WAITS
from omni_bulk.cost import _USED_UP
from omni_bulk.delivery import Delivery
from omni_bulk.explaining import judgement
from omni_bulk.findings import Mark
from omni_bulk.korean import KOREAN, TABLES
from omni_bulk.model import Status
from omni_bulk.phone import _BAD_FROM
from omni_bulk.policy import _STOPS, STREAKS
from omni_bulk.records import ROW_PROBLEMS
from omni_bulk.rules import WARNINGS
from omni_bulk.settings import _MUST_BE
from omni_bulk.wire import Failure
from tests.speech.sentences import calls, fields, is_said, modules, templates

OWN = {english: korean for table in TABLES for english, korean in table.items()}
_SYSTEM = (
    "No such file or directory", "Permission denied", "Is a directory", "Not a directory", "No space left on device",
    "Disk quota exceeded", "Read-only file system", "File exists", "Address already in use", "Connection refused",
    "Input/output error", "connection refused", "network is unreachable", "name or service not known",
    "temporary failure in name resolution", "no answer",
)  # fmt: skip
_SCRIPTS = (  # that `stats` names; one without a Korean name here keeps its own
    "Hangul", "Han", "Hiragana", "Katakana", "Thai", "Cyrillic", "Arabic", "Hebrew", "Devanagari", "Khmer", "Lao",
    "Myanmar", "Greek",
)  # fmt: skip
# Words of closed lists: they are looked up by what they are, not by a template at the place where they are said.
TERMS = {
    *map(str, (*Status, *Delivery, *Mark)), *(str(mark).upper() for mark in (Mark.WARN, Mark.FAIL)),
    *("ready", "inDoubt", "presumedUnsent", "in doubt", "not sent yet", "without a report"),
    *("poll", "webhook", "inquiry", "import", "report", "report of the relay", "report of the handset"),
    *("settings", "credentials", "clock", "ledger", "disk", "open files", "reports", "versions"),
    *(one.value.replace("_", " ") for one in Failure), *_SYSTEM, *_SCRIPTS,
    *("it is a link", "it is not a regular file", "everybody can write to its directory: run `chmod o-w` on that"),
    *("the archive", "the export", "the file", "the plan", "the rejects", "too large", "empty"),
    *("the ledger could not be written", "the results file could not be written", "the account was refused: ask the vendor"),
    *(sentence for _, sentence in _STOPS.values()), *(streak.sentence for streak in STREAKS.values()),
    *ROW_PROBLEMS.values(), *WARNINGS.values(), *_MUST_BE.values(), *_WAITS.values(), *_USED_UP.values(),
    *_REASONS.values(), *LOOKS.values(), judgement("no_msg_key"), _BAD_FROM.detail,
}  # fmt: skip
# A form that hangs on what stands before it, after a field: "{path}을" is right for one path and wrong for the next.
_PARTICLE = re.compile(r"\}[`'\")\]]*(을|를|이|가|은|는|과|와|로|으로|이라|라|이며|며)(?=[\s,.)]|$)")


def _fields(template: str) -> set[str]:
    try:
        return fields(template)
    except ValueError:  # a sentence without fields is no template: its braces are braces
        return set()


def _is_said(template: str) -> bool:
    try:
        return is_said(template)
    except ValueError:
        return True


def test_every_sentence_has_its_korean() -> None:
    missing = {one for one in templates() | TERMS if one not in KOREAN and _is_said(one)}
    assert not missing


def test_no_korean_is_left_over() -> None:
    assert not OWN.keys() - templates() - TERMS


def test_nothing_stands_twice() -> None:
    assert not [one for one, times in Counter(one for table in TABLES for one in table).items() if times > 1]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: next(iter(table))[:20])
def test_both_have_the_same_fields(table: dict[str, str]) -> None:
    differ = {english for english, korean in table.items() if _fields(english) != _fields(korean)}
    assert not differ


def test_no_particle_follows_a_field() -> None:
    assert not [korean for korean in OWN.values() if _fields(korean) and _PARTICLE.search(korean)]


def test_korean_is_korean() -> None:
    same = {english for english, korean in OWN.items() if english == korean}
    assert all(
        re.fullmatch(r"(omni-bulk: |omni-bulk |--[a-z-]+|  ref|msgKey|[^A-Za-z가-힣])*", _bare(one)) for one in same
    )


def _bare(template: str) -> str:
    return re.sub(r"\{[^}]*\}", "", template)


_RAISED = {"SettingsError", "InputError", "OutputError", "Refused", "RefConflict", "Stopped", "LedgerError", "Step"}
_FINDINGS = {"ok", "warn", "fail", "skipped"}


def test_whatever_is_raised_can_be_said_in_korean() -> None:
    """No error and no finding is made of a plain string: it would stay English."""
    plain = [
        f"{path.name}:{one.lineno}"
        for path, tree in modules()
        for name in (*_RAISED, *(_FINDINGS if path.stem in {"findings", "checkup", "doctor"} else ()))
        for call in calls(tree, name)
        for one in call.args[0 if name in _RAISED - {"Step"} else 1 :][:1]
        if isinstance(one, ast.JoinedStr) or (isinstance(one, ast.Constant) and isinstance(one.value, str))
    ]
    assert not plain


def test_the_enums_are_whole() -> None:
    """What `TERMS` takes from enumerations is words, so that a new member is missed here and not on a screen."""
    assert all(isinstance(member, Enum) for kind in (Status, Delivery, Mark, Failure) for member in kind)
