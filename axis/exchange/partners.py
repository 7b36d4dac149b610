"""The partners that this process calls now, each with its other end; kept in step with the configuration.

Uplinks stand in the settings and never change while the node runs; systems with an adapter come and go in the database.
A partner whose options no adapter takes is told in the log, once, and left alone: what is for it waits.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import structlog

from axis.delivery.directory import CurrentDirectory
from axis.delivery.partner import Partner
from axis.delivery.peer import Peer
from axis.errors import AxisError

log = structlog.get_logger(__name__)

MakePeer = Callable[[Partner], Peer]


@dataclass(slots=True, eq=False)
class Line:
    """One partner, and whether somebody uses its other end just now."""

    partner: Partner
    peer: Peer
    is_uplink: bool
    users: int = 0

    @property
    def partner_id(self) -> str:
        """Our name for the partner."""
        return self.partner.partner_id

    @contextmanager
    def use(self) -> Iterator[Peer]:
        """The other end; it is not closed meanwhile."""
        self.users += 1
        try:
            yield self.peer
        finally:
            self.users -= 1


class Partners:
    """All lines of this process."""

    def __init__(self, directory: CurrentDirectory, uplinks: Sequence[Partner], make_peer: MakePeer) -> None:
        self._directory = directory
        self._uplinks = tuple(uplinks)
        self._make_peer = make_peer
        self._lines: dict[str, Line] = {}
        self._broken: dict[str, Partner] = {}  # those that no peer could be made of
        self._retired: list[Line] = []
        self._version: int | None = None

    @property
    def version(self) -> int | None:
        """The configuration that the lines are of."""
        return self._version

    def lines(self) -> tuple[Line, ...]:
        """Every partner that can be called."""
        return tuple(self._lines.values())

    def line(self, partner_id: str) -> Line | None:
        """One partner."""
        return self._lines.get(partner_id)

    async def refresh(self) -> None:
        """Follow the configuration; other ends that nobody uses any more are closed."""
        current = self._directory.current
        if current.version != self._version:
            uplinks = {uplink.partner_id for uplink in self._uplinks}
            systems = (partner for partner in current.partners() if partner.partner_id not in uplinks)
            wanted = {partner.partner_id: partner for partner in (*self._uplinks, *systems)}
            self._retire(wanted)
            for partner_id, partner in wanted.items():
                if partner_id not in self._lines and self._broken.get(partner_id) != partner:
                    self._open(partner, is_uplink=partner_id in uplinks)
            self._version = current.version
        await self._close_unused()

    def _retire(self, wanted: dict[str, Partner]) -> None:
        for partner_id, line in list(self._lines.items()):
            if wanted.get(partner_id) != line.partner:
                self._retired.append(self._lines.pop(partner_id))
        for partner_id, partner in list(self._broken.items()):
            if wanted.get(partner_id) != partner:
                del self._broken[partner_id]

    def _open(self, partner: Partner, *, is_uplink: bool) -> None:
        try:
            peer = self._make_peer(partner)
        except AxisError as e:
            self._broken[partner.partner_id] = partner
            log.error("partner_unusable", partner=partner.partner_id, adapter=partner.adapter, error=str(e))  # noqa: TRY400
            return
        self._lines[partner.partner_id] = Line(partner, peer, is_uplink)

    async def _close_unused(self) -> None:
        unused = [line for line in self._retired if not line.users]
        self._retired = [line for line in self._retired if line.users]
        for line in unused:
            await line.peer.close()

    async def close(self) -> None:
        """Let go of every connection."""
        lines = (*self._retired, *self._lines.values())
        self._retired, self._lines = [], {}
        for line in lines:
            await line.peer.close()
