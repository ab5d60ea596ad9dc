"""The verb `sandbox`: serve the stand-in API in a terminal of its own."""

import os
from contextlib import suppress
from typing import Annotated

import typer

from omni_bulk.cli import app
from omni_bulk.cli.language import Lang, checked
from omni_bulk.cli.streams import put
from omni_bulk.errors import SettingsError
from omni_bulk.sentences import said, system


@app.command("sandbox")
def sandbox(
    port: Annotated[int, typer.Option(metavar="N", help="Port on 127.0.0.1.", min=0, max=65535)] = 8900,
    tps: Annotated[float, typer.Option(metavar="N", help="Posts a second that are taken.")] = 400.0,
    limiter: Annotated[
        str, typer.Option(metavar="KIND", help="How they are counted: bucket, fixed or sliding.")
    ] = "bucket",
    token_ttl: Annotated[float, typer.Option(metavar="S", help="Seconds a token lives.")] = 86_400.0,
    latency: Annotated[float, typer.Option(metavar="MS", help="Milliseconds an answer takes.")] = 0.0,
    fault: Annotated[
        list[str] | None, typer.Option(metavar="KIND=PROBABILITY", help="What goes wrong, how often; repeatable.")
    ] = None,
    dlr: Annotated[bool, typer.Option("--dlr", help="A second report for each message, from the handset.")] = False,
    report_delay: Annotated[float, typer.Option(metavar="S", help="Seconds until the relay's report is there.")] = 0.0,
    handset_delay: Annotated[
        float, typer.Option(metavar="S", help="With --dlr: seconds more until the handset's is.")
    ] = 0.0,
    report_copies: Annotated[
        float, typer.Option(metavar="P", help="Probability that a report comes a second time.")
    ] = 0.0,
    foreign_reports: Annotated[
        float, typer.Option(metavar="P", help="Probability of another system's report beside a message's.")
    ] = 0.0,
    report_code: Annotated[
        list[str] | None,
        typer.Option(metavar="REF|NUMBER=CODE", help="The code of that message's last report; repeatable."),
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(metavar="URL", help="Push reports there (loopback only), signed with OMNI_WEBHOOK_SECRET if set."),
    ] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="The same seed gives the same keys and faults.")] = None,
    lang: Lang = None,
) -> int:
    """Serve a stand-in for the API on this machine: credentials sandbox / sandbox, nothing is ever sent."""
    checked(lang)
    import asyncio  # noqa: PLC0415  not for --help

    from omni_bulk.sandbox import Options, Sandbox, parse_fault, serve  # noqa: PLC0415

    try:
        options = Options(
            port=port, tps=tps, limiter=limiter, token_ttl=token_ttl, latency_ms=latency,  # type: ignore[arg-type]
            faults=dict(map(parse_fault, fault or [])), dlr=dlr, webhook=webhook, seed=seed, report_delay=report_delay,
            handset_delay=handset_delay, report_copies=report_copies, foreign_reports=foreign_reports,
            report_codes=dict(map(_report_code, report_code or [])),
            webhook_secret=os.environ.get("OMNI_WEBHOOK_SECRET") or None,
        )  # fmt: skip
    except ValueError as error:
        raise SettingsError(error.args[0]) from None  # not `str(error)`: that forgets how to be said in Korean

    def ready(served: Sandbox) -> None:
        put(said("The sandbox listens on {url}; Ctrl-C ends it.", url=served.url))
        put(said("In another terminal:"))
        put(f"  export OMNI_BASE_URL={served.url}")
        put("  export OMNI_CLIENT_ID=sandbox OMNI_CLIENT_PASSWORD=sandbox")

    try:
        with suppress(KeyboardInterrupt, asyncio.CancelledError):
            asyncio.run(serve(options, ready=ready))
    except OSError as error:
        raise SettingsError(
            said(
                "the sandbox cannot listen on port {port}: {strerror}; give another --port",
                port=port,
                strerror=system(error),
            )
        ) from None
    return 0


def _report_code(text: str) -> tuple[str, str]:
    whose, equals, code = text.rpartition("=")
    if not equals or not whose or not code:
        raise ValueError(
            said("--report-code takes REF=CODE or NUMBER=CODE, such as order-7=23001, not {text!r}.", text=text)
        )
    return whose, code
