"""Who calls: proven before anything of a body is read.

The HMAC covers the headers only; what protects the body is `hash-file` (a signed header), what protects against replay
is that every operation can be repeated without a second effect. The timestamp has a wide window, since real clients
reuse one for hours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from adapters.vxp.wire import SignedCall, read_call, read_timestamp
from axis.errors import Code, NotAllowed, Unauthenticated
from axis.ids import SystemId
from axis.store.records import System

FRONT = "vxp"
_NOBODY = (b"a system that does not exist has one secret all the same",)


class Systems(Protocol):
    """What has to be known of the systems that may call."""

    def system(self, system_id: str) -> System | None:
        """A connected system, enabled or not."""
        ...

    def secrets(self, system_id: str, now: datetime) -> tuple[bytes, ...]:
        """Its secrets that are valid now."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A system that has proven who it is, and the headers that it signed."""

    system_id: SystemId
    call: SignedCall


def authenticate(
    raw_headers: Sequence[tuple[bytes, bytes]], systems: Systems, now: datetime, window: timedelta
) -> Caller:
    """Prove who calls.

    Raises Malformed, Unauthenticated (UNKNOWN_SYSTEM, BAD_CREDENTIALS, TIMESTAMP_OUTSIDE_WINDOW) or NotAllowed
    (SYSTEM_DISABLED). Takes the same work whether a system exists or not.
    """
    call = read_call(raw_headers)
    system_id = call.system_id
    system = systems.system(system_id)
    secrets = systems.secrets(system_id, now)
    proven = call.is_signed_by(secrets or _NOBODY) and bool(secrets)
    if system is None or system.front != FRONT:
        raise Unauthenticated(Code.UNKNOWN_SYSTEM, at="systemid")
    if not proven:
        raise Unauthenticated(Code.BAD_CREDENTIALS, at="hash-header")
    if not system.enabled:
        raise NotAllowed(Code.SYSTEM_DISABLED, at="systemid")
    if abs(now - read_timestamp(call.need("timestamp"))) > window:
        raise Unauthenticated(Code.TIMESTAMP_OUTSIDE_WINDOW, at="timestamp")
    call.check_agreement()
    return Caller(system_id=SystemId(system.system_id), call=call)
