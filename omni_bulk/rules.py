"""From a row to a message, or to the reason why there is none. The first reason found is the one given."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from omni_bulk.country import NO_RULES, Purpose, Rule, Rules, allowed_names, signature_of, signed
from omni_bulk.errors import SettingsError
from omni_bulk.model import Encoding, Message, Problem, Recipient, Status
from omni_bulk.phone import REGIONS, Line, Numbers, Trouble, check_from, normalise
from omni_bulk.records import ROW_PROBLEMS, usable_ref
from omni_bulk.sentences import both, said, term
from omni_bulk.text import MAX_PARTS, TEXT_MAX, MissingField, Replacements, Template, segment
from omni_bulk.texts import NoText, Texts

Normal = Literal["NFC", "NFKC"]

# What no phone shows: C0 but for tab, line feed and carriage return; C1, which is what a wrong encoding leaves behind;
# half a surrogate pair; U+FFFD, which a decoder wrote where it could not read; noncharacters.
_BAD_CHARACTER: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffd-\uffff]")
_BRACES: Final = re.compile(r"\{[^{}\n]{0,60}\}|\{\{|\}\}")

WARNINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "fixed_line": "a landline, where most networks drop an SMS: --only-mobile leaves them out",
        "premium_rate": "a premium-rate number, where no phone is: --only-mobile leaves them out",
        "other_line": "freephone, VoIP, a pager or the like, where an SMS rarely arrives: --only-mobile leaves them out",
        "unreplaced_braces": "braces in the text look like a field that was not filled in: they are sent as they stand",
        "decomposed_text": "letters stand apart from their marks, as a Mac writes them: --normalize NFC joins them",
        "gsm7_replaced": "--gsm7 put other characters in place of those that force UCS-2",
    }
)
"""Warnings that are no country's rule, and what they say to people."""

_NotSent = Literal[Status.INVALID, Status.SKIPPED]
# What `--strict` makes of them; of what was asked for it makes nothing.
_STRICT: Final[Mapping[str, tuple[str, _NotSent]]] = {
    "fixed_line": ("not_mobile", Status.SKIPPED),
    "premium_rate": ("not_mobile", Status.SKIPPED),
    "other_line": ("not_mobile", Status.SKIPPED),
    "unreplaced_braces": ("unreplaced_braces", Status.INVALID),
    "decomposed_text": ("decomposed_text", Status.INVALID),
}
_NOT_MOBILE: Final[Mapping[Line, str]] = {
    "fixed_line": "a landline, and --only-mobile leaves them out",
    "premium_rate": "a premium-rate number, and --only-mobile leaves them out",
    "other_line": "freephone, VoIP, a pager or the like, and --only-mobile leaves them out",
}


