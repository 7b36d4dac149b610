"""Statuses as JSON: the node writes the status package."""

from functools import partial
from hashlib import sha256
from typing import Final

from aiohttp import web

from axis.edxml.model import StaffInfo
from axis.errors import Code, Malformed, NotFound
from axis.exchange.composing import AskBackWish, ReportWish
from axis.ids import DocumentUid, SystemId
from axis.terms import Scope, StatusCode
from axis.web.api.call import Call, Operation, Reply
from axis.web.api.models import AcceptedOut, StaffIn, StatusIn
from axis.web.api.once import once
from axis.web.api.packages import accepted_reply


async def state(call: Call) -> Reply | web.Response:
    """Take a status in for one of the organisations that the calling system serves."""
    given = call.given(StatusIn)
    if given.said_at is not None and given.said_at.tzinfo is None:
        raise Malformed(Code.BAD_REQUEST, "needs its offset from UTC", at="said_at")
    asks_back = given.code is StatusCode.RECALL_REQUESTED
    if asks_back != (given.receiver_organ is not None):
        raise Malformed(Code.BAD_REQUEST, "given with 13, and only then", at="receiver_organ")
    digest = sha256(given.model_dump_json().encode()).hexdigest()
    return await once(call, digest, partial(_ask_back if asks_back else _report, call, given))


async def _report(call: Call, given: StatusIn) -> Reply:
    wish = ReportWish(
        document_uid=DocumentUid(given.document_uid),
        receiver_organ=given.organ_id,
        code=given.code,
        reason=given.reason,
        staff=staff_info(given.staff),
        actor=call.system_id,
        at=given.said_at or call.parts.clock.now(),
        system_id=SystemId(call.system_id),
    )
    return accepted_reply(await call.parts.exchange.report(wish))


async def _ask_back(call: Call, given: StatusIn) -> Reply:
    directory = call.parts.exchange.directory.current
    organ_id = directory.registry.canonical(given.organ_id)
    if not directory.serves(call.system_id, organ_id):
        raise NotFound(Code.NOT_FOUND, given.organ_id)
    wish = AskBackWish(
        document_uid=DocumentUid(given.document_uid),
        receiver_organ=given.receiver_organ or "",
        reason=given.reason,
        staff=staff_info(given.staff),
        actor=call.system_id,
        at=given.said_at or call.parts.clock.now(),
        system_id=SystemId(call.system_id),
    )
    return accepted_reply(await call.parts.exchange.ask_back(wish))


def staff_info(said: StaffIn | None) -> StaffInfo | None:
    """Who acted, as a status package says it."""
    if said is None:
        return None
    return StaffInfo(department=said.department, staff=said.staff, email=said.email, mobile=said.mobile)


OPERATIONS: Final = (
    Operation(
        name="sendStatus",
        method="POST",
        path="/statuses",
        handler=state,
        vi="Gửi trạng thái xử lý dạng JSON; trục lập gói tin trạng thái edXML thay hệ thống của bạn.",
        en="Say how a document fares, as JSON; the node writes the edXML status package for your system.",
        scopes=(Scope.STATUS,),
        body=StatusIn,
        replies={201: AcceptedOut, 200: AcceptedOut},
        idempotent=True,
    ),
)
