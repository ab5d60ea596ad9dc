"""HTML in which nothing from elsewhere can become anything but text: one function makes every element. Pure.

Whatever is no `Html` is escaped, in children and in attributes alike, so no caller has to remember it.
"""

import unicodedata
from collections.abc import Iterable
from html import escape
from typing import Final

_KEPT: Final = frozenset("\n\t")
_ENDLESS: Final = frozenset({"meta"})  # elements without an end tag


class Html(str):
    """HTML that `tag` or `joined` made. Nothing else calls this class but what writes a literal of its own."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """An element of HTML or SVG. A child or attribute that is None is left out.

    The underscores of an attribute's name become hyphens; one at the end is for Python's own words (``class_``).
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _ENDLESS:
        return Html(f"<{name}{written}>")
    return Html(f"<{name}{written}>{joined(children)}</{name}>")


def joined(children: Iterable[object], between: str = "") -> Html:
    """One after the other, what is no `Html` escaped."""
    return Html(escape(between).join(_html(child) for child in children if child is not None))


def escaped(value: object) -> str:
    """Text as it may stand in an element and in a quoted attribute; no character of it can hide or reorder others."""
    return escape(visible(str(value)))


def visible(text: str) -> str:
    """Text without control, bidi and other format characters, and without halves of surrogate pairs."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        " " if char not in _KEPT and ((kind := unicodedata.category(char))[0] == "C" or kind in {"Zl", "Zp"}) else char
        for char in text
    )


def _html(child: object) -> str:
    return child if isinstance(child, Html) else escaped(child)
