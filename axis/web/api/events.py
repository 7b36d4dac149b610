"""The feed of events of the calling system."""

import asyncio
import json
from contextlib import suppress
from typing import Annotated, Final

from pydantic import Field

from axis.store import queries
from axis.store.queries import PlacedEvent
from axis.terms import Scope
from axis.web.api.call import Call, Operation, Reply
from axis.web.api.models import EventList, EventOut, Model
from axis.web.api.paging import Limit, page_limit

_LOOK_S: Final = 1.0  # between two looks while a reader waits
_MOST_PLACE: Final = 1 << 62


class EventsQuery(Model):
    """From where, how many, how long to wait."""

    after: Annotated[int, Field(ge=0, le=_MOST_PLACE, description="`last` of the page before; 0: from the start.")] = 0
    limit: Limit = 100
    wait_s: Annotated[float, Field(ge=0, le=60, description="How long to wait when there is nothing yet.")] = 0


async def list_events(call: Call) -> Reply:
    """What the system is told after a place; waits for something when asked to."""
    asked, parts = call.asked(EventsQuery), call.parts
    limit = page_limit(call, asked.limit)
    loop = asyncio.get_running_loop()
    ends_s = loop.time() + min(asked.wait_s, parts.settings.api.wait_s)
    while True:
        found = await _read(call, asked.after, limit)
        left_s = ends_s - loop.time()
        if found or left_s <= 0 or parts.stopping.is_set() or call.request.transport is None:
            break
        with suppress(TimeoutError):
            async with asyncio.timeout(min(left_s, _LOOK_S)):
                await parts.stopping.wait()
    last = found[-1].place if found else asked.after
    return Reply(body=EventList(items=tuple(map(_out, found)), last=last))


async def _read(call: Call, after: int, limit: int) -> tuple[PlacedEvent, ...]:
    store, system_id = call.parts.store, call.system_id
    if await store.read(lambda c: queries.has_unplaced_events(c, system_id)):
        now = call.parts.clock.now()
        await store.write(lambda c: queries.place_events(c, system_id, now, limit))
    return await store.read(lambda c: queries.events_after(c, system_id, after, limit))


def _out(placed: PlacedEvent) -> EventOut:
    event = placed.event
    return EventOut(
        place=placed.place,
        event_id=event.event_id,
        kind=event.kind,
        at=event.at,
        document_uid=event.document_uid,
        package_id=event.package_id,
        organ_id=event.organ_id,
        fields=json.loads(event.fields),
    )


OPERATIONS: Final = (
    Operation(
        name="listEvents",
        method="GET",
        path="/events",
        handler=list_events,
        vi="Những điều hệ thống của bạn cần biết, theo thứ tự; có thể chờ tới 30 giây. Lưu 90 ngày.",
        en="What your system is told, in order; can wait for up to 30 seconds. Kept for 90 days.",
        scopes=(Scope.EVENTS,),
        query=EventsQuery,
        replies={200: EventList},
    ),
)
