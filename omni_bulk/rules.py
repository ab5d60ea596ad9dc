"""From a row to a message, or to the reason why there is none. The first reason found is the one given."""

import re
from dataclasses import dataclass
from typing import Final, Literal

from omni_bulk.errors import SettingsError
from omni_bulk.model import Message, Problem, Recipient, Status
from omni_bulk.phone import REGIONS, Numbers, Trouble, check_from, normalise
from omni_bulk.records import ROW_PROBLEMS, usable_ref
from omni_bulk.text import MAX_PARTS, TEXT_MAX, MissingField, Template, segment

# What no phone shows: C0 but for tab, line feed and carriage return; C1, which is what a wrong encoding leaves behind;
# half a surrogate pair; U+FFFD, which a decoder wrote where it could not read; noncharacters.
_BAD_CHARACTER: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffd-\uffff]")

_NotSent = Literal[Status.INVALID, Status.SKIPPED]


@dataclass(frozen=True, slots=True)
class Composition:
    """All that `compose` needs to know beside the row.

    `from_` goes before the template's. `region` and `numbers` are those of `phone.normalise`. `countries` are the ISO
    3166 codes the campaign may go to, None for all. `text_max` is in characters, `max_parts` in segments.

    :raises SettingsError: with every setting that cannot be.
    """

    template: Template | None = None
    from_: str | None = None
    region: str | None = None
    numbers: Numbers | None = None
    countries: frozenset[str] | None = None
    text_max: int = TEXT_MAX
    max_parts: int = MAX_PARTS

    def __post_init__(self) -> None:
        problems = []
        if self.region is not None and self.region not in REGIONS:
            problems.append("--region is not a country code: use two capital letters such as KR (ISO 3166).")
        if self.numbers not in (None, "international", "national"):
            problems.append("--numbers is neither international nor national.")
        if self.numbers == "national" and self.region is None:
            problems.append("--numbers national needs --region CC: national numbers of which country?")
        if strangers := sorted((self.countries or frozenset()) - REGIONS):
            problems.append(
                f"--countries has what is no country code: {', '.join(strangers)} (ISO 3166, such as KR,JP)."
            )
        if problems:
            raise SettingsError(problems)


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
    `from_` goes before the composition's, and that before the template's.

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
        return draft.problem("country_rule", f"{phone.country} is not among --countries", Status.SKIPPED)
    from_ = _from(recipient, composition)
    if from_ is None:
        return draft.problem("missing_from", "neither a from column nor --from says which number it comes from")
    if isinstance(from_, Trouble):
        return draft.problem(from_.reason, from_.detail)
    draft.from_ = from_
    text = _text(recipient, composition)
    if isinstance(text, MissingField):
        return draft.problem("missing_field", f"{{{text.name}}} has nothing in this row, and the template no fallback")
    if trouble := _unfit(text, composition):
        return draft.problem(*trouble)
    encoding, _, segments = segment(text)
    if segments > composition.max_parts:
        over = f"the text needs {segments} segments in {encoding}, and {composition.max_parts} are the most"
        return draft.problem("text_too_long", over)
    return Message(phone.e164, from_, text, phone.country, encoding, segments, recipient.row, ref)


def _from(recipient: Recipient, composition: Composition) -> str | Trouble | None:
    template = composition.template
    for from_ in (recipient.from_, composition.from_, template.from_ if template is not None else None):
        if from_ is not None and from_.strip():
            return check_from(from_)
    return None


def _text(recipient: Recipient, composition: Composition) -> str | MissingField:
    if recipient.text is not None and recipient.text.strip():
        return recipient.text
    return "" if composition.template is None else composition.template.render(recipient.fields)


def _unfit(text: str, composition: Composition) -> tuple[str, str] | None:
    """Reason and detail of a text that cannot be sent however it is split."""
    if not text.strip():
        return "empty_text", "neither its text column nor a template gives it any text"
    if (bad := _BAD_CHARACTER.search(text)) is not None:
        return "bad_character", f"the text holds U+{ord(bad[0]):04X}, which no phone can show"
    if len(text) > composition.text_max:
        return "text_too_long", f"the text is over {composition.text_max} characters"
    return None
