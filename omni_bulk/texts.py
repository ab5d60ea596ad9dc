"""A text for each language or country: `--texts`. Pure; `tables` reads the file."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from omni_bulk.errors import SettingsError
from omni_bulk.phone import REGIONS
from omni_bulk.sentences import said
from omni_bulk.text import MissingField, Template, TemplateError

DEFAULT: Final = "default"


@dataclass(frozen=True, slots=True)
class NoText:
    """Nothing in the file fits this recipient, and it has no default."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Templates by what stands in a column, or by the country of the number; a campaign's template made of several.

    `column` is the column that chooses, None for the country. `texts` maps ``ko``, ``pt-BR``, ``DE`` … to a text; one
    key may name several, ``"DE, AT, CH"``. ``default`` is for everybody else; without it they are invalid. Keys are
    compared without case, and `-` is `_`. A language with a region falls back to the language: ``pt-BR`` to ``pt``.

    `text` is all of them in one string: what a campaign remembers as its template, so that a change of any of them is
    seen. `required` are the fields that one of them needs, `braces` says whether one has braces that are meant as such.
    `from_` is the originating number that goes with them.

    :raises SettingsError: with everything that is wrong with them.
    """

    texts: Mapping[str, str] = field(repr=False)
    column: str | None = None
    from_: str | None = field(default=None, repr=False)
    text: str = field(init=False, repr=False, compare=False)
    required: tuple[str, ...] = field(init=False, repr=False, compare=False)
    braces: bool = field(init=False, repr=False, compare=False)
    _chooser: Template | None = field(init=False, repr=False, compare=False)
    _by_key: dict[str, Template] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_key: dict[str, Template] = {}
        problems = [*self._fill(by_key)]
        if problems:
            raise SettingsError(problems)
        names = [name for template in by_key.values() for name in template.required]
        parts = [f"[{self.column or 'country'}]", *(f"{key} = {by_key[key].text}" for key in sorted(by_key))]
        chooser = None if self.column is None else Template(f"{{{self.column}|}}")
        for name, value in (
            ("text", "\n".join(parts)), ("required", tuple(dict.fromkeys(names))), ("_chooser", chooser),
            ("_by_key", by_key), ("braces", any(template.braces for template in by_key.values())),
        ):  # fmt: skip
            object.__setattr__(self, name, value)

    def _fill(self, by_key: dict[str, Template]) -> Iterator[str]:
        """Reads `texts` into `by_key`, and yields what is wrong."""
        if self.column is not None:
            try:
                Template(f"{{{self.column}}}")
            except TemplateError:
                yield said("`column` is the name of a column: letters, digits and _.")
        if not self.texts:
            yield said('It has no text: write [texts] and below it, for example, ko = "…" and default = "…".')
        for keys, text in self.texts.items():
            try:
                template = Template(text, self.from_)
            except TemplateError as error:
                yield said("The text for {keys}: {error}", keys=shown(keys), error=error.sentence)
                continue
            if not text.strip():
                yield said("The text for {keys} is empty.", keys=shown(keys))
            for key in map(_key, keys.split(",")):
                if not key:
                    yield said("The key {keys} has an empty name in it.", keys=shown(keys))
                elif key in by_key:
                    yield said("There are two texts for {key}.", key=shown(key))
                elif self.column is None and key != DEFAULT and key.upper() not in REGIONS:
                    yield said(
                        '{key} is no country code (ISO 3166, such as KR); to choose by a column, write column = "…".',
                        key=shown(key.upper()),
                    )
                by_key[key] = template

    @property
    def keys(self) -> tuple[str, ...]:
        """What there is a text for, ``default`` included."""
        return tuple(self._by_key)

    def render(self, fields: Mapping[str, str], country: str) -> str | MissingField | NoText:
        """The text for one recipient, the first field it lacks, or that there is none for it. Never raises."""
        value = country
        if self._chooser is not None:
            found = self._chooser.render(fields)
            value = found if isinstance(found, str) else ""
        key = _key(value)
        template = self._by_key.get(key) or self._by_key.get(key.partition("-")[0]) or self._by_key.get(DEFAULT)
        return NoText() if template is None else template.render(fields)


def shown(key: str) -> str:
    """A key of the file in a sentence."""
    line = " ".join(key.split())
    return f'"{line if len(line) <= 40 else line[:39] + "…"}"'


def _key(name: str) -> str:
    return name.strip().casefold().replace("_", "-")


def problems_in(document: Mapping[str, object]) -> Iterator[str]:
    """What is wrong with the shape of a parsed file, before `Texts` looks at the texts."""
    for name in sorted(set(document) - {"column", "texts"}):
        yield said("It has {name}, which means nothing here: it knows column and [texts].", name=shown(name))
    column, texts = document.get("column"), document.get("texts", {})
    if column is not None and not isinstance(column, str):
        yield said("`column` must be text in quotes: the name of a column.")
    if not isinstance(texts, Mapping):
        yield said("`texts` must be a table: [texts], and below it a line for each text.")
    else:
        yield from (said("The text for {key} must be text in quotes.", key=shown(key)) for key in _no_text(texts))


def _no_text(texts: Mapping[object, object]) -> Iterable[str]:
    return (str(key) for key, value in texts.items() if not isinstance(value, str))
