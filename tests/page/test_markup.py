"""Nothing that comes from elsewhere can become anything but text."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.markup import Html, escaped, joined, tag, visible
from tests.page.parsed import parse

ANY = st.text(st.characters(), max_size=40) | st.sampled_from(
    [
        "</p>",
        '"><script>x</script>',
        "' onload='x",
        "<!--",
        "]]>",
        "&lt;",
        "&amp;quot;",
        "\x00",
        "\ud800",
        "javascript:",
    ]
)


@given(ANY, ANY)
def test_no_text_breaks_out_of_an_element_or_an_attribute(text: str, value: str) -> None:
    parsed = parse(tag("p", text, title=value, aria_label=value))
    assert parsed.problems == []
    assert parsed.tags == {"p": 1}
    assert parsed.attributes == [("p", "title", visible(value)), ("p", "aria-label", visible(value))]
    assert parsed.text == visible(text)


@given(ANY)
def test_what_is_shown_holds_no_hidden_character_and_can_be_encoded(text: str) -> None:
    shown = visible(text)
    assert len(shown) == len(text)
    assert not [char for char in shown if unicodedata.category(char)[0] == "C" and char not in "\n\t"]
    shown.encode()


@pytest.mark.parametrize(
    ("made", "html"),
    [
        (tag("meta", charset="utf-8"), '<meta charset="utf-8">'),
        (tag("p", 1, None, "<"), "<p>1&lt;</p>"),
        (tag("p", tag("b", "&"), " and"), "<p><b>&amp;</b> and</p>"),
        (tag("p", class_="x", hidden=None, stroke_width=2), '<p class="x" stroke-width="2"></p>'),
        (joined(["a", None, Html("<br>")], " & "), "a &amp; <br>"),
        (escaped("a\u202eb\u2028c\n"), "a b c\n"),
    ],
)
def test_what_is_made(made: str, html: str) -> None:
    assert made == html
