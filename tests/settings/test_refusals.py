"""What is refused, in which words, and all of it at once."""

import os
from pathlib import Path
from typing import Any

import pytest

from omni_bulk.settings import Settings
from tests.settings.files import SECRET, problems, write

posix_only = pytest.mark.skipif(os.name != "posix", reason="mode bits are POSIX's")

RATE = "rate (OMNI_RATE, --rate) must be above 0 and at most 10,000 messages a second, not"
WORKERS = "workers (OMNI_WORKERS, --workers) must be a whole number from 1 to 1,000, not"
URL = "base_url (OMNI_BASE_URL, --base-url) must"
NO_URL = f"{URL} be a URL such as https://omni.ibapi.kr."
PROXY = "proxy (OMNI_PROXY, --proxy) must be an http or https URL such as http://proxy.example:8080."
HTTPS = f"{URL} begin with https:// (http is for this machine alone: 127.0.0.1, ::1, localhost)."
ONE_LINE = "must be text on one line, and not empty."
CA_FILE = "ca_file (OMNI_CA_FILE, --ca-file) cannot be read:"

REFUSED: list[tuple[str, Any, str]] = [
    ("rate", "fast", f"{RATE} 'fast'."),
    ("rate", 0, f"{RATE} 0."),
    ("rate", 10_000.1, f"{RATE} 10000.1."),
    ("rate", "nan", f"{RATE} 'nan'."),
    ("rate", True, f"{RATE} True."),
    ("workers", 0, f"{WORKERS} 0."),
    ("workers", 1_001, f"{WORKERS} 1001."),
    ("workers", "1.5", f"{WORKERS} '1.5'."),
    ("timeout", 0, "timeout (--timeout) must be above 0 and at most 600 seconds, not 0."),
    ("timeout", 601, "timeout (--timeout) must be above 0 and at most 600 seconds, not 601."),
    ("drain", -1, "drain (--drain) must be from 0 to 3,600 seconds, not -1."),
    ("text_max", 0, "text_max must be a whole number from 1 to 10,000 characters, not 0."),
    (
        "from_",
        212345678,
        "from (--from) must be text in quotes and not empty (as a number it would lose a leading zero).",
    ),
    ("from_", " ", "from (--from) must be text in quotes and not empty (as a number it would lose a leading zero)."),
    ("region", "KOR", "region (--region) must be a country's two letters such as KR, not 'KOR'."),
    ("numbers", "both", "numbers (--numbers) must be `international` or `national`, not 'both'."),
    ("countries", "KR,KOR,X", "countries (--countries) must be countries' two letters such as KR,JP, not 'KOR'."),
    ("countries", [], "countries (--countries) must be countries' two letters such as KR,JP, not []."),
    ("tz", "Asia/Soul", "tz (--tz) must be a time zone such as Asia/Seoul, not 'Asia/Soul'."),
    ("tz", "Asia", "tz (--tz) must be a time zone such as Asia/Seoul, not 'Asia'."),
    ("tz", "/etc/localtime", "tz (--tz) must be a time zone such as Asia/Seoul, not '/etc/localtime'."),
    ("ledger", "", "ledger (OMNI_LEDGER, --ledger) must be the path of a file."),
    ("ledger", "~nobody-has-this-name/x.db", "ledger (OMNI_LEDGER, --ledger) must be the path of a file."),
    ("ca_file", "none.pem", f"{CA_FILE} none.pem: No such file or directory."),
    ("ca_file", ".", f"{CA_FILE} .: Is a directory."),
    ("client_id", "", f"client_id (OMNI_CLIENT_ID) {ONE_LINE}"),
    ("client_id", "a\nb", f"client_id (OMNI_CLIENT_ID) {ONE_LINE}"),
    ("client_password", "", f"client_password (OMNI_CLIENT_PASSWORD) {ONE_LINE}"),
    ("client_password", f"{SECRET}\r\nX-Header: 1", f"client_password (OMNI_CLIENT_PASSWORD) {ONE_LINE}"),
    ("client_password", 12345, f"client_password (OMNI_CLIENT_PASSWORD) {ONE_LINE}"),
    ("base_url", "omni.ibapi.kr", NO_URL),
    ("base_url", "https://", NO_URL),
    ("base_url", "ftp://omni.ibapi.kr", NO_URL),
    ("base_url", "https://omni.ibapi.kr:0", NO_URL),
    ("base_url", "https://omni.ibapi.kr:99999", NO_URL),
    ("base_url", "https://omni.ibapi.kr/\n", NO_URL),
    ("base_url", "https://omni.ibapi.kr\\@evil.example", NO_URL),
    ("base_url", "https://[::1", NO_URL),
    ("base_url", f"https://user:{SECRET}@omni.ibapi.kr", f"{URL} not hold a user name or password."),
    ("base_url", "https://omni.ibapi.kr/?", f"{URL} not have a query or a fragment."),
    ("base_url", "https://omni.ibapi.kr/#x", f"{URL} not have a query or a fragment."),
    ("base_url", "http://omni.ibapi.kr", HTTPS),
    ("base_url", "http://localhost.evil.example", HTTPS),
    ("base_url", "http://127.0.0.1.evil.example", HTTPS),
    ("base_url", "http://10.0.0.1", HTTPS),
    ("base_url", "http://0.0.0.0", HTTPS),
    ("base_url", "http://[2001:db8::1]", HTTPS),
    ("proxy", "proxy.example:8080", PROXY),
    ("proxy", f"socks5://user:{SECRET}@proxy.example", PROXY),
    ("proxy", f"http://user:{SECRET}@proxy.example/path", PROXY),
    ("proxy", f"http://user:{SECRET}@proxy.example?q", PROXY),
    ("proxy", "", PROXY),
]


