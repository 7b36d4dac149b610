"""Subscriptions: a system is told of its events at an address of its own, in place of asking for them."""

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final

from pydantic import Field

from axis.errors import Code, Malformed
from axis.ids import new_id
from axis.ops.cloud_events import new_secret
from axis.ops.outward import Forbidden, check_url
from axis.store import webhooks as stored
from axis.store.records import Webhook
from axis.terms import EventKind, Scope
from axis.web.api.call import Call, Operation, Reply, read_id
from axis.web.api.models import Model

_OLD_SECRET: Final = timedelta(hours=24)
_PLACED_AT_ONCE: Final = 500
_URL_CHARACTERS: Final = 2_000


class WebhookIn(Model):
    """Where to tell what."""

    url: str = Field(max_length=_URL_CHARACTERS, description="https address that takes POST; http only inside.")
    kinds: Annotated[tuple[EventKind, ...], Field(max_length=100)] = Field(
        (), description="Which events; none: all, those that come later included."
    )
    name: str = Field("", max_length=200, description="For people.")


class WebhookOut(Model):
    """A subscription."""

    webhook_id: str
    url: str
    kinds: tuple[EventKind, ...]
    name: str
    enabled: bool = Field(description="false: told no more, since it was gone (410) or failed for days.")
    place: int = Field(description="Of the last event that it has taken.")
    attempts: int = Field(description="Tries of the next event so far.")
    failing_since: datetime | None
    last_status: int | None = Field(description="HTTP status of the last try; null: no answer.")
    last_words: str
    last_at: datetime | None
    created_at: datetime


class WebhookSecretOut(WebhookOut):
    """A subscription with its secret, which is shown this once."""

    secret: str = Field(description="whsec_ and base64, as Standard Webhooks has it.")


class WebhookList(Model):
    """All subscriptions of your system."""

    items: tuple[WebhookOut, ...]


class ToldOut(Model):
    """What became of a test."""

    taken: bool
    status: int | None = Field(description="HTTP status; null: no answer.")
    words: str


async def list_webhooks(call: Call) -> Reply:
    """The calling system's subscriptions."""
    rows = await call.parts.store.read(lambda c: stored.list_webhooks(c, call.system_id))
    return Reply(body=WebhookList(items=tuple(map(_out, rows))))


async def add_webhook(call: Call) -> Reply:
    """Subscribe to what happens from now on."""
    given, rules = call.given(WebhookIn), call.parts.settings.webhook
    url = _check(given.url, private_addresses=rules.private_addresses)
    secret, now = new_secret(), call.parts.clock.now()
    row = Webhook(
        webhook_id=new_id(now),
        system_id=call.system_id,
        url=url,
        kinds=" ".join(sorted(frozenset(given.kinds))),
        name=given.name.replace("\0", ""),
        secret_encrypted=call.parts.key.encrypt(secret),
        old_secret_encrypted=None,
        old_until=None,
        enabled=True,
        place=await _last_place(call),
        attempts=0,
        failing_since=None,
        due_at=now,
        last_status=None,
        last_words="",
        last_at=None,
        created_at=now,
    )
    await call.parts.store.write(lambda c: stored.add_webhook(c, row, rules.most_per_system, call.system_id))
    body = WebhookSecretOut(**_out(row).model_dump(), secret=secret)
    return Reply(status=HTTPStatus.CREATED, body=body)


async def show_webhook(call: Call) -> Reply:
    """One subscription, and how it fares."""
    return Reply(body=_out(await _find(call)))


async def delete_webhook(call: Call) -> Reply:
    """End a subscription."""
    row, now = await _find(call), call.parts.clock.now()
    await call.parts.store.write(lambda c: stored.drop_webhook(c, row, now, call.system_id))
    return Reply(status=HTTPStatus.NO_CONTENT)


async def rotate_secret(call: Call) -> Reply:
    """Another secret; for a day both sign."""
    row, now, secret = await _find(call), call.parts.clock.now(), new_secret()
    encrypted = call.parts.key.encrypt(secret)
    await call.parts.store.write(lambda c: stored.rotate(c, row, encrypted, now + _OLD_SECRET, now))
    return Reply(body=WebhookSecretOut(**_out(row).model_dump(), secret=secret))


async def enable_webhook(call: Call) -> Reply:
    """Tell it again, from the event on that it did not take."""
    row, now = await _find(call), call.parts.clock.now()
    await call.parts.store.write(lambda c: stored.enable(c, row, now))
    return Reply(body=_out(await _find(call)))


