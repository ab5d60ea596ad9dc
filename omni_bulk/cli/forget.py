"""The verb `forget`: numbers get nothing any more, and are erased everywhere we wrote them."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from omni_bulk.cli import app
from omni_bulk.cli.language import Lang, checked
from omni_bulk.cli.streams import put
from omni_bulk.sentences import counted, said

if TYPE_CHECKING:
    from omni_bulk.forgetting import Forgotten

Flag = typer.Option
_STDIN = Path("-")


@app.command("forget")
def forget(
    # Never as an argument: the list of processes shows those to everybody on the machine.
    file: Annotated[
        Path, Flag("--file", metavar="FILE", help="Numbers: one a line, or a list; default stdin.")
    ] = _STDIN,
    results: Annotated[
        list[Path] | None, Flag("--results", metavar="FILE", help="A results file that was moved, or a copy.")
    ] = None,
    region: Annotated[str | None, Flag(metavar="CC", help="Country of numbers in national form.")] = None,
    numbers: Annotated[
        str | None, Flag(metavar="international|national", help="What numbers of digits alone are.")
    ] = None,
    yes: Annotated[bool, Flag("--yes", "-y", help="No question.")] = False,
    json: Annotated[bool, Flag("--json", help="One object on stdout.")] = False,
    ledger: Annotated[Path | None, Flag(metavar="FILE", help="The ledger.")] = None,
    config: Annotated[Path | None, Flag(metavar="FILE", help="Settings; default omni-bulk.toml.")] = None,
    lang: Lang = None,
) -> int:
    """Erase numbers everywhere they were written, and send them nothing any more. It cannot be undone."""
    checked(lang)
    import orjson  # noqa: PLC0415  not for --help

    from omni_bulk.cli.screen import tell  # noqa: PLC0415
    from omni_bulk.erasing import Asked  # noqa: PLC0415
    from omni_bulk.forgetting import forget as forget_them  # noqa: PLC0415
    from omni_bulk.forgetting import survey  # noqa: PLC0415
    from omni_bulk.ledger import no_ledger  # noqa: PLC0415
    from omni_bulk.lock import refuse_network_filesystem  # noqa: PLC0415
    from omni_bulk.rules import Composition  # noqa: PLC0415
    from omni_bulk.settings import Settings  # noqa: PLC0415
    from omni_bulk.suppression import Listing  # noqa: PLC0415

    settings = Settings(ledger=ledger, config=config, region=region, numbers=numbers)
    Composition(region=settings.region, numbers=settings.numbers)  # raises what is wrong with them
    refuse_network_filesystem(settings.ledger)
    if not settings.ledger.exists():
        raise no_ledger(settings.ledger)
    if file == _STDIN and sys.stdin is not None and sys.stdin.isatty():
        tell(said("Numbers, one a line; end with Ctrl-D:"))
    listing = Listing(file, region=settings.region, numbers=settings.numbers)
    asked = Asked(listing)
    if listing.note:
        tell(said("omni-bulk: {note}", note=listing.note))
    del listing  # with its copy of stdin, a file of numbers
    if not yes and not _agreed(len(asked), *survey(settings.ledger, asked)):
        tell(said("Nothing was erased."))
        return 2
    done = forget_them(settings.ledger, asked, results or (), round(time.time() * 1000), beside=Path.cwd())
    _tell(done)
    if json:
        put(orjson.dumps(_fields(done)).decode())
    return 4 if done.held else 1 if done.missing or done.unknown or done.exports else 0


def _agreed(numbers: int, messages: int, campaigns: int) -> bool:
    from omni_bulk.cli.question import agreed  # noqa: PLC0415

    question = said(
        "Erase {numbers} from {messages} of {campaigns}, and send them nothing any more? It cannot be undone.",
        numbers=counted(numbers, "number"),
        messages=counted(messages, "message"),
        campaigns=counted(campaigns, "campaign"),
    )
    return agreed(question, said("Say --yes, or run this on a terminal with --file"))


def _tell(done: "Forgotten") -> None:
    from omni_bulk.cli.screen import tell  # noqa: PLC0415

    sentences = [
        (
            said(
                "{numbers} nothing any more; erased from {messages} of {campaigns} and {reports}.",
                numbers=counted(done.numbers, "number gets", "numbers get"),
                messages=counted(done.messages, "message"),
                campaigns=counted(done.campaigns, "campaign"),
                reports=counted(done.reports, "report"),
            )
        ),
        *(said("  written anew: {path}", path=path) for path in done.files),
        *(
            said("not found: {path}. If it was moved or copied, erase the numbers there too: --results FILE", path=path)
            for path in done.missing
        ),
        *(
            said("campaign {name}: nobody knows where its results file is. If there is one: --results FILE", name=name)
            for name in done.unknown
        ),
        *(
            said("left as it is: {path}. An export holds the numbers of its time: remove it", path=path)
            for path in done.exports
        ),
        *(said("not finished: {sentence}", sentence=sentence) for sentence in done.held),
    ]
    for sentence in sentences:
        tell(sentence)


def _fields(done: "Forgotten") -> dict[str, Any]:
    return {
        "numbers": done.numbers, "messages": done.messages, "campaigns": done.campaigns, "lines": done.lines,
        "reports": done.reports, "files": [str(path) for path in done.files],
        "missing": [str(path) for path in done.missing], "exports": [str(path) for path in done.exports], "unknown": done.unknown, "held": done.held,
    }  # fmt: skip
