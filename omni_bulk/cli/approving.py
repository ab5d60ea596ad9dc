"""Plans in files: ``check --save``, ``send --plan``."""

from datetime import UTC, datetime
from pathlib import Path

from omni_bulk.approval import Approval, approval, differences, from_json, to_json
from omni_bulk.cli.order import Order
from omni_bulk.errors import OutputError, Refused, SettingsError
from omni_bulk.replacing import replacing
from omni_bulk.sentences import listed, said
from omni_bulk.stats import Tally

_PLAN_MAX = 1 << 20  # bytes


def planned(order: Order, name: str, tally: Tally, *, by: str = "") -> Approval:
    """The plan that was just counted."""
    text = None if order.template is None else order.template.text
    at = datetime.now(UTC).astimezone().isoformat(timespec="seconds") if by else ""
    return approval(
        tally, campaign=name, digest=order.source.digest(), text=text, settings=order.bound, by=by, at=at
    )  # fmt: skip


def save(path: Path, plan: Approval) -> None:
    """Writes the plan (0600). Raises OutputError for a place where something else is."""
    if path.is_file() and path.stat().st_size and _read(path) is None:
        raise OutputError(said("{path} is not a plan of an earlier check; give another file with --save", path=path))
    with replacing(path, "the plan", "--save") as file:
        file.write(to_json(plan))


def approved(path: Path) -> Approval:
    """The plan in a file. Raises SettingsError."""
    plan = _read(path)
    if plan is None:
        raise SettingsError(
            said("--plan {path} is no plan that can be read: make one with check --save FILE --by NAME", path=path)
        )
    return plan


def hold_to(order: Order, name: str, tally: Tally, *, begun: bool) -> str | None:
    """Who approved this plan, and when; None where there is none. Raises Refused when it is not what would be sent."""
    if order.plan is None:
        return None
    plan = approved(order.plan)
    if found := list(differences(plan, planned(order, name, tally), begun=begun)):
        raise Refused(
            said(
                "the plan {plan}, approved by {by} at {at}, is not what would be sent: {found}. "
                "Check it again and have it approved: check --save FILE --by NAME",
                plan=order.plan,
                by=plan.by,
                at=plan.at,
                found=listed(found, "; "),
            )
        )
    return f"{plan.by} at {plan.at}"


def _read(path: Path) -> Approval | None:
    try:
        with path.open("rb") as file:
            return from_json(file.read(_PLAN_MAX))
    except (OSError, ValueError):
        return None
