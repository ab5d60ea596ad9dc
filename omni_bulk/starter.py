"""What a new folder gets: a settings file with every setting in it, and a list to try things with.

The settings file is made from `Settings` itself: which settings there are and what they are without being set. What is
written here is only how they are grouped, an example for those that are nothing by default, and a clause. A setting
that has no line here still gets one, under "more".
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from omni_bulk.layers import CREDENTIALS, IN_FILES
from omni_bulk.settings import Settings, must_be

_WIDTH = 119  # columns of a line of the file
_NOTE_AT = 41  # column in which what is said of a setting begins


class _Line(NamedTuple):
    """One setting. `example` is TOML, for a setting that is nothing by default; `note` says what it does."""

    name: str
    note: str
    example: str = ""


_HEAD = """\
# Settings of omni-bulk: in omni-bulk.toml in the folder you run in, or in any file, named with --config.
# A flag wins over the environment, the environment over this file, this file over the defaults shown here.
# Paths are relative to this file. A name that is not known is an error, not a silent default.
"""

_ON_CREDENTIALS = """\
Files that hold the client id and the password, and nothing else (white space around it is removed). Each can
also be in the environment (OMNI_CLIENT_ID_FILE, OMNI_CLIENT_ID and so on), or in here as client_id and
client_password; that is taken only when nobody but you can read this file."""

_ON_LEDGER = """\
Without a name: ledger.db in the state directory of your user, made only on a terminal. A job of a scheduler
names its own. It must be on a local disk."""

_SECTIONS: tuple[tuple[str, str, tuple[_Line, ...]], ...] = (
    (
        "the account",
        _ON_CREDENTIALS,
        (
            _Line("client_id_file", "", '"secrets/client-id"'),
            _Line("client_password_file", "", '"secrets/client-password"'),
            _Line("base_url", "https; http only for this machine (the sandbox)"),
            _Line("proxy", "http or https; OMNI_PROXY when it needs a password", '"http://proxy.example:8080"'),
            _Line("ca_file", "certificate authorities to trust, PEM", '"company-ca.pem"'),
        ),
    ),
    (
        "where claims and results are kept",
        _ON_LEDGER,
        (_Line("ledger", "", '"ledger.db"'),),
    ),
    (
        "pace",
        "",
        (
            _Line("rate", "messages a second, the highest pace; lowered when the API says so"),
            _Line("workers", "requests in flight at most"),
            _Line("timeout", "seconds for one whole attempt"),
            _Line("drain", "seconds to finish what is in flight when a run is interrupted"),
        ),
    ),
    (
        "what has to be agreed to",
        "",
        (_Line("require_plan", "true: nothing is sent without a plan that somebody approved (check --save)"),),
    ),
    (
        "what a campaign uses when it is told nothing else",
        "",
        (
            _Line("from_", "the registered originating number, in quotes", '"0212345678"'),
            _Line("region", "the country of numbers written in national form", '"KR"'),
            _Line("numbers", "what digits alone are: international or national", '"international"'),
            _Line("countries", "where messages may go; without it anywhere", '["KR", "JP"]'),
            _Line("tz", "the zone in which days begin"),
            _Line("text_max", "characters of a rendered text at most"),
            _Line("window", "the time of day at which messages may go; without it at any", '"09:00-20:00"'),
            _Line("window_tz", 'by whose clocks: the recipient\'s, or a zone such as "Asia/Seoul"'),
            _Line("suppress", "numbers that get nothing, besides those of `omni-bulk suppress`", '"suppress.csv"'),
            _Line("once_per", "nothing for whom any campaign reached within that time", '"7d"'),
            _Line("only_mobile", "true leaves out landlines and premium numbers"),
        ),
    ),
    (
        "country rules and texts",
        "",
        (
            _Line("signature", "put in front as 【INFO中国】 where a country wants it (China)", '"INFO中国"'),
            _Line("purpose", "marketing or notice: brings the rules for it", '"notice"'),
            _Line("rules", "country rules over the built-in ones", '"rules.toml"'),
            _Line("allow", 'rules and warnings to pass over, everywhere or as "VN.link"', '["sender_registration"]'),
            _Line("strict", "true: what is only warned of is not sent"),
            _Line("gsm7", "true replaces quotes, dashes and accents where that makes a text GSM-7"),
            _Line("normalize", "Unicode normal form of the texts: NFC or NFKC", '"NFC"'),
        ),
    ),
    (
        "delivery reports",
        "",
        (
            _Line("dlr", "true: the account has handset reports, so one success report is only half of the news"),
            _Line("webhook_secret_file", "what pushed reports are signed with", '"secrets/webhook-secret"'),
        ),
    ),
    (
        "money: per billed part, in the currency of the price list",
        "",
        (
            _Line("prices", "country,price,currency; or prefix for a number prefix", '"prices.csv"'),
            _Line("budget", "what the account may spend; no flag lifts it", '{ day = 50000, month = "900000.5" }'),
        ),
    ),
)
_NO_LINE = frozenset({"config", *IN_FILES})  # the file itself; each credential has a line for its file
_FILES = tuple(f"{name}_file" for name in CREDENTIALS)

# 555-0100 to 555-0199 are nobody's: North America keeps them for fiction, so a slip sends nobody a test.
LIST = """\
to,name
+12015550123,Ada
+13125550142,Grace
+14155550167,김하늘
"""
TEXT = "{name}, this is a test of omni-bulk.\n"


def settings_toml(filled: Mapping[str, str] | None = None) -> str:
    """The settings file. `filled` maps settings that stand in it for real to their text; all others are commented out."""
    filled = filled or {}
    told = {line.name for _, _, lines in _SECTIONS for line in lines}
    rest = [name for name in Settings.model_fields if name not in told | _NO_LINE]
    more = (("more", "", tuple(_Line(name, must_be(name)) for name in rest)),) if rest else ()
    parts = [_HEAD]
    for title, words, lines in (*_SECTIONS, *more):
        comment = "".join(f"# {word}\n" for word in words.splitlines())
        body = "".join(f"{one}\n" for line in lines for one in _written(line, filled))
        parts.append(f"# --- {title} ".ljust(_WIDTH, "-") + f"\n\n{comment}{body}")
    return "\n".join(parts)


def _written(line: _Line, filled: Mapping[str, str]) -> Iterator[str]:
    name = line.name.strip("_")
    value = filled.get(name)
    text = f"{name} = {_quoted(value)}" if value is not None else f"#{name} = {_value(line)}"
    yield f"{text.ljust(_NOTE_AT - 2)}  # {line.note}" if line.note else text


def _value(line: _Line) -> str:
    """The default where there is one, else the example; an empty text where there is neither."""
    field = Settings.model_fields.get(line.name)
    default = None if field is None else field.default
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, int | float):
        return str(default)
    return _quoted(default) if isinstance(default, str) else line.example or '""'


def _quoted(text: str) -> str:
    """`text` as a string of TOML."""
    return '"' + "".join(f"\\u{ord(char):04X}" if char in '"\\' or ord(char) < 32 else char for char in text) + '"'


def starter_files(filled: Mapping[str, str]) -> Mapping[Path, str]:
    """Each file that is no secret, by its place in the folder."""
    return {
        Path("omni-bulk.toml"): settings_toml(filled),
        Path("sample.csv"): LIST,
        Path("sample.txt"): TEXT,
    }


def secret_files(client_id: str, password: str) -> Mapping[Path, str]:
    """The files that hold the credentials, by their place in the folder, and what keeps them out of a repository."""
    return {
        Path("secrets/.gitignore"): "*\n",
        Path("secrets/client-id"): f"{client_id}\n",
        Path("secrets/client-password"): f"{password}\n",
    }


CREDENTIALS_FILLED: Mapping[str, str] = {
    name: f"secrets/{name.removesuffix('_file').replace('_', '-')}" for name in _FILES
}
"""What the settings file says when the credentials are in `secret_files`."""
