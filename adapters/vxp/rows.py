"""What the node knows, as rows of the dialect's lists; and a registration, read."""

from collections.abc import Iterator

from adapters.vxp.replies import Row
from adapters.vxp.wire import MESSAGE_TYPES, SERVICE_TYPE, STATE_WORDS, write_item_id, write_list_time
from axis.delivery.directory import Directory
from axis.errors import Code, Malformed
from axis.exchange.values import Acknowledgement
from axis.organ.model import Organ, OrganKind
from axis.store.queries import PendingItem, SentRow
from axis.store.registry import OrganRow
from axis.terms import Answer, DeliveryState, Place, TransportState

_DESCRIPTIONS = {
    Acknowledgement.INITIAL: "Chờ hệ thống nhận lấy về",
    Acknowledgement.PROCESSING: "Đã chuyển đến hệ thống nhận, chờ xác nhận",
    Acknowledgement.DONE: "Hệ thống nhận đã xác nhận",
    Acknowledgement.FAIL: "Không chuyển được",
}
_DESCRIPTIONS_ELSEWHERE = {
    Acknowledgement.INITIAL: "Chờ chuyển sang trục khác",
    Acknowledgement.PROCESSING: "Đã chuyển sang trục khác, chưa có xác nhận của nơi nhận",
    Acknowledgement.DONE: "Nơi nhận đã xác nhận qua trục khác",
    Acknowledgement.FAIL: "Không chuyển được sang trục khác",
}
_DELIVERIES = {
    DeliveryState.RECALLED: "đã thu hồi, nơi nhận chưa trả lời",
    DeliveryState.RECALL_AGREED: "đã thu hồi, nơi nhận đồng ý",
    DeliveryState.RECALL_DECLINED: "đã thu hồi, nơi nhận không đồng ý",
    DeliveryState.REMOVED: "đã rút khỏi danh sách nơi nhận",
    DeliveryState.REPLACED: "đã có văn bản thay thế",
}
_ANSWERS = {
    Answer.AGREED: "nơi nhận đồng ý",
    Answer.DECLINED: "nơi nhận không đồng ý",
    Answer.WITHDRAWN: "không cần trả lời",
}
_MAX_FIELD = 500  # characters of a registered value
_MAX_VERSION_DIGITS = 18
_OLD_FORM_DOTS = 3  # 000.00.15.H24


def received_row(item: PendingItem, system_id: str) -> Row:
    """A row of getReceivedEdocList."""
    word = STATE_WORDS[item.state]
    return {
        "docId": write_item_id(item.package_id, system_id),
        "serviceType": SERVICE_TYPE,
        "messageType": MESSAGE_TYPES[item.kind],
        "created_time": write_list_time(item.received_at),
        "updated_time": write_list_time(item.updated_at),
        "from": item.from_organ,
        "to": ",".join(item.receivers),
        "status": word.value,
        "status_desc": _DESCRIPTIONS[word],
    }


def _sent_words(row: SentRow, word: Acknowledgement) -> str:
    """How one receiver fares, for people: how far the package has come, then what was done and said about it."""
    if row.state is TransportState.CANCELLED:
        way = "Đã rút lại, không chuyển cho nơi nhận"
    elif row.place is Place.LOCAL:
        way = _DESCRIPTIONS[word]
    else:
        way = _DESCRIPTIONS_ELSEWHERE[word]
    since = (_DELIVERIES.get(row.delivery) if row.delivery else None, _ANSWERS.get(row.answer) if row.answer else None)
    return "; ".join((way, *filter(None, since)))


def sent_row(row: SentRow, directory: Directory) -> Row:
    """A row of getSentEdocList: one receiver. What only reached another axis is never said to have arrived."""
    word = Acknowledgement.INITIAL if row.state is None else STATE_WORDS[row.state]
    system_id = directory.route(row.receiver_organ)
    return {
        "serviceType": SERVICE_TYPE,
        "messageType": MESSAGE_TYPES[row.kind],
        "senderDocId": row.package_id,
        "receiverDocId": write_item_id(row.package_id, system_id) if system_id else "",
        "fromCode": row.from_organ,
        "toCode": row.addressed_as,
        "title": row.subject or "",
        "notation": row.code or "",
        "sentTime": write_list_time(row.sent_at),
        "receivedTime": write_list_time(row.acknowledged_at),
        "sendStatus": Acknowledgement.DONE.value,  # what is listed was accepted
        "sendStatusDesc": "Trục đã tiếp nhận",
        "receiveStatus": word.value,
        "receiveStatusDesc": _forwarded(row) + _succession(row, directory) + _sent_words(row, word),
    }


