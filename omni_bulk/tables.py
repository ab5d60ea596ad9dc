"""The tables that are data files: those of the package, and those that an operator gives. Read here, decided elsewhere.

An operator's file is looked through whole: every problem is told at once, each with the file and the entry.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from functools import lru_cache
from importlib.resources import files
from importlib.util import module_from_spec, spec_from_file_location
from os import PathLike
from pathlib import Path
from typing import Any, Final, get_args

import phonenumbers

from omni_bulk.country import EVERYWHERE, Purpose, Rule, Rules, Sender, Severity
from omni_bulk.errors import SettingsError
from omni_bulk.phone import REGIONS
from omni_bulk.sentences import said, system
from omni_bulk.text import Replacements
from omni_bulk.texts import Texts, problems_in
from omni_bulk.words import Language

TABLE_MAX: Final = 1024 * 1024
"""Bytes of a table that an operator gives."""

_DATA: Final = files("omni_bulk") / "data"
_NAME: Final = re.compile("[a-z][a-z0-9_]{1,39}")
_NEEDED: Final = ("rule", "countries", "severity")
_KNOWN: Final = frozenset(
    {*_NEEDED, "say", "say_ko", "source", "date", "purpose", "unless_begins", "when_from", "when_link", "when_parts_over"}
)  # fmt: skip
_ONE_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "severity": get_args(Severity), "purpose": get_args(Purpose), "when_from": get_args(Sender),
}  # fmt: skip
_TEXTS: Final = ("say", "say_ko", "source", "unless_begins")


@lru_cache(maxsize=1)
def replacements() -> Replacements:
    """What `--gsm7` replaces: the package's table."""
    document = tomllib.loads((_DATA / "gsm7.toml").read_text(encoding="utf-8"))
    return Replacements({char: put for put, chars in document["replace"].items() for char in chars})


@lru_cache(maxsize=1)
def package_rules() -> Rules:
    """The country rules of the package."""
    return _rules(tomllib.loads((_DATA / "rules.toml").read_text(encoding="utf-8")), "rules.toml")


@lru_cache(maxsize=2)
def country_names(language: Language) -> Mapping[str, str]:
    """ISO code → the country's name, as libphonenumber has it; empty when this version keeps it elsewhere."""
    # The module is loaded by its path: its package would load where every area code of the world lies, 1.4 s for 30 ms.
    path = Path(phonenumbers.__file__).with_name("geodata") / "locale.py"
    spec = spec_from_file_location("phonenumbers.geodata.locale", path)
    if spec is None or spec.loader is None or not path.is_file():
        return {}
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    names: dict[str, str] = {}
    for country, by_language in getattr(module, "LOCALE_DATA", {}).items():
        name = by_language.get(language, "")
        names[country] = by_language.get(name[1:], "") if name.startswith("*") else name  # "*aa": as in language aa
    return {country: name for country, name in names.items() if name}


def country_rules(path: str | PathLike[str] | None = None) -> Rules:
    """The country rules: the package's, and over them those of the file at `path` (``--rules``).

    :raises SettingsError: with every problem of the file.
    """
    if path is None:
        return package_rules()
    return _rules(_document(path, "--rules"), f"--rules {path}").over(package_rules())


def read_texts(path: str | PathLike[str], from_: str | None = None) -> Texts:
    """The texts in the file at `path` (``--texts``); `from_` goes with them.

    :raises SettingsError: with every problem of the file.
    """
    document = _document(path, "--texts")
    where = f"--texts {path}"
    if problems := list(problems_in(document)):
        raise SettingsError([said("{where}: {problem}", where=where, problem=problem) for problem in problems])
    try:
        return Texts(document.get("texts", {}), document.get("column"), from_)
    except SettingsError as error:
        raise SettingsError(
            [said("{where}: {problem}", where=where, problem=problem) for problem in error.problems]
        ) from None


