"""The verb `check`: the whole plan without network and credentials, and without a word written into the ledger."""

import inspect
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from omni_bulk.cli import app
from omni_bulk.cli.flags import OF_SENDING
from omni_bulk.cli.send import send
from omni_bulk.errors import SettingsError
from omni_bulk.sentences import said

if TYPE_CHECKING:
    from omni_bulk.cli.order import Order
    from omni_bulk.cli.screen import Screen
    from omni_bulk.planning import Outlook


def _flags_of_send(own: Callable[..., int]) -> Callable[..., int]:
    """Gives `own`, which takes any keywords, the flags of `send` in front of its own."""
    of_send = inspect.signature(send).parameters
    of_own = inspect.signature(own).parameters
    shared = [one for name, one in of_send.items() if name not in OF_SENDING]
    extra = [one for one in of_own.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    flags = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (*shared, *extra)]
    own.__signature__ = inspect.Signature(flags, return_annotation=int)  # type: ignore[attr-defined]
    own.__annotations__ = {one.name: one.annotation for one in flags} | {"return": int}
    return own


@app.command("check")
@_flags_of_send
def check(
    *,
    json: Annotated[bool, typer.Option("--json", help="One object on stdout.")] = False,
    save: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep the plan, for send --plan.")] = None,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who approves the plan that is kept.")] = None,
    **given: Any,
) -> int:
    """Show the whole plan: what would be sent to whom, what not and why. No network, nothing is written."""
    from omni_bulk.cli.order import order_of  # noqa: PLC0415  not for --help
    from omni_bulk.cli.screen import Screen  # noqa: PLC0415

    if (save is None) != (by is None):
        raise SettingsError(said("--save FILE and --by NAME go together: a plan that is kept says who approved it"))
    screen = Screen(record=True)
    defaults = {name: one.default for name, one in inspect.signature(send).parameters.items()}
    order = order_of({**defaults, **given}, network=False, binding=save is not None)
    return _Check(order, screen, json=json, save=save, by=by or "").go()


class _Check:
    def __init__(self, order: "Order", screen: "Screen", *, json: bool, save: Path | None, by: str) -> None:
        self.order = order
        self.save = save
        self.by = by
        self.screen = screen
        self.json = json

    def go(self) -> int:
        """The exit code: what `send` would end with if everything it sends were accepted."""
        from omni_bulk.cli.approving import planned, save  # noqa: PLC0415
        from omni_bulk.cli.sending import rejects_of  # noqa: PLC0415
        from omni_bulk.errors import OmniBulkError  # noqa: PLC0415

        order = self.order
        try:
            seen = self._look()
        except OmniBulkError as error:
            self._tell_as_json({"campaign": self.order.name, "exit": error.exit_code, "stopped": str(error)})
            raise
        refused = seen.refused or self._wrong_size(seen) or self._too_dear(seen)
        code = self._exit_code(seen) if refused is None else refused.exit_code
        if self.json:
            self._tell_as_json(self._fields(seen, code, refused))
        else:
            settings = order.settings
            notes = [*order.source.columns.notes, *seen.notes]
            self.screen.plan(
                seen.tally,
                name=seen.name,
                rate=settings.rate,
                ledger=self._ledger(),
                notes=notes,
                explain=seen.explain,
                column_of=order.source.columns.column_of,
            )
        if order.rejects is not None and (rejects := rejects_of(order, seen.name)) is not None:
            rejects.write(seen.tally.invalid, whole=True)
        if refused is not None:
            raise refused
        if self.save is not None:
            save(self.save, planned(order, seen.name, seen.tally, by=self.by))
        return code

    def _look(self) -> "Outlook":
        from omni_bulk.cli.sending import out_of  # noqa: PLC0415
        from omni_bulk.ledger import Glance  # noqa: PLC0415
        from omni_bulk.lock import refuse_network_filesystem  # noqa: PLC0415
        from omni_bulk.omni import composition_of  # noqa: PLC0415
        from omni_bulk.planning import View, outlook  # noqa: PLC0415
        from omni_bulk.pricelist import money  # noqa: PLC0415

        order, settings = self.order, self.order.settings
        refuse_network_filesystem(settings.ledger)
        with closing(Glance(settings.ledger)) as ledger:
            view = View(settings.client_id, settings.origin, ledger)
            composition = composition_of(settings, order.template)
            prices = money(settings.prices, settings.account_budget)
            return outlook(view, order.name, composition, out_of(order), order.source, prices)

    def _wrong_size(self, seen: "Outlook") -> Any:
        from omni_bulk.guards import row_stop  # noqa: PLC0415

        return row_stop(seen.tally.read, min_rows=self.order.min_rows, max_rows=self.order.max_rows)

    def _too_dear(self, seen: "Outlook") -> Any:
        from omni_bulk.cli.sending import too_dear  # noqa: PLC0415
        from omni_bulk.cost import no_price  # noqa: PLC0415

        prices, most = seen.tally.prices, self.order.max_cost
        if prices is None or most is None:
            return None
        spent, unpriced = prices.total(seen.spent)
        return no_price(sorted(unpriced)) if unpriced else too_dear(seen.tally, spent, most)

    def _exit_code(self, seen: "Outlook") -> int:
        from omni_bulk.stats import exit_code  # noqa: PLC0415

        return exit_code(seen.tally, None, self.order.options.tolerate)

    def _ledger(self) -> str:
        path: Path = self.order.settings.ledger
        return str(path) if path.exists() else said("{path}, which is not there yet", path=path)

    def _fields(self, seen: "Outlook", code: int, refused: Exception | None) -> dict[str, object]:
        fields = plan_fields(seen.tally, name=seen.name, rate=self.order.settings.rate)
        notes = [*self.order.source.columns.notes, *seen.notes]
        return {
            **fields, "ledger": str(self.order.settings.ledger), "notes": notes, "exit": code,
            "stopped": None if refused is None else str(refused),
        }  # fmt: skip

    def _tell_as_json(self, fields: dict[str, object]) -> None:
        from omni_bulk.cli.screen import json_line  # noqa: PLC0415
        from omni_bulk.cli.streams import put  # noqa: PLC0415

        if self.json:
            put(json_line(fields))


def plan_fields(tally: Any, *, name: str, rate: float) -> dict[str, object]:
    """The plan for programs, in the words of ``status --json``. No number in clear and no text is in it."""
    from omni_bulk.cli.screen import cost_fields, text_fields  # noqa: PLC0415
    from omni_bulk.model import Status  # noqa: PLC0415

    states = dict.fromkeys([*map(str, Status), "ready", "alreadyHandled", "inDoubt", "presumedUnsent"], 0)
    states |= {str(status): number for status, number in tally.states.items()}
    states |= {"ready": tally.ready, "alreadyHandled": tally.handled}
    return {
        "campaign": name,
        "recipients": tally.read,
        "states": states,
        "reasons": dict(tally.reasons),
        "causes": [
            {
                "status": str(one.status),
                "reason": one.reason,
                "detail": one.detail,
                "count": one.count,
                "rows": one.rows,
                "numbers": one.numbers,
            }
            for one in tally.causes.values()
        ],
        "warnings": {name: warned.count for name, warned in tally.warnings.items()},
        "texts": text_fields(tally.texts),
        "segments": tally.segments,
        **cost_fields(tally),
        "seconds": round(tally.ready / rate, 1),
    }
