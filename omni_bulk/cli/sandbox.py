"""The verb `sandbox`: serve the stand-in API in a terminal of its own."""

from contextlib import suppress
from typing import Annotated

import typer

from omni_bulk.cli import app
from omni_bulk.errors import SettingsError


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
    webhook: Annotated[str | None, typer.Option(metavar="URL", help="Push reports there (loopback only).")] = None,
    seed: Annotated[int | None, typer.Option(metavar="N", help="The same seed gives the same keys and faults.")] = None,
) -> int:
    """Serve a stand-in for the API on this machine: credentials sandbox / sandbox, nothing is ever sent."""
    import asyncio  # noqa: PLC0415  not for --help

    from omni_bulk.sandbox import Options, Sandbox, parse_fault, serve  # noqa: PLC0415

    try:
        options = Options(
            port=port, tps=tps, limiter=limiter, token_ttl=token_ttl, latency_ms=latency,  # type: ignore[arg-type]
            faults=dict(map(parse_fault, fault or [])), dlr=dlr, webhook=webhook, seed=seed,
        )  # fmt: skip
    except ValueError as error:
        raise SettingsError(str(error)) from None

    def ready(served: Sandbox) -> None:
        print(f"The sandbox listens on {served.url}; Ctrl-C ends it.")
        print("In another terminal:")
        print(f"  export OMNI_BASE_URL={served.url}")
        print("  export OMNI_CLIENT_ID=sandbox OMNI_CLIENT_PASSWORD=sandbox", flush=True)

    try:
        with suppress(KeyboardInterrupt, asyncio.CancelledError):
            asyncio.run(serve(options, ready=ready))
    except OSError as error:
        raise SettingsError(
            f"the sandbox cannot listen on port {port}: {error.strerror}; give another --port"
        ) from None
    return 0
