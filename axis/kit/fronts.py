"""The fronts that a vendor's software can be tested on: a row for each."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from aiohttp import hdrs

from axis.kit.words import Words

_ID = re.compile(r"/[0-9A-Z]{26}(?=/|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What names an operation in a call: nothing of its body."""

    method: str
    path: str
    action: str  # of SOAP


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """How the vendor's software calls."""

    id: str
    title: Words
    path: str  # below the node's address
    system_front: str  # what the connected system is registered with
    secret: Words  # how it calls what the software shows
    has_api_token: bool = False  # it shows a token of the REST API, not the system's secret
    without: frozenset[str] = frozenset()  # cases that it cannot carry
    receipts_say_arrived: bool = False  # its word for "I have it" says 01 too
    operation: Callable[[Asked], str]
    sends: Callable[[Asked], bool]  # whether the answer of such a call tells that a package was taken


def _vxp_operation(asked: Asked) -> str:
    return asked.path.rpartition("/")[2]


def _api_operation(asked: Asked) -> str:
    return f"{asked.method} {_ID.sub('/{id}', asked.path.removeprefix('/api/v1'))}"


def _api_sends(asked: Asked) -> bool:
    return asked.method not in (hdrs.METH_GET, hdrs.METH_HEAD) and not asked.path.endswith("/acknowledge")


FRONTS: dict[str, Front] = {
    front.id: front
    for front in (
        Front(
            id="vxp",
            title=Words("VXP (thư viện của nhà cung cấp trục)", "VXP (the axis vendor's client)"),
            path="/vxp",
            system_front="vxp",
            secret=Words("Khóa bí mật", "Secret"),
            operation=_vxp_operation,
            sends=lambda asked: _vxp_operation(asked) == "sendEdoc",
        ),
        Front(
            id="api",
            title=Words("REST API", "REST API"),
            path="/api/v1",
            system_front="vxp",
            secret=Words("Mã truy cập (Bearer)", "Token (Bearer)"),
            has_api_token=True,
            operation=_api_operation,
            sends=_api_sends,
        ),
        Front(
            id="edoc",
            title=Words("eDoc SOAP (edXML 1.0)", "eDoc SOAP (edXML 1.0)"),
            path="/edoc",
            system_front="edoc",
            secret=Words("Token", "Token"),
            receipts_say_arrived=True,
            # Packages are written anew there and back: signatures and odd forms do not reach the other side.
            without=frozenset({"bad-signature", "signed", "form", "receive-odd"}),
            operation=lambda asked: asked.action or f"{asked.method} {asked.path}",
            sends=lambda asked: asked.method == hdrs.METH_POST and asked.action in ("", "SendDocument"),
        ),
    )
}