def _document(path: str | PathLike[str], flag: str) -> dict[str, Any]:
    try:
        with Path(path).open("rb") as stream:
            content = stream.read(TABLE_MAX + 1)
    except OSError as error:
        raise SettingsError(
            said("{flag} {path} cannot be read: {strerror}.", flag=flag, path=path, strerror=system(error))
        ) from None
    except ValueError:  # a zero byte in the path
        raise SettingsError(said("{flag} names no file.", flag=flag)) from None
    if len(content) > TABLE_MAX:
        raise SettingsError(said("{flag} {path} is over {most} bytes.", flag=flag, path=path, most=TABLE_MAX))
    try:
        return tomllib.loads(content.decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError:
        raise SettingsError(said("{flag} {path} is not UTF-8: save it as UTF-8.", flag=flag, path=path)) from None
    except ValueError as error:  # the sentence holds a position, never a line
        raise SettingsError(
            said("{flag} {path} is not valid TOML: {error}.", flag=flag, path=path, error=error)
        ) from None


def _rules(document: Mapping[str, Any], where: str) -> Rules:
    rules: list[Rule] = []
    problems = [
        said("{name} means nothing here: write [[rule]]", name=name) for name in sorted(set(document) - {"rule"})
    ]
    entries = document.get("rule", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        problems.append(said("rules are written as [[rule]], one for each"))
        entries = []
    for number, entry in enumerate(entries, 1):
        found = [said("rule {number} {problem}", number=number, problem=problem) for problem in _problems(entry)]
        problems += found
        if not found:
            rules += _rule(entry)
    if problems:
        raise SettingsError([said("{where}: {problem}.", where=where, problem=problem) for problem in problems])
    return Rules(tuple(rules))


def _problems(entry: Mapping[str, Any]) -> Iterator[str]:
    yield from (said("has {name!r}, which means nothing here", name=name) for name in sorted(set(entry) - _KNOWN))
    yield from (said("has no {name!r}", name=name) for name in _NEEDED if name not in entry)
    if not isinstance(name := entry.get("rule", "any"), str) or _NAME.fullmatch(name) is None:
        yield said("needs a name of small letters, digits and _ as its 'rule'")
    countries = entry.get("countries", [EVERYWHERE])
    if not isinstance(countries, list) or not countries or set(map(str, countries)) - REGIONS - {EVERYWHERE}:
        yield said('needs \'countries\' that are ISO 3166 codes, such as ["CN"], or ["*"]')
    for name, allowed in _ONE_OF.items():
        if name in entry and entry[name] not in allowed:
            yield said("has {name!r} that is none of {allowed}", name=name, allowed=", ".join(allowed))
    yield from (
        said("has {name!r} that is no text", name=name) for name in _TEXTS if not isinstance(entry.get(name, ""), str)
    )
    if entry.get("severity") != "off" and not entry.get("say"):
        yield said("has no 'say': the clause that an operator reads")
    if "date" in entry and (not isinstance(entry["date"], date) or isinstance(entry["date"], datetime)):
        yield said("has a 'date' that is no date such as 2026-11-22")
    if not isinstance(entry.get("when_link", True), bool):
        yield said("has 'when_link' that is not true or false")
    parts = entry.get("when_parts_over", 1)
    if isinstance(parts, bool) or not isinstance(parts, int) or parts < 1:
        yield said("has 'when_parts_over' that is no whole number from 1")
    try:
        re.compile(str(entry.get("unless_begins", "")))
    except re.error as error:
        yield said("has 'unless_begins' that is no regular expression: {msg}", msg=error.msg)


def _rule(entry: Mapping[str, Any]) -> Iterator[Rule]:
    begins = entry.get("unless_begins")
    say = entry.get("say", "")
    for country in entry["countries"]:
        yield Rule(
            name=entry["rule"], country=country, severity=entry["severity"], say=say, say_ko=entry.get("say_ko", say),
            source=entry.get("source", ""), read_on=entry.get("date", date.min), purpose=entry.get("purpose"),
            unless_begins=None if begins is None else re.compile(begins), when_from=entry.get("when_from"),
            when_link=entry.get("when_link", False), when_parts_over=entry.get("when_parts_over"),
        )  # fmt: skip
