"""Order notices, campaigns and the webhook in a FastAPI service, with as many workers as you like on one ledger.

    pip install fastapi uvicorn
    uvicorn fastapi_app:app --app-dir samples --workers 4

Credentials and the ledger come from the environment, as for the command line; the ledger on a local disk, one for all
workers, who share the account's rate through it. This sample lets in whoever reaches it: put your own authentication before the first two paths.
"""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi import Path as PathParameter
from pydantic import BaseModel, Field

from omni_bulk import (
    LedgerError,
    Omni,
    OmniBulkError,
    RefConflict,
    Settings,
    Status,
    Stopped,
    Template,
    read_recipients,
    read_results,
)

FROM = os.environ.get("SMS_FROM", "0212345678")
LISTS = Path(os.environ.get("SMS_LISTS", "lists"))
Name = Annotated[str, PathParameter(pattern="^[a-z0-9-]{1,60}$")]  # it becomes part of file names


class Notice(BaseModel):
    """What the shop says about an order. `to` is E.164."""

    to: str = Field(repr=False)
    text: str = Field(repr=False, max_length=2000)


@dataclass(eq=False)
class Running:
    """A campaign that this worker sends. `task` is kept here because asyncio itself does not hold on to tasks."""

    counts: Counter[str] = field(default_factory=Counter)
    task: "asyncio.Task[None] | None" = None
    error: str | None = None


class Service:
    """One worker: its account, and the campaigns that it sends."""

    def __init__(self, omni: Omni) -> None:
        self.omni = omni
        self.running: dict[str, Running] = {}

    async def begin(self, name: str) -> None:
        """Starts or resumes a campaign in the background. Raises Refused when another worker sends it."""
        template = Template((LISTS / f"{name}.txt").read_text(encoding="utf-8").removesuffix("\n"), from_=FROM)
        opened = asyncio.Event()
        mine = Running()
        task = mine.task = asyncio.create_task(self._send(name, template, mine, opened))
        waiting = asyncio.create_task(opened.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not opened.is_set():
            await task  # raises why it did not begin

    async def _send(self, name: str, template: Template, mine: Running, opened: asyncio.Event) -> None:
        recipients = read_recipients(LISTS / f"{name}.csv")
        async with self.omni.campaign(name, template, out=results_of(name), recipients=recipients) as campaign:
            self.running[name] = mine
            opened.set()
            try:
                async for result in campaign.send(recipients):
                    mine.counts[result.status] += 1
            except OmniBulkError as error:  # it ended early: the same request goes on where it stopped
                mine.error = str(error)

    async def end(self) -> None:
        """Lets what is in flight be recorded. What is left is sent when the campaign is asked for again."""
        await self.omni.drain()
        await asyncio.gather(*(one.task for one in self.running.values() if one.task is not None))


def results_of(name: str) -> Path:
    """Where the results of a campaign are, for every worker."""
    return LISTS / f"{name}.results.jsonl"


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One `Omni` a worker, for as long as the worker lives: one token, one pool, one pace."""
    async with Omni(Settings()) as omni:
        app.state.service = service = Service(omni)
        try:
            yield
        finally:
            await service.end()


app = FastAPI(title="Order notices", lifespan=lifespan)


def service_of(request: Request) -> Service:
    """The service of this worker."""
    found: Service = request.app.state.service
    return found


@app.post("/orders/{order}/shipped")
async def shipped(order: Name, notice: Notice, request: Request, response: Response) -> dict[str, object]:
    """Tells a customer once. Ask as often as you like, any worker: the same order is the same `ref`, and no second SMS."""
    try:
        result = await service_of(request).omni.send(notice.to, notice.text, from_=FROM, ref=f"shipped-{order}")
    except RefConflict as error:  # the order was told of already, with another text or to another number
        raise HTTPException(409, str(error)) from None
    except (Stopped, LedgerError) as error:  # not sent; what may have left is `unknown`, and the ledger knows
        raise HTTPException(503, str(error), headers={"Retry-After": "30"}) from None
    if result.status in {Status.INVALID, Status.REJECTED, Status.SKIPPED}:  # asking again gives the same
        response.status_code = 422
    elif result.status == Status.FAILED:  # proven unsent: ask again
        response.status_code = 503
    elif result.status == Status.UNKNOWN:  # it may have arrived: never sent again by itself; a report will tell
        response.status_code = 202
    return {
        "status": result.status, "reason": result.reason or result.code, "msgKey": result.msg_key,
        "replayed": result.replayed,
    }  # fmt: skip


@app.post("/campaigns/{name}", status_code=202)
async def begin(name: Name, request: Request) -> dict[str, str]:
    """Sends lists/NAME.csv with the text lists/NAME.txt in the background; goes on with it after an interruption."""
    try:
        await service_of(request).begin(name)
    except FileNotFoundError:
        raise HTTPException(404, "there is no such list or text") from None
    except OmniBulkError as error:  # Refused: another worker sends it, or something of it changed
        raise HTTPException(409 if error.exit_code == 4 else 503, str(error)) from None
    return {"progress": f"/campaigns/{name}"}


@app.get("/campaigns/{name}")
async def progress(name: Name, request: Request) -> dict[str, object]:
    """How far it is. The worker that sends it counts; any other reads the results, which all of them share."""
    mine = service_of(request).running.get(name)
    if mine is not None and mine.task is not None and not mine.task.done():
        return {"sentHere": True, "states": dict(mine.counts), "error": None}
    try:
        results = await asyncio.to_thread(read_results, results_of(name))
    except FileNotFoundError:
        raise HTTPException(404, "it has not begun") from None
    states = Counter(str(result.status) for result in results)
    return {"sentHere": False, "states": dict(states), "error": mine and mine.error}


@app.post("/reports")
async def reports(request: Request) -> Response:
    """The webhook for delivery reports. On the disk before it is answered; with OMNI_WEBHOOK_SECRET it must be signed."""
    receipt = await service_of(request).omni.receive_report(request.headers, await request.body())
    return Response(receipt.body, status_code=receipt.status, media_type=receipt.content_type)


@app.get("/health")
async def health() -> dict[str, int]:
    """That this worker lives, and which one it is."""
    return {"worker": os.getpid()}