def _forwarded(row: SentRow) -> str:
    """Says who passed the document on to a receiver that the sender never named."""
    return f"{row.forwarded_by} chuyển tiếp cho {row.receiver_organ}. " if row.forwarded_by else ""


def _succession(row: SentRow, directory: Directory) -> str:
    """Says who takes the document where the organisation that it names is closed."""
    named, heir = directory.registry.find(row.addressed_as), directory.registry.find(row.receiver_organ)
    if named is None or heir is None or not named.is_closed or named is heir:
        return ""
    return f"{named.name} đã ngừng hoạt động, {heir.name} ({heir.organ_id}) nhận thay. "


def agency_rows(directory: Directory) -> Iterator[Row]:
    """Rows of getAgenciesList: open organisations."""
    for organ in directory.organs():
        if not organ.is_closed:
            yield {**_unit(organ), "oldCode": _other_code(directory, organ)}


def read_level(text: str | None) -> int | None:
    """The level that getAgenciesListQD20 asks for; None: all. Raises Malformed(BAD_REQUEST)."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) == 1):
        raise Malformed(Code.BAD_REQUEST, "a level is one digit", at="level")
    return int(text)


def agency_qd20_rows(directory: Directory, level: int | None) -> Iterator[Row]:
    """Rows of getAgenciesListQD20: open organisations of a level."""
    for organ in directory.organs():
        if not organ.is_closed and level in (None, organ.level):
            yield {
                "id": organ.organ_id,
                "code": organ.organ_id,
                "name": organ.name,
                "mail": organ.email or "",
                "code102": _other_code(directory, organ),
            }


def read_since(text: str | None) -> int:
    """The version after which getSynchronizeUnit is asked for changes; 0: for all. Raises Malformed(BAD_REQUEST)."""
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_VERSION_DIGITS):
        raise Malformed(Code.BAD_REQUEST, "a version is a number", at="unitVersion")
    return int(text)


def _unit(organ: Organ) -> Row:
    """What both lists with a tree tell of an organisation."""
    return {
        "id": organ.organ_id,
        "pid": organ.parent_id or "",
        "code": organ.organ_id,
        "name": organ.name,
        "mail": organ.email or "",
    }


def unit_rows(directory: Directory, since: int) -> Iterator[Row]:
    """Rows of getSynchronizeUnit: all organisations that changed after a version.

    Peer: the vendor client reads version as a number, deleted and isAgency as truth values.
    """
    for organ in directory.organs():
        if since and organ.version <= since:
            continue
        yield {
            **_unit(organ),
            "version": organ.version,
            "centerCode": _last(directory, organ),
            "deleted": organ.is_closed,
            "modifyDate": write_list_time(organ.closed_at or organ.created_at),
            "isAgency": organ.kind != OrganKind.UNIT,
        }


def read_registration(value: object) -> OrganRow:
    """The organisation that the body of registerAgency describes. Raises Malformed(BAD_REQUEST)."""
    if not isinstance(value, dict):
        raise Malformed(Code.BAD_REQUEST, "the body is not a JSON object")
    return OrganRow(
        code=_required(value, "code"),
        name=_required(value, "name"),
        parent=_required(value, "pcode"),
        email=_field(value, "mail"),
    )


def _required(value: dict[str, object], key: str) -> str:
    text = _field(value, key)
    if text is None:
        raise Malformed(Code.BAD_REQUEST, "missing", at=key)
    return text


def _field(value: dict[str, object], key: str) -> str | None:
    text = value.get(key)
    if text is None:
        return None
    if not isinstance(text, str) or len(text) > _MAX_FIELD:
        raise Malformed(Code.BAD_REQUEST, f"not a text of at most {_MAX_FIELD} characters", at=key)
    return text.strip() or None


def _other_code(directory: Directory, organ: Organ) -> str:
    """The code of the earlier form, by its shape; else any other code."""
    aliases = directory.aliases_of(organ.organ_id)
    old_form = (alias for alias in aliases if alias.count(".") == _OLD_FORM_DOTS and alias[:3].isdigit())
    return next(old_form, aliases[0] if aliases else "")


def _last(directory: Directory, organ: Organ) -> str:
    """The organisation at the top of the tree."""
    *_, top = directory.registry.lineage(organ.organ_id)
    return top