@dataclass(frozen=True, slots=True)
class Composition:
    """All that `compose` needs to know beside the row.

    `from_` goes before the template's. `region` and `numbers` are those of `phone.normalise`. `countries` are the ISO
    3166 codes the campaign may go to, None for all; `only_mobile` leaves out what is no mobile number. `text_max` is in
    characters, `max_parts` in segments.

    `rules` are the countries' (`tables.country_rules`; none by default), for `purpose` if it is said. `allow` are names
    of rules or warnings to pass over, everywhere (``link``) or in one country (``MY.link``); `strict` makes of every
    warning a reason not to send. `signature` is put in front where a country wants one. `gsm7` replaces characters
    where that makes the whole text GSM-7, `normalize` brings it into a Unicode normal form; without them a text goes
    out to the letter.

    :raises SettingsError: with every setting that cannot be.
    """

    template: Template | Texts | None = None
    from_: str | None = None
    region: str | None = None
    numbers: Numbers | None = None
    countries: frozenset[str] | None = None
    text_max: int = TEXT_MAX
    max_parts: int = MAX_PARTS
    only_mobile: bool = False
    rules: Rules = field(default=NO_RULES, repr=False)
    purpose: Purpose | None = None
    allow: frozenset[str] = frozenset()
    strict: bool = False
    signature: str | None = None
    gsm7: Replacements | None = None
    normalize: Normal | None = None
    _of_country: dict[str, tuple[bool, tuple[Rule, ...]]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_of_country", {})
        problems: list[str] = []
        if self.region is not None and self.region not in REGIONS:
            problems.append(said("--region is not a country code: use two capital letters such as KR (ISO 3166)."))
        if self.numbers not in (None, "international", "national"):
            problems.append(said("--numbers is neither international nor national."))
        if self.numbers == "national" and self.region is None:
            problems.append(said("--numbers national needs --region CC: national numbers of which country?"))
        if strangers := sorted((self.countries or frozenset()) - REGIONS):
            problems.append(
                said(
                    "--countries has what is no country code: {strangers} (ISO 3166, such as KR,JP).",
                    strangers=", ".join(strangers),
                )
            )
        if self.purpose not in (None, "marketing", "notice"):
            problems.append(said("--purpose is neither marketing nor notice."))
        if self.normalize not in (None, "NFC", "NFKC"):
            problems.append(said("--normalize is neither NFC nor NFKC."))
        problems += allowed_names(self.allow, self.rules, WARNINGS)
        if self.signature is not None:
            try:
                object.__setattr__(self, "signature", signature_of(self.signature))
            except SettingsError as error:
                problems += error.problems
        if problems:
            raise SettingsError(problems)

    def of_country(self, country: str) -> tuple[bool, tuple[Rule, ...]]:
        """Whether a text to this country gets the signature, and the rules that hold for it."""
        found = self._of_country.get(country)
        if found is None:
            signing = self.signature is not None and self.rules.wants_signature(country)
            found = self._of_country[country] = signing, self.rules.of(country, self.purpose, self.allow)
        return found

    def passes(self, warning: str, country: str) -> bool:
        """Whether `allow` passes over this warning."""
        return bool(self.allow) and (warning in self.allow or f"{country}.{warning}" in self.allow)

    def explain(self, warning: str, country: str) -> str:
        """What a warning of a message to this country says to people; empty if it is not known."""
        if warning in WARNINGS:
            return term(WARNINGS[warning])
        return next((both(rule.say, rule.say_ko) for rule in self.of_country(country)[1] if rule.name == warning), "")


@dataclass(slots=True)
class _Draft:
    """What is known of a message so far, so that a problem can tell as much."""

    recipient: Recipient
    ref: str | None
    to: str | None = None
    from_: str | None = None
    country: str | None = None

    def problem(self, reason: str, detail: str, status: _NotSent = Status.INVALID) -> Problem:
        row = self.recipient.row
        # Rows without a number must not be taken for repetitions of each other; JSON cannot hold half a surrogate pair.
        cell = self.recipient.to.strip() or f"row {row}"
        identity = cell.encode("utf-8", "replace").decode()
        return Problem(status, reason, detail, row, self.ref, self.to, self.from_, self.country, identity)


def compose(recipient: Recipient, composition: Composition) -> Message | Problem:
    """The message for one recipient, or why there is none. Total: never raises.

    A recipient's own text is sent as it stands; where it has none the template is rendered. In the same way its own
    `from_` goes before the composition's, and that before the template's. Signature, normal form and replacements come
    after that, and everything is checked as it will leave.

    `Problem.identity` is the number cell as written, without outer white space; ``row 17`` if it is blank.
    """
    ref = recipient.ref if recipient.ref and recipient.ref.strip() else None
    if ref is not None and not usable_ref(ref):
        return _Draft(recipient, None).problem("invalid_ref", ROW_PROBLEMS["invalid_ref"])
    draft = _Draft(recipient, ref)
    if recipient.problem is not None:
        return draft.problem(recipient.problem, ROW_PROBLEMS.get(recipient.problem, ""))
    phone = normalise(recipient.to, region=composition.region, numbers=composition.numbers)
    if isinstance(phone, Trouble):
        return draft.problem(phone.reason, phone.detail)
    draft.to, draft.country = phone.e164, phone.country
    if composition.countries is not None and phone.country not in composition.countries:
        return draft.problem(
            "country_rule", said("{country} is not among --countries", country=phone.country), Status.SKIPPED
        )
    if composition.only_mobile and phone.line != "mobile":
        return draft.problem("not_mobile", _NOT_MOBILE[phone.line], Status.SKIPPED)
    from_ = _from(recipient, composition)
    if from_ is None:
        return draft.problem("missing_from", "neither a from column nor --from says which number it comes from")
    if isinstance(from_, Trouble):
        return draft.problem(from_.reason, from_.detail)
    draft.from_ = from_
    text = _text(recipient, composition, phone.country)
    if isinstance(text, MissingField):
        return draft.problem("missing_field", f"{{{text.name}}} has nothing in this row, and the template no fallback")
    if isinstance(text, NoText):
        return draft.problem("missing_text", "--texts has no text for it, and no default")
    text, replaced = _dressed(text, phone.country, composition)
    if trouble := _unfit(text, composition):
        return draft.problem(*trouble)
    encoding, _, segments = segment(text)
    if segments > composition.max_parts:
        over = said(
            "the text needs {segments} segments in {encoding}, and {most} are the most",
            segments=segments,
            encoding=encoding,
            most=composition.max_parts,
        )
        return draft.problem("text_too_long", over)
    warnings = _general_warnings(recipient, phone.line, text, encoding, composition)
    for rule in composition.of_country(phone.country)[1]:
        if rule.broken(text, from_, segments):
            if rule.severity == "block" or composition.strict:
                return draft.problem(
                    "country_rule",
                    said("{name}: {say}", name=rule.name, say=both(rule.say, rule.say_ko)),
                    Status.SKIPPED,
                )
            warnings.append(rule.name)
    if warnings and composition.allow:
        warnings = [warning for warning in warnings if not composition.passes(warning, phone.country)]
    if composition.strict:
        for warning in warnings:
            reason, status = _STRICT[warning]
            return draft.problem(reason, WARNINGS[warning], status)
    if replaced:
        warnings.append("gsm7_replaced")
    return Message(
        phone.e164, from_, text, phone.country, encoding, segments, recipient.row, ref, tuple(warnings), replaced
    )


def _from(recipient: Recipient, composition: Composition) -> str | Trouble | None:
    template = composition.template
    for from_ in (recipient.from_, composition.from_, template.from_ if template is not None else None):
        if from_ is not None and from_.strip():
            return check_from(from_)
    return None


def _text(recipient: Recipient, composition: Composition, country: str) -> str | MissingField | NoText:
    if recipient.text is not None and recipient.text.strip():
        return recipient.text
    template = composition.template
    if isinstance(template, Texts):
        return template.render(recipient.fields, country)
    return "" if template is None else template.render(recipient.fields)


def _dressed(text: str, country: str, composition: Composition) -> tuple[str, str]:
    """The text as it will leave, and the characters that `--gsm7` replaced in it. What is blank stays blank."""
    if composition.signature is not None and composition.of_country(country)[0] and text.strip():
        text = signed(text, composition.signature)
    if composition.normalize is not None:
        text = unicodedata.normalize(composition.normalize, text)
    if composition.gsm7 is not None and (found := composition.gsm7.plain(text)):
        return found[0], "".join(sorted(found[1]))
    return text, ""


def _general_warnings(
    recipient: Recipient, line: Line, text: str, encoding: Encoding, composition: Composition
) -> list[str]:
    warnings: list[str] = [] if line == "mobile" else [line]
    if "{" in text or "}" in text:
        own = recipient.text is not None and bool(recipient.text.strip())
        meant = not own and composition.template is not None and composition.template.braces
        if not meant and _BRACES.search(text):
            warnings.append("unreplaced_braces")
    # What NFC makes longer or leaves as long is no letter taken apart: Devanagari with a nukta, compatibility ideographs.
    apart = encoding == "UCS-2" and not unicodedata.is_normalized("NFC", text)
    if apart and len(unicodedata.normalize("NFC", text)) < len(text):
        warnings.append("decomposed_text")
    return warnings


def _unfit(text: str, composition: Composition) -> tuple[str, str] | None:
    """Reason and detail of a text that cannot be sent however it is split."""
    if not text.strip():
        return "empty_text", "neither its text column nor a template gives it any text"
    if (bad := _BAD_CHARACTER.search(text)) is not None:
        return "bad_character", said("the text holds U+{number:04X}, which no phone can show", number=ord(bad[0]))
    if len(text) > composition.text_max:
        return "text_too_long", said("the text is over {text_max} characters", text_max=composition.text_max)
    return None
