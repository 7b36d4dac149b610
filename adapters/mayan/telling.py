"""How what was sent from there fares: a receiver's status becomes a comment, a metadata value, and a tag if wished."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from adapters.filing.telling import sidecar
from adapters.mayan.arriving import Room
from adapters.mayan.finding import Finder, mark_of
from adapters.mayan.names import STATUSES
from adapters.mayan.paper import Papers, joined, listed
from adapters.mayan.server import Mayan
from adapters.mayan.setup import Setup
from adapters.mayan.wire import Value
from axis.delivery.peer import Bytes, Outgoing, Sent
from axis.edxml.reader import read
from axis.errors import Malformed, PeerRefused
from axis.terms import StatusCode
from axis.text import one_line

_WORDS: Final = 400


class Telling:
    """Tells statuses to the documents that they are about."""

    def __init__(self, mayan: Mayan, setup: Setup, finder: Finder, room: Room) -> None:
        self._setup = setup
        self._finder = finder
        self._papers = Papers(mayan, setup)
        self._room = room

    async def tell(self, outgoing: Outgoing, content: Bytes) -> Sent:
        """Tell a status. Raises PeerRefused, to be tried again, where nothing there has that DocumentId (yet)."""
        async with self._room.folder() as folder:
            source = folder / "package"
            with source.open("wb") as copy:
                async for chunk in content():
                    await asyncio.to_thread(copy.write, chunk)
            try:
                package = await asyncio.to_thread(read, source, limits=self._room.limits)
                told = sidecar(outgoing, package, outgoing.receivers, {})
            except Malformed as e:
                raise PeerRefused(f"the stored package cannot be taken apart: {e}") from e
        about = told["document"]["document_id"] or outgoing.document_id
        found = await self._finder.known_as(about) if about else ()
        if not found:
            raise PeerRefused(f"no document there has the DocumentId {one_line(about, _WORDS)!r}", retry="later")
        for ref in found:
            await self._tell(ref, outgoing, told)
        return Sent(ref=joined(map(str, found)), acknowledged=True)

    async def _tell(self, ref: int, outgoing: Outgoing, told: Mapping[str, Any]) -> None:
        code = StatusCode(told["status_code"])
        document = await self._papers.document(ref)
        await self._papers.comment(ref, mark_of(outgoing.package_id), _comment(outgoing, told, code))
        there = await self._papers.values(ref)
        states = _states(there)
        states[outgoing.from_organ] = code.value
        text = joined(f"{organ}={state}" for organ, state in states.items())
        await self._papers.say(document, {"status": text}, there)
        if (tag := self._setup.status_tags.get(code)) is not None:
            await self._papers.tag(ref, tag)


def _states(there: Mapping[str, Value]) -> dict[str, str]:
    """The status of each receiver, as it was noted."""
    parts = listed(there["status"].text) if "status" in there else ()
    return {organ: state for organ, mark, state in (part.partition("=") for part in parts) if mark}


def _comment(outgoing: Outgoing, told: Mapping[str, Any], code: StatusCode) -> str:
    staff = told["staff"] or {}
    lines = (
        f"{outgoing.from_name or outgoing.from_organ} ({outgoing.from_organ}): {code.value} {STATUSES[code]}",
        f"Lúc / At: {told['at']}" if told["at"] else "",
        f"Cán bộ / Staff: {staff.get('staff')}" if staff.get("staff") else "",
        f"Nội dung / Reason: {told['reason']}" if told["reason"] else "",
    )
    return "\n".join(one_line(line, _WORDS) for line in lines if line)
