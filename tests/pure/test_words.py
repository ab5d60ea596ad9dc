"""Every reason of the code base has a clause in both languages, and the locale decides which is meant."""

import ast
import typing

import pytest

from omni_bulk import phone
from omni_bulk.phone import Trouble
from omni_bulk.records import ROW_PROBLEMS
from omni_bulk.words import CLAUSES, DETAILS, LANGUAGES, clause, language_of
from tests.conftest import REPOSITORY

PACKAGE = sorted(path for path in (REPOSITORY / "omni_bulk").rglob("*.py") if "sandbox" not in path.parts)
# What ends a run rather than a row (`Stopped`), and columns and tables that are called so.
_OF_RUNS = {"Stopped"}


def _name(call: ast.Call) -> str:
    return getattr(call.func, "id", getattr(call.func, "attr", ""))


def _texts(node: ast.expr | None) -> set[str]:
    return (
        {one.value for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)}
        if node
        else set()
    )


def slugs() -> set[str]:
    """Reasons by how they are written: ``reason="…"``, ``Verdict``, ``.problem("…"``, ``Admission(…, …, "…")``."""
    found = set(ROW_PROBLEMS) | set(typing.get_args(typing.get_type_hints(Trouble)["reason"]))
    for path in PACKAGE:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _name(node) not in _OF_RUNS:
                found |= {text for word in node.keywords if word.arg == "reason" for text in _texts(word.value)}
                if _name(node) == "problem":
                    found |= _texts(node.args[0])
                if _name(node) == "Admission" and len(node.args) == 3:
                    found |= _texts(node.args[2])
            if isinstance(node, ast.FunctionDef) and node.name == "_unfit":
                returns = (one.value for one in ast.walk(node) if isinstance(one, ast.Return))
                found |= {text for one in returns if isinstance(one, ast.Tuple) for text in _texts(one.elts[0])}
    found -= {"reason"}  # the key of a line
    return {slug for slug in found if slug.replace("_", "").isalpha() and slug.islower()}


def test_every_reason_has_a_clause_in_every_language() -> None:
    assert len(slugs()) > 20
    for language in LANGUAGES:
        assert slugs() - set(CLAUSES[language]) == set()
        assert all(CLAUSES[language].values())
    assert not any(char > "\u00ff" for said in CLAUSES["en"].values() for char in said)
    assert all(any("가" <= char <= "힣" for char in said) for said in CLAUSES["ko"].values())


def test_the_details_that_are_translated_are_still_those_of_phone() -> None:
    said = {one.detail for one in vars(phone).values() if isinstance(one, Trouble)}
    assert set(DETAILS) <= said
    assert clause("invalid_number", "the number is empty", "ko") == "번호가 비어 있습니다"


def test_what_was_found_goes_before_the_general_clause() -> None:
    assert clause("invalid_number", "the number is empty", "en") == "the number is empty"
    assert clause("invalid_number", "", "en") == CLAUSES["en"]["invalid_number"]
    assert clause("a_new_one", "", "ko") == "a_new_one"
    assert clause("missing_field", "{name} has nothing in this row", "ko") == "{name} 문구에 들어갈 칸이 비어 있습니다"


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({}, "en"), ({"LANG": "ko_KR.UTF-8"}, "ko"), ({"LANG": "ko"}, "ko"), ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LC_ALL": "C", "LANG": "ko_KR.UTF-8"}, "en"), ({"LC_ALL": "", "LC_MESSAGES": "ko_KR.eucKR"}, "ko"),
        ({"LANG": "kok_IN"}, "en"), ({"LANG": "Korean_Korea.949"}, "ko"),
    ],
)  # fmt: skip
def test_the_locale_decides(environment: dict[str, str], language: str) -> None:
    assert language_of(environment) == language
