"""A text for each language or country, and the file that brings them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omni_bulk.errors import SettingsError
from omni_bulk.model import Message, Problem, Recipient
from omni_bulk.rules import Composition, compose
from omni_bulk.tables import read_texts
from omni_bulk.text import MissingField
from omni_bulk.texts import NoText, Texts

BY_LANGUAGE = Texts(
    {"ko": "{name}님", "pt": "Olá", "pt-BR": "Oi", "en, default": "Hi {name|you}"}, "lang", "0212345678"
)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"lang": "ko", "name": "김하늘"}, "김하늘님"),
        ({"Lang": " KO ", "name": "김하늘"}, "김하늘님"),
        ({"lang": "ko-KR", "name": "김하늘"}, "김하늘님"),
        ({"lang": "pt_br"}, "Oi"),
        ({"lang": "pt-PT"}, "Olá"),
        ({"lang": "xx", "name": "Kim"}, "Hi Kim"),
        ({"lang": ""}, "Hi you"),
        ({}, "Hi you"),
        ({"lang": "ko"}, MissingField("name")),
    ],
)
def test_by_a_column(fields: dict[str, str], expected: str | MissingField) -> None:
    assert BY_LANGUAGE.render(fields, "JP") == expected


def test_by_the_country_of_the_number() -> None:
    texts = Texts({"DE, at": "Hallo", "KR": "안녕"}, from_="0212345678")
    assert [texts.render({}, country) for country in ("DE", "AT", "KR", "JP")] == ["Hallo", "Hallo", "안녕", NoText()]
    composition = Composition(texts)
    sent = compose(Recipient("+821020000000", 2), composition)
    assert isinstance(sent, Message) and (sent.text, sent.from_) == ("안녕", "0212345678")
    own = compose(Recipient("+819012345678", 2, text="mine"), composition)
    assert isinstance(own, Message) and own.text == "mine"
    none = compose(Recipient("+819012345678", 2), composition)
    assert isinstance(none, Problem) and (none.status, none.reason) == ("invalid", "missing_text")


def test_what_a_campaign_remembers_covers_all_of_them_and_their_choice() -> None:
    first = Texts({"ko": "a", "en": "b"}, "lang").text
    assert Texts({"en": "b", "ko": "a"}, "lang").text == first
    others = [({"ko": "a", "en": "c"}, "lang"), ({"ko": "a"}, "lang"), ({"ko": "a", "en": "b"}, "tongue")]
    assert all(Texts(texts, column).text != first for texts, column in others)
    assert BY_LANGUAGE.required == ("name",)
    assert not BY_LANGUAGE.braces and Texts({"KR": "{{x}}"}).braces
    assert "Hi" not in repr(BY_LANGUAGE) and set(BY_LANGUAGE.keys) == {"ko", "pt", "pt-br", "en", "default"}


@given(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=4), st.text(max_size=3))
def test_rendering_never_raises(fields: dict[str, str], country: str) -> None:
    assert isinstance(BY_LANGUAGE.render(fields, country), str | MissingField)


BAD: dict[str, tuple[str, list[str]]] = {
    "no TOML": ("x =", ["not valid TOML"]),
    "nothing in it": ("", ["no text"]),
    "an unknown key": ("default = 'x'\n[texts]\nKR = 'y'", ['"default", which means nothing']),
    "a column that is none": ("column = 3\n[texts]\nko = 'y'", ["`column` must be text"]),
    "a column with braces": ("column = 'a}'\n[texts]\nko = 'y'", ["`column` is the name of a column"]),
    "texts that are none": ("texts = 3", ["`texts` must be a table"]),
    "all at once": (
        "[texts]\nKR = '{'\nXX = 'y'\nJP = ' '\n'DE,de' = 'z'\n'FR,' = 'v'",
        ['"KR": At character 1', '"XX" is no country', '"JP" is empty', 'two texts for "de"', "an empty name"],
    ),
    "texts of another type": ("[texts]\nKR = 3\nDE = ['x']", ['"KR" must be text', '"DE" must be text']),
}


@pytest.mark.parametrize("case", BAD)
def test_a_file_that_cannot_be_is_refused_whole(case: str, tmp_path: Path) -> None:
    content, sentences = BAD[case]
    path = tmp_path / "texts.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        read_texts(path)
    assert len(caught.value.problems) == len(sentences)
    for sentence, problem in zip(sentences, caught.value.problems, strict=True):
        assert sentence in problem and problem.startswith(f"--texts {path}") and problem.endswith(".")


def test_a_file(tmp_path: Path) -> None:
    path = tmp_path / "texts.toml"
    path.write_bytes('\ufeffcolumn = "lang"\r\n[texts]\r\nko = """\r\n안녕\r\n하세요"""\r\n'.encode())
    assert read_texts(path).render({"lang": "ko"}, "KR") == "안녕\n하세요"


def test_no_such_file(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes("[texts]\nKR = '안녕'".encode("cp949"))
    large = tmp_path / "large.toml"
    large.write_bytes(b"#" * (1024 * 1024 + 1))
    for path, words in ((tmp_path / "none", "cannot be read"), (latin, "UTF-8"), (large, "bytes"), ("a\0b", "no file")):
        with pytest.raises(SettingsError, match=words):
            read_texts(path)