async def test_webhook(call: Call) -> Reply:
    """Say something that means nothing, once, now."""
    told = await call.parts.teller.test(await _find(call))
    return Reply(body=ToldOut(taken=told.taken, status=told.status, words=told.words))


async def _find(call: Call) -> Webhook:
    webhook_id = read_id(call, "webhook_id")
    return await call.parts.store.read(lambda c: stored.find_webhook(c, call.system_id, webhook_id))


async def _last_place(call: Call) -> int:
    now = call.parts.clock.now()
    while True:
        place = await call.parts.store.write(lambda c: stored.last_place(c, call.system_id, now, _PLACED_AT_ONCE))
        if place is not None:
            return place


def _check(text: str, *, private_addresses: bool) -> str:
    """Raises Malformed for an address that may not be called."""
    try:
        url = check_url(text, private_addresses=private_addresses)
    except Forbidden as e:
        raise Malformed(Code.BAD_REQUEST, str(e), at="url") from e
    if url.scheme != "https" and not private_addresses:
        raise Malformed(Code.BAD_REQUEST, "https only", at="url")
    if url.user or url.password or url.fragment:
        raise Malformed(Code.BAD_REQUEST, "no names, passwords or fragments in it", at="url")
    return str(url)


def _out(row: Webhook) -> WebhookOut:
    return WebhookOut(
        webhook_id=row.webhook_id,
        url=row.url,
        kinds=tuple(EventKind(word) for word in row.kinds.split()),
        name=row.name,
        enabled=row.enabled,
        place=row.place,
        attempts=row.attempts,
        failing_since=row.failing_since,
        last_status=row.last_status,
        last_words=row.last_words,
        last_at=row.last_at,
        created_at=row.created_at,
    )


OPERATIONS: Final = (
    Operation(
        name="listWebhooks",
        method="GET",
        path="/webhooks",
        handler=list_webhooks,
        vi="Các địa chỉ mà trục báo sự kiện cho hệ thống của bạn.",
        en="The addresses at which your system is told of its events.",
        scopes=(Scope.WEBHOOKS,),
        replies={200: WebhookList},
    ),
    Operation(
        name="addWebhook",
        method="POST",
        path="/webhooks",
        handler=add_webhook,
        vi="Đăng ký nhận sự kiện tại một địa chỉ; khóa ký chỉ hiện một lần.",
        en="Subscribe to events at an address; the secret is shown this once.",
        scopes=(Scope.WEBHOOKS,),
        body=WebhookIn,
        replies={201: WebhookSecretOut},
    ),
    Operation(
        name="getWebhook",
        method="GET",
        path="/webhooks/{webhook_id}",
        handler=show_webhook,
        vi="Một đăng ký và tình trạng của nó.",
        en="One subscription, and how it fares.",
        scopes=(Scope.WEBHOOKS,),
        replies={200: WebhookOut},
    ),
    Operation(
        name="deleteWebhook",
        method="DELETE",
        path="/webhooks/{webhook_id}",
        handler=delete_webhook,
        vi="Hủy một đăng ký.",
        en="End a subscription.",
        scopes=(Scope.WEBHOOKS,),
        replies={204: None},
    ),
    Operation(
        name="rotateWebhookSecret",
        method="POST",
        path="/webhooks/{webhook_id}/secret",
        handler=rotate_secret,
        vi="Đổi khóa ký; trong 24 giờ trục ký bằng cả khóa cũ và khóa mới.",
        en="Change the secret; for 24 hours both the old and the new one sign.",
        scopes=(Scope.WEBHOOKS,),
        replies={200: WebhookSecretOut},
    ),
    Operation(
        name="enableWebhook",
        method="POST",
        path="/webhooks/{webhook_id}/enable",
        handler=enable_webhook,
        vi="Báo lại từ sự kiện chưa nhận được, sau khi đăng ký bị dừng.",
        en="Tell it again, from the event on that it did not take, after it was disabled.",
        scopes=(Scope.WEBHOOKS,),
        replies={200: WebhookOut},
    ),
    Operation(
        name="testWebhook",
        method="POST",
        path="/webhooks/{webhook_id}/test",
        handler=test_webhook,
        vi="Gửi ngay một sự kiện thử (vn.axis.test).",
        en="Send a test event (vn.axis.test) now.",
        scopes=(Scope.WEBHOOKS,),
        replies={200: ToldOut},
    ),
)
