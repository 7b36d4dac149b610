"""What an act would do to each receiver of a document, in words, before it is sent: by the rules that will decide it.

Norm: QĐ 28/2018/QĐ-TTg Art. 9: on a recall notice the receiver cancels the document and says so.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from axis.status.acts import after_addition, after_recall, after_removal, after_replacement
from axis.store.records import Delivery
from axis.terms import ActKind, DeliveryState, Place
from axis.web.console import words
from axis.web.console.draft_form import Target
from axis.web.console.language import N_, _
from axis.web.console.words import Look

SHOWN = 200  # receivers of one document

_RECALL: Final[Mapping[bool, str]] = {
    False: N_("Nhận thông báo thu hồi; văn bản hết hiệu lực ở đây và nơi nhận trả lời đồng ý hay không."),
    True: N_("Chưa lấy văn bản: gói tin được rút lại, chỉ còn nhận thông báo thu hồi."),
}
_NOTHING: Final = N_("Nhận thông báo; không còn gì để thay đổi ở đây.")
_UPDATED: Final = N_("Nhận bản cập nhật và trả lời đồng ý hay không.")
_REMOVED: Final[Mapping[bool, str]] = {
    False: N_("Bị rút khỏi danh sách: văn bản hết hiệu lực ở đây; nhận thông báo."),
    True: N_("Bị rút khỏi danh sách trước khi lấy văn bản: gói tin được rút lại."),
}
_ADDED: Final = N_("Nơi nhận mới: nhận bản cập nhật và xử lý như văn bản đến.")
_BACK: Final = N_("Được đưa lại vào danh sách: văn bản có hiệu lực trở lại.")
_REPLACED: Final = N_("Văn bản cũ hết hiệu lực; nhận và xử lý văn bản mới.")
_KEPT: Final = N_("Không nhận văn bản mới: văn bản cũ vẫn còn hiệu lực.")
_NEW: Final = N_("Chỉ nhận văn bản mới.")
_ELSEWHERE: Final = N_("Do trục khác chuyển: trục này không biết kết quả.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """One receiver, how the document stands there, and what will happen."""

    code: str
    name: str
    look: Look | None  # None: it has not had the document
    fate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActNote:
    """What a draft does to an earlier document."""

    look: Look
    uid: str
    code: str
    subject: str
    keeps_code: bool  # an update cannot change number and notation
    affected: tuple[Affected, ...]
    more: int  # that are not shown


def act_note(target: Target, receivers: Collection[str], name: Callable[[str], str]) -> ActNote:
    """What an update or replacement with these receivers does."""
    chosen = frozenset(receivers)
    known = {one.receiver_organ for one in target.deliveries}
    update = target.kind is ActKind.UPDATE
    rows = [
        affected(one, name, (updated if update else replaced)(one, target.unfetched, chosen))
        for one in target.deliveries
    ]
    fresh = _(_ADDED if update else _NEW)
    rows += [Affected(code=one, name=name(one), look=None, fate=fresh) for one in sorted(chosen - known)]
    return ActNote(
        look=words.act(target.kind),
        uid=target.uid,
        code=target.code,
        subject=target.subject,
        keeps_code=update,
        affected=tuple(rows[:SHOWN]),
        more=max(0, len(rows) - SHOWN),
    )


def affected(delivery: Delivery, name: Callable[[str], str], fate: str) -> Affected:
    """A receiver of the document, and its fate."""
    state = delivery.state
    if state is not DeliveryState.OPEN:
        look: Look | None = words.said(words.DELIVERY_STATE[state])
    else:
        look = words.status(delivery.status_code) if delivery.status_code else None
    elsewhere = delivery.place is Place.ELSEWHERE
    return Affected(
        code=delivery.receiver_organ,
        name=name(delivery.receiver_organ),
        look=look,
        fate=_(_ELSEWHERE) if elsewhere else fate,
    )


def recalled(delivery: Delivery, unfetched: Collection[str]) -> str:
    """What a recall does."""
    if after_recall(delivery.state) is delivery.state:
        return _(_NOTHING)
    return _(_RECALL[delivery.receiver_organ in unfetched])


def updated(delivery: Delivery, unfetched: Collection[str], chosen: Collection[str]) -> str:
    """What an update does."""
    if delivery.receiver_organ in chosen:
        back = after_addition(delivery.state) is not delivery.state
        return _(_BACK if back else _NOTHING if delivery.state.is_frozen else _UPDATED)
    if after_removal(delivery.state) is delivery.state:
        return _(_NOTHING)
    return _(_REMOVED[delivery.receiver_organ in unfetched])


def replaced(delivery: Delivery, _unfetched: Collection[str], chosen: Collection[str]) -> str:
    """What a replacement does."""
    if delivery.receiver_organ not in chosen:
        return _(_KEPT)
    return _(_NEW if after_replacement(delivery.state) is delivery.state else _REPLACED)
