"""Sentences for people that can be said in another language after they were made. Pure.

Whoever has something to say writes it in English, where it happens, with `said`. What that gives is a `str`, the English
sentence, for logs, exceptions and JSON; and it knows how it was made, so the command line can say it in Korean. `korean`
has the other half: one table, by the English template.
"""

from collections.abc import Iterable, Mapping
from typing import Final, Self

from omni_bulk.words import Language


class Sentence(str):
    """An English sentence, its template and the values that fill it.

    Joining or formatting one into a plain string keeps the English only: that is what `said` and `listed` are for.
    """

    __slots__ = ("template", "values")
    template: str
    values: Mapping[str, object]

    def __new__(cls, template: str, values: Mapping[str, object]) -> Self:
        made = super().__new__(cls, template.format_map(values) if values else template)
        made.template = template
        made.values = values
        return made

    def spoken(self, language: Language) -> str:
        """The sentence in a language. What has no Korean stays as it is, and what fills it is still translated."""
        if language == "en":
            return str(self)
        from omni_bulk.korean import KOREAN  # noqa: PLC0415  the table is read where somebody reads Korean

        template = KOREAN.get(self.template, self.template)
        values = {name: in_language(value, language) for name, value in self.values.items()}
        return template.format_map(values) if values else template


class _Both(Sentence):
    __slots__ = ()

    def __new__(cls, template: str, values: Mapping[str, object]) -> Self:
        made = str.__new__(cls, template)
        made.template, made.values = template, values
        return made

    def spoken(self, language: Language) -> str:
        return str(self) if language == "en" else str(self.values["korean"])


def said(template: str, /, **values: object) -> Sentence:
    """A sentence: an English template as for `str.format`, and what fills it.

    Without values the template is the sentence, braces and all.
    """
    return Sentence(template, values)


def term(word: str) -> Sentence:
    """A word of a closed list, such as a state, as part of a sentence."""
    return Sentence(word, _NOTHING)


def system(error: OSError) -> Sentence:
    """What the system says of a file or an address, as part of a sentence."""
    return term(error.strerror or str(error))


def both(english: str, korean: str) -> Sentence:
    """What stands in both languages where it comes from, such as a country's rule in its table."""
    return _Both(english, {"korean": korean})


def counted(number: int, word: str, words: str | None = None) -> Sentence:
    """``1 message``, ``2,000 messages``; `words` is a plural that is not made with an s."""
    shown = word if number == 1 else words or word + "s"
    return Sentence(f"{{number:,}} {shown}", {"number": number})


def listed(parts: Iterable[object], mark: str = ", ") -> Sentence:
    """Several in a row. What stands between them is the same in every language."""
    values = {f"_{place}": part for place, part in enumerate(parts)}
    return Sentence(mark.join(f"{{{name}}}" for name in values), values)


def in_language(text: object, language: Language) -> object:
    """A sentence in a language, anything else as it is."""
    return text.spoken(language) if isinstance(text, Sentence) else text


_NOTHING: Final[Mapping[str, object]] = {}
