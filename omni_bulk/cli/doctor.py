"""The verb `doctor`: what would keep a `send` from working, and what to do about it."""

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from omni_bulk.cli import app
from omni_bulk.cli.language import Lang, checked
from omni_bulk.cli.streams import put
from omni_bulk.sentences import both, listed, said, term

if TYPE_CHECKING:
    from omni_bulk.findings import Finding
    from omni_bulk.settings import Settings

_LABEL = 12  # columns for the name of a check


@app.command("doctor")
def doctor(
    json: Annotated[bool, typer.Option("--json", help="One object on stdout.")] = False,
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="The API.")] = None,
    ledger: Annotated[Path | None, typer.Option(metavar="FILE", help="The ledger.")] = None,
    config: Annotated[Path | None, typer.Option(metavar="FILE", help="Settings; default omni-bulk.toml.")] = None,
    lang: Lang = None,
) -> int:
    """Check settings, network, credentials, ledger and this computer, and say what to do. Sends nothing."""
    checked(lang)
    import asyncio  # noqa: PLC0415  0.03 s that --help can do without

    from omni_bulk.checkup import versions  # noqa: PLC0415
    from omni_bulk.findings import exit_code  # noqa: PLC0415

    show = _Quiet() if json else _Lines()
    settings, findings = _settings({"base_url": base_url, "ledger": ledger, "config": config})
    for finding in findings:
        show.finding(finding)
    if settings is not None:
        findings += asyncio.run(_rest(settings, show))
    code, libraries = exit_code(findings), dict(versions())
    if json:
        _tell_as_json(findings, libraries, code)
    else:
        _tell(findings, libraries)
    return code


def _settings(given: dict[str, Any]) -> "tuple[Settings | None, list[Finding]]":
    """The settings, and every problem with them and with the files they name."""
    from omni_bulk.cli.order import Problems  # noqa: PLC0415
    from omni_bulk.findings import SETTINGS, fail, ok  # noqa: PLC0415
    from omni_bulk.omni import composition_of  # noqa: PLC0415
    from omni_bulk.pricelist import money  # noqa: PLC0415
    from omni_bulk.settings import Settings  # noqa: PLC0415

    problems = Problems()
    settings = problems.take(lambda: Settings(**given))
    if settings is not None:
        problems.take(lambda: composition_of(settings))
        problems.take(lambda: money(settings.prices, settings.account_budget))
    todo = said("Correct it; every setting is in the file that `omni-bulk init` writes.")
    found = [fail("settings", sentence, todo, SETTINGS) for sentence in problems.sentences]
    if settings is not None and not found:
        found.append(
            ok(
                "settings",
                said(
                    "{config}; {base_url}",
                    config=settings.config or said("no settings file"),
                    base_url=settings.base_url,
                ),
            )
        )
    return settings, found


async def _rest(settings: "Settings", show: "_Quiet") -> "list[Finding]":
    from omni_bulk.checkup import checkup  # noqa: PLC0415

    findings = []
    async for finding in checkup(settings):
        show.finding(finding)
        findings.append(finding)
    return findings


class _Quiet:
    """Shows nothing on the way."""

    def finding(self, finding: "Finding") -> None:
        """One check."""


class _Lines(_Quiet):
    """A line for each check, as it is made: the network may take its time."""

    def finding(self, finding: "Finding") -> None:
        mark = finding.mark.upper() if finding.todo else finding.mark
        _put(_head(mark, finding.check), finding.said)
        if finding.todo:
            _put("", finding.todo)


def _head(mark: str, check: str) -> str:
    """Mark and name of a check in columns: Hangul letters are two wide."""
    from omni_bulk.cli.language import spoken  # noqa: PLC0415
    from omni_bulk.cli.screen import columns  # noqa: PLC0415

    # A check is skipped in another sense than a recipient, for whom the table has the word.
    first = spoken(both(mark, "생략") if mark == "skipped" else term(mark))
    second = spoken(term(check))
    return f"{first}{' ' * (9 - columns(first))}{second}"


def _put(head: str, text: str) -> None:
    """`text` beside `head`; on a terminal in as many lines as it takes."""
    from omni_bulk.cli.language import spoken  # noqa: PLC0415
    from omni_bulk.cli.screen import columns, folded, printable  # noqa: PLC0415

    indent = 10 + _LABEL
    width = shutil.get_terminal_size().columns - indent if sys.stdout.isatty() else None
    first, *rest = (line.strip() for line in folded(printable(spoken(text)), width).split("\n"))
    for start, line in zip((head, *[""] * len(rest)), (first, *rest), strict=True):
        put(f"{start}{' ' * (indent - columns(start))}{line}")


def _tell(findings: "list[Finding]", libraries: dict[str, str | None]) -> None:
    told = listed(
        said("{name} {version}", name=name, version=version or said("is not installed"))
        for name, version in libraries.items()
    )
    _put(_head("ok", "versions"), told)
    failed = sum(bool(finding.exit_code) for finding in findings)
    put(
        said("Nothing was sent. {number} to be cured before you send.", number=failed)
        if failed
        else said("Nothing was sent. You can send.")
    )


def _tell_as_json(findings: "list[Finding]", libraries: dict[str, str | None], code: int) -> None:
    from omni_bulk.cli.screen import json_line  # noqa: PLC0415

    checks = [
        {"check": one.check, "mark": str(one.mark), "said": one.said, "todo": one.todo, "exit": one.exit_code}
        for one in findings
    ]
    put(json_line({"checks": checks, "versions": libraries, "exit": code}))
