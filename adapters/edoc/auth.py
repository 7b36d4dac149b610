"""Who calls: an organisation's code and the token of a system that acts for it.

The token stands in the request itself, so that some of a body has to be read before; how much, the front bounds. It is
compared in constant time, and leaves the request nowhere (`adapters.edoc.originals`).
"""

import hmac
from collections.abc import Iterator
from datetime import datetime

from adapters.edoc.soap import Credentials
from axis.delivery.directory import Directory
from axis.errors import Code, NotAllowed, Unauthenticated
from axis.ids import SystemId

FRONT = "edoc"
_NOBODY = (b"an organisation without a system has one token all the same",)


def authenticate(given: Credentials | None, directory: Directory, now: datetime) -> SystemId:
    """The system that calls.

    Raises Unauthenticated (BAD_CREDENTIALS, UNKNOWN_SYSTEM) or NotAllowed(SYSTEM_DISABLED).
    """
    if given is None or not given.organ_id or not given.token:
        raise Unauthenticated(Code.BAD_CREDENTIALS, "OrganId and Token are needed", at="Token")
    candidates = tuple(_systems_for(given.organ_id, directory))
    token = given.token.encode("utf-8", "surrogatepass")
    proven = None
    for system_id in candidates or ("",):
        for secret in directory.secrets(system_id, now) or _NOBODY:
            if hmac.compare_digest(token, secret) and candidates:
                proven = system_id
    if not candidates:
        raise Unauthenticated(Code.UNKNOWN_SYSTEM, at="OrganId")
    if proven is None:
        raise Unauthenticated(Code.BAD_CREDENTIALS, at="Token")
    system = directory.system(proven)
    if system is None or not system.enabled:
        raise NotAllowed(Code.SYSTEM_DISABLED, at="OrganId")
    return SystemId(proven)


def _systems_for(code: str, directory: Directory) -> Iterator[str]:
    """The systems of this front that act for the organisation of a code; the code may be a system's id too."""
    organ = directory.registry.find(code)
    named = [code]
    if organ is not None:
        via = directory.via(organ.organ_id)
        named += [directory.route(organ.organ_id) or ""]
        named += [service.system_id for service in directory.services(via)] if via else []
    for system_id in dict.fromkeys(named):
        system = directory.system(system_id)
        if system is not None and system.front == FRONT:
            yield system_id
