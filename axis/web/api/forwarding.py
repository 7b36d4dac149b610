"""A receiver passes a document on to an organisation below it, or gives back what was misaddressed."""

from functools import partial
from hashlib import sha256
from typing import Final

from aiohttp import web

from axis.errors import Code, Malformed
from axis.exchange.forwarding import ForwardWish, ReturnWish
from axis.ids import DocumentUid, SystemId
from axis.terms import Scope
from axis.web.api.call import Call, Operation, Reply, read_id
from axis.web.api.models import AcceptedOut, ForwardedOut, ForwardIn, ReturnIn
from axis.web.api.once import once
from axis.web.api.packages import accepted_reply
from axis.web.api.statuses import staff_info

_CREATED: Final = 201


async def forward(call: Call) -> Reply | web.Response:
    """Pass a document on, for one of the organisations that the calling system serves."""
    given = call.given(ForwardIn)
    digest = sha256(given.model_dump_json().encode()).hexdigest()
    return await once(call, digest, partial(_forward, call, given))


async def give_back(call: Call) -> Reply | web.Response:
    """Give a document back, for one of the organisations that the calling system serves."""
    given = call.given(ReturnIn)
    if given.said_at is not None and given.said_at.tzinfo is None:
        raise Malformed(Code.BAD_REQUEST, "needs its offset from UTC", at="said_at")
    digest = sha256(given.model_dump_json().encode()).hexdigest()
    return await once(call, digest, partial(_give_back, call, given))


async def _forward(call: Call, given: ForwardIn) -> Reply:
    wish = ForwardWish(
        document_uid=DocumentUid(read_id(call, "document_uid")),
        by_organ=given.organ_id,
        to_organ=given.to_organ,
        reason=given.reason,
        actor=call.system_id,
        system_id=SystemId(call.system_id),
    )
    done = await call.parts.exchange.forward(wish)
    body = ForwardedOut(delivery_id=done.delivery_id, to_organ=done.to_organ, changed=done.changed)
    return Reply(status=_CREATED if done.changed else 200, body=body)


async def _give_back(call: Call, given: ReturnIn) -> Reply:
    wish = ReturnWish(
        document_uid=DocumentUid(read_id(call, "document_uid")),
        by_organ=given.organ_id,
        reason=given.reason,
        staff=staff_info(given.staff),
        actor=call.system_id,
        at=given.said_at or call.parts.clock.now(),
        system_id=SystemId(call.system_id),
    )
    return accepted_reply(await call.parts.exchange.send_back(wish))


OPERATIONS: Final = (
    Operation(
        name="forwardDocument",
        method="POST",
        path="/documents/{document_uid}/forward",
        handler=forward,
        vi="Chuyển tiếp văn bản đã nhận cho đơn vị trực thuộc.",
        en="Pass a document that one of your organisations received on to an organisation below it.",
        scopes=(Scope.SEND,),
        body=ForwardIn,
        replies={201: ForwardedOut, 200: ForwardedOut},
        idempotent=True,
    ),
    Operation(
        name="returnDocument",
        method="POST",
        path="/documents/{document_uid}/return",
        handler=give_back,
        vi="Trả lại văn bản gửi không đúng nơi nhận, kèm lý do; trục lập trạng thái 02 thay hệ thống của bạn.",
        en="Give a misaddressed document back, with the reason; the node writes the status 02 for your system.",
        scopes=(Scope.STATUS,),
        body=ReturnIn,
        replies={201: AcceptedOut, 200: AcceptedOut},
        idempotent=True,
    ),
)