@pytest.mark.parametrize(("field", "value", "sentence"), REFUSED)
def test_each_problem_has_its_sentence(field: str, value: Any, sentence: str) -> None:
    assert problems(**{field: value}) == (sentence,)


def test_a_ledger_is_no_directory(tmp_path: Path) -> None:
    assert problems(ledger=tmp_path) == (f"ledger (OMNI_LEDGER, --ledger) is a directory: {tmp_path}.",)


def test_all_problems_come_at_once_from_every_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    write("omni-bulk.toml", 'tz = "Mars"\nrat = 3\nworkers = 0')
    monkeypatch.setenv("OMNI_RATE", "0")
    monkeypatch.setenv("OMNI_CLIENT_ID_FILE", "none")
    assert problems(base_url="x", drain=-1) == (
        "omni-bulk.toml has no setting `rat`: did you mean `rate`?",
        "OMNI_CLIENT_ID_FILE cannot be read: none: No such file or directory.",
        NO_URL,
        f"{RATE} '0'.",
        f"{WORKERS} 0.",
        "drain (--drain) must be from 0 to 3,600 seconds, not -1.",
        "tz (--tz) must be a time zone such as Asia/Seoul, not 'Mars'.",
    )


def test_a_long_value_is_cut() -> None:
    (sentence,) = problems(rate="9" * 5_000)
    assert len(sentence) < 200


@pytest.mark.parametrize("name", ["id", "password"])
def test_a_secret_and_its_file_exclude_each_other(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variable = f"OMNI_CLIENT_{name.upper()}"
    monkeypatch.setenv(variable, SECRET)
    monkeypatch.setenv(f"{variable}_FILE", str(write("file", SECRET)))
    assert problems() == (f"{variable} and {variable}_FILE are both given: keep one of them.",)


SECRET_FILES: list[tuple[bytes | None, str]] = [
    (None, "cannot be read: {}: No such file or directory."),
    (b" \n", "names a file that is empty: {}."),
    (b"x" * 65_537, "names a file that is too large: {}."),
    (b"\xff\xfe\x00", "names no UTF-8 text: {}."),
]


@pytest.mark.parametrize(("content", "rest"), SECRET_FILES)
def test_a_secret_file_must_hold_a_secret(content: bytes | None, rest: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if content is not None:
        Path("file").write_bytes(content)
    monkeypatch.setenv("OMNI_CLIENT_PASSWORD_FILE", "file")
    assert problems() == (f"OMNI_CLIENT_PASSWORD_FILE {rest.format('file')}",)


@pytest.mark.parametrize(
    ("toml", "sentence"),
    [
        ("rate = ", "omni-bulk.toml is not valid TOML: Invalid value (at end of document)."),
        ("wrokers = 3", "omni-bulk.toml has no setting `wrokers`: did you mean `workers`?"),
        ('from_ = "02"', "omni-bulk.toml has no setting `from_`: did you mean `from`?"),
        ('config = "x"', "omni-bulk.toml has no setting `config`."),
        ("[campaign]\nrate = 1", "omni-bulk.toml has no setting `campaign`."),
        ("client_id_file = 3", "`client_id_file` in omni-bulk.toml must be the path of a file."),
        (
            'client_id = "a"\nclient_id_file = "b"',
            "`client_id` in omni-bulk.toml and `client_id_file` in omni-bulk.toml are both given: keep one of them.",
        ),
        ("rate = {a = 1}", f"{RATE} {{'a': 1}}."),
        ("base_url = 3", NO_URL),
        ('ca_file = "~nobody-has-this-name/x"', f"{CA_FILE} ~nobody-has-this-name/x: No such file or directory."),
    ],
)
def test_a_toml_is_read_strictly(toml: str, sentence: str) -> None:
    write("omni-bulk.toml", toml)
    assert problems() == (sentence,)


def test_a_toml_that_is_no_text() -> None:
    Path("omni-bulk.toml").write_bytes(b"rate = \xff")
    (sentence,) = problems()
    assert sentence.startswith("omni-bulk.toml is not valid TOML: 'utf-8' codec")


def test_a_toml_that_was_named_must_be_there(tmp_path: Path) -> None:
    assert problems(config="none.toml") == ("none.toml (--config) is no file; `omni-bulk init` writes one.",)
    assert problems(config=tmp_path) == (f"{tmp_path} (--config) is no file; `omni-bulk init` writes one.",)


def test_a_toml_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    write("omni-bulk.toml", "")

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tomllib.load", refuse)
    assert problems() == ("omni-bulk.toml cannot be read: Permission denied.",)


def test_an_unknown_argument() -> None:
    assert problems(ratee=3) == ("Settings has no setting `ratee`: did you mean `rate`?",)


@posix_only
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o601])
def test_secrets_in_a_toml_are_for_its_owner_alone(mode: int) -> None:
    chmod = "others can read it: run `chmod 600` on it"
    toml = f'client_password = "{SECRET}"\nproxy = "http://u:{SECRET}@p.example"'
    write("omni-bulk.toml", toml, mode)
    assert problems(client_password="other") == (
        f"omni-bulk.toml holds `client_password` and {chmod}, or use `client_password_file`.",
        f"omni-bulk.toml holds `proxy` and {chmod}.",
    )
    write("omni-bulk.toml", 'client_id = "x"\nproxy = "http://p.example"', mode)
    assert Settings().client_id == "x"


def test_where_there_are_no_mode_bits_the_directory_guards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("omni_bulk.layers._MODE_BITS", False)
    write("omni-bulk.toml", f'client_password = "{SECRET}"', 0o644)
    assert Settings().client_password is not None
