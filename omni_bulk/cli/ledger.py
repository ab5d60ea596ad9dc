"""The verb `ledger`: what it takes to live with one for years."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from omni_bulk.cli import app
from omni_bulk.cli.language import Lang, checked
from omni_bulk.cli.streams import put
from omni_bulk.errors import SettingsError
from omni_bulk.sentences import counted, said

if TYPE_CHECKING:
    from omni_bulk.settings import Settings

ledger = typer.Typer(
    name="ledger",
    help="Copy the ledger, and let old campaigns' details go.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(ledger)

Flag = typer.Option
_Ledger = Annotated[Path | None, Flag("--ledger", metavar="FILE", help="The ledger.")]
_Config = Annotated[Path | None, Flag("--config", metavar="FILE", help="Settings; default omni-bulk.toml.")]
_Json = Annotated[bool, Flag("--json", help="One object on stdout.")]


@ledger.command("backup")
def backup(
    target: Annotated[Path, typer.Argument(metavar="FILE|DIR", help="Where to; an earlier copy there is replaced.")],
    json: _Json = False, path: _Ledger = None, config: _Config = None, lang: Lang = None,
) -> int:  # fmt: skip
    """Copy the ledger and its reports, whoever is sending meanwhile. The copy is checked before it takes its place."""
    checked(lang)
    import orjson  # noqa: PLC0415  not for --help

    from omni_bulk.cli.screen import tell  # noqa: PLC0415
    from omni_bulk.ledger.copying import backup as copy  # noqa: PLC0415

    files = copy(_settings(path, config).ledger, target)
    for written, size in files:
        tell(said("{path}: {size}, checked", path=written, size=_megabytes(size)))
    if json:
        put(orjson.dumps({"files": [{"path": str(written), "bytes": size} for written, size in files]}).decode())
    return 0


@ledger.command("prune")
def prune(
    older_than: Annotated[str, Flag("--older-than", metavar="AGE", help="Of campaigns idle for so long, such as 90d.")],
    archive: Annotated[
        Path | None, Flag(metavar="DIR", help="What goes is first written there, packed, one file a campaign.")
    ] = None,
    yes: Annotated[bool, Flag("--yes", "-y", help="No question.")] = False,
    json: _Json = False, path: _Ledger = None, config: _Config = None, lang: Lang = None,
) -> int:  # fmt: skip
    """Let go of old campaigns' lines, numbers and reports. Who has a message stays known, and so do all sums."""
    checked(lang)
    import orjson  # noqa: PLC0415

    from omni_bulk.cli.screen import tell  # noqa: PLC0415
    from omni_bulk.pruning import prune as let_go  # noqa: PLC0415
    from omni_bulk.pruning import survey  # noqa: PLC0415
    from omni_bulk.settings import duration  # noqa: PLC0415

    age = duration(older_than)
    if age is None:
        raise SettingsError(said("--older-than takes an age such as 90d, not {older_than!r}", older_than=older_than))
    settings = _settings(path, config)
    before = round((time.time() - age) * 1000)
    if archive is not None and not archive.is_dir():
        raise SettingsError(said("--archive {archive}: there is no such directory", archive=archive))
    if not yes and not _agreed(*survey(settings.ledger, before), archive):
        tell(said("Nothing was pruned."))
        return 2
    done = let_go(settings.ledger, before, archive)
    freed = said("{size} freed", size=_megabytes(done.freed))
    if done.free:
        freed = said("{freed}, {size} are used again before the ledger grows", freed=freed, size=_megabytes(done.free))
    sentences = [
        said(
            "{campaigns} pruned: {lines} and {reports} as received. {freed}.",
            campaigns=counted(done.campaigns, "campaign"),
            lines=counted(done.lines, "line"),
            reports=counted(done.reports, "report"),
            freed=freed,
        ),
        *(said("  archived: {path}", path=written) for written in done.archived),
        *(said("left as it is: {sentence}", sentence=sentence) for sentence in done.held),
    ]
    for sentence in sentences:
        tell(sentence)
    if json:
        told = {
            "campaigns": done.campaigns, "messages": done.messages, "lines": done.lines, "reports": done.reports,
            "freedBytes": done.freed, "freeBytes": done.free, "archived": [str(one) for one in done.archived],
            "held": done.held,
        }  # fmt: skip
        put(orjson.dumps(told).decode())
    return 4 if done.held else 0


def _settings(path: Path | None, config: Path | None) -> "Settings":
    from omni_bulk.ledger import no_ledger  # noqa: PLC0415
    from omni_bulk.lock import refuse_network_filesystem  # noqa: PLC0415
    from omni_bulk.settings import Settings  # noqa: PLC0415

    settings = Settings(ledger=path, config=config)
    if not settings.ledger.exists():
        raise no_ledger(settings.ledger)
    refuse_network_filesystem(settings.ledger)
    return settings


def _agreed(campaigns: int, lines: int, archive: Path | None) -> bool:
    from omni_bulk.cli.question import agreed  # noqa: PLC0415

    kept = (
        said("nowhere else, unless their results files are kept")
        if archive is None
        else said("in {archive}", archive=archive)
    )
    question = said(
        "Prune {campaigns} with {lines}? They are kept {kept}.",
        campaigns=counted(campaigns, "campaign"),
        lines=counted(lines, "line"),
        kept=kept,
    )
    return agreed(question, said("Say --yes, or run this on a terminal"))


def _megabytes(size: int) -> str:
    return f"{size / 1024**2:,.1f} MB"
