"""What an administrator does with connected systems: connect, let in or keep out, give another secret, try out.

Each act goes the way of the command line and leaves its audit row in the account's name. A secret is in the answer of
the act that makes it and nowhere else; the same form sent again makes no second one.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from axis.clock import Clock
from axis.delivery.directory import read_partner
from axis.delivery.partner import Checked, Partner
from axis.errors import Code, Malformed, NotFound
from axis.ops.access import Access, Connecting, Granting, check_system_id
from axis.store import configuration, systems
from axis.terms import Scope

MOST_GRACE = timedelta(days=90)
CheckPartner = Callable[[Partner], Awaitable[Checked]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a system shows when it calls; told once."""

    secret: str
    token: str | None = None  # of the REST API


class SystemDesk:
    """Does it for one account."""

    def __init__(self, access: Access, clock: Clock, actor: str) -> None:
        self._access = access
        self._clock = clock
        self._actor = actor

    async def connect(self, wish: Connecting, scopes: tuple[Scope, ...]) -> Given:
        """Connect a system; with scopes, a token of the REST API is made with it.

        Raises Malformed(BAD_REQUEST), UnknownOrgan, WrongState(SYSTEM_EXISTS or ORGAN_IN_USE).
        """
        check_system_id(wish.system_id, "system_id")
        granting = Granting(system_id=wish.system_id, scopes=scopes) if scopes else None
        secret, token = await self._access.connect_with(wish, granting, self._clock.now(), self._actor)
        return Given(secret=secret, token=token)

    async def set_enabled(self, system_id: str, *, enabled: bool) -> None:
        """Let it in, or keep it out; what waits for it stays. Raises NotFound."""
        now = self._clock.now()
        await self._access.store.write(
            lambda conn: systems.set_enabled(conn, system_id, now, self._actor, enabled=enabled)
        )

    async def rotate(self, system_id: str, grace: timedelta, follows: str) -> Given:
        """Give it another secret; follows: its newest credential, as whoever asks has seen it.

        Raises NotFound, Malformed(BAD_REQUEST), WrongState(STATE_CHANGED) when it got another one since.
        """
        if not timedelta() <= grace <= MOST_GRACE:
            raise Malformed(Code.BAD_REQUEST, f"0 to {MOST_GRACE.days} days", at="hours")
        secret = await self._access.rotate(system_id, grace, self._clock.now(), self._actor, follows)
        return Given(secret=secret)

    async def test(self, system_id: str, check: CheckPartner) -> Checked:
        """Try out whether it can be pushed to, as `axis adapter check` does; disabled ones, too.

        Raises NotFound, Malformed(BAD_REQUEST) when it fetches, and what `check` does.
        """
        found = await self._access.store.read(systems.list_systems)
        system = next((one for one in found if one.system_id == system_id), None)
        if system is None:
            raise NotFound(Code.NOT_FOUND, system_id)
        if system.adapter is None:
            raise Malformed(Code.BAD_REQUEST, "it fetches its packages itself: nothing calls it", at="do")
        checked = await check(read_partner(system, self._access.key))
        now, fields = self._clock.now(), {"system": system_id, "adapter": system.adapter, "good": checked.good}
        await self._access.store.write(
            lambda conn: configuration.record(conn, now, self._actor, "system_checked", fields)
        )
        return checked
