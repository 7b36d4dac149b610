"""An agency's Mayan, as a partner's other end."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from adapters.base import PeerParts
from adapters.checking import Fault, Trouble
from adapters.filing.place import once
from adapters.mayan import PeerOptions
from adapters.mayan.arriving import Arriving, Room
from adapters.mayan.finding import Finder
from adapters.mayan.reporting import Reporting
from adapters.mayan.sending import Sending
from adapters.mayan.server import Mayan, Missing, Place
from adapters.mayan.setup import Setup
from adapters.mayan.telling import Telling
from axis.delivery.peer import Bytes, Incoming, Outgoing, ReceiverState, Sent
from axis.edxml.model import Limits
from axis.errors import AxisError, Code, Malformed, PeerRefused
from axis.ops.outward import Forbidden, check_url
from axis.terms import PackageKind


class MayanPeer:
    """Implements `Peer` and `PutsAside` of `axis.delivery.peer`."""

    tells_receivers = False  # what was filed is filed: the answer says so

    def __init__(self, mayan: Mayan, options: PeerOptions, room: Room) -> None:
        self.mayan = mayan
        self.options = options
        self.setup = Setup(mayan, options)
        finder = Finder(mayan, self.setup)
        self._arriving = Arriving(mayan, self.setup, finder, options, room)
        self._sending = Sending(mayan, self.setup, options, room)
        self._reporting = Reporting(mayan, self.setup, options)
        self._telling = Telling(mayan, self.setup, finder, room)

    @property
    def polls(self) -> bool:
        """Whether the node looks for what is tagged, and at the workflow."""
        return self.options.poll

    async def send(self, outgoing: Outgoing, content: Bytes) -> Sent:
        """File a document there, or tell a status."""
        try:
            if outgoing.kind is PackageKind.STATUS:
                return await self._telling.tell(outgoing, content)
            sent = await self._arriving.file(outgoing, content)
        except (Missing, PeerRefused):
            self.setup.forget()  # a number may have changed
            raise
        self._reporting.look_again(int(sent.ref))
        return sent

    async def poll(self) -> tuple[Incoming, ...]:
        """What is tagged, and steps of the workflow that are still to be told."""
        try:
            documents = await self._sending.tagged()
            statuses = await self._reporting.due()
        except (Missing, PeerRefused):
            self.setup.forget()
            raise
        return (
            *(Incoming(ref=f"document:{ref}", kind=PackageKind.DOCUMENT) for ref in documents),
            *(Incoming(ref=f"status:{one.ref}", kind=PackageKind.STATUS) for one in statuses),
        )

    @asynccontextmanager
    async def fetch(self, item: Incoming) -> AsyncIterator[AsyncIterator[bytes]]:
        """One item's package, composed."""
        if item.kind is PackageKind.STATUS:
            yield once(self._reporting.package(_ref(item)))
            return
        async with self._sending.fetch(int(_ref(item))) as pieces:
            yield pieces

    async def confirm(self, item: Incoming, *, ok: bool) -> None:
        """The item is durable here; what could not be taken comes to `put_aside`."""
        if not ok:
            return
        if item.kind is PackageKind.STATUS:
            await self._reporting.confirm(_ref(item))
        else:
            await self._sending.confirm(int(_ref(item)))

    async def put_aside(self, item: Incoming, error: AxisError) -> None:
        """The item could not be taken: its document there says why."""
        if isinstance(error, PeerRefused):
            raise error  # Mayan's own no, to a call: that is not about the document
        if item.kind is PackageKind.STATUS:
            await self._reporting.put_aside(_ref(item), error)
        else:
            await self._sending.put_aside(int(_ref(item)), error)

    async def receivers(self, ref: str) -> tuple[ReceiverState, ...]:
        """It is not asked: what is filed is acknowledged."""
        raise NotImplementedError(ref)

    async def health(self) -> None:
        """Whether the token is somebody's, and what must be set up is there."""
        await self.log_in()
        self.setup.forget()
        await self.setup.layout()

    async def log_in(self) -> str:
        """Whose the token is. Raises Trouble(LOGIN_REFUSED)."""
        who = await self.mayan.get("users/current/")
        name = who.get("username")
        if not isinstance(name, str) or not name:
            raise Trouble(Fault.LOGIN_REFUSED, "the token is nobody's")
        return name

    async def close(self) -> None:
        """Let go of connections."""
        await self.mayan.close()


def make_peer(system_id: str, options: PeerOptions, parts: PeerParts) -> MayanPeer:
    """An agency's Mayan. Raises Malformed(BAD_SETTINGS)."""
    try:
        check_url(options.url, private_addresses=True)  # the operator's own choice, most often in the agency's network
    except Forbidden as e:
        raise Malformed(Code.BAD_SETTINGS, str(e), at=f"{system_id}: option url") from e
    place = Place(
        url=options.url,
        token=options.token.get_secret_value(),
        ca_file=options.ca_file,
        timeout_s=options.timeout_s,
    )
    scratch = parts.node.scratch if parts.node else Path(tempfile.gettempdir())
    limits = Limits(**parts.node.settings.limits.model_dump()) if parts.node else Limits()
    return MayanPeer(Mayan(place), options, Room(scratch=scratch, limits=limits))


def _ref(item: Incoming) -> str:
    return item.ref.partition(":")[2]
