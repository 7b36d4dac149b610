"""From what was typed to the document that is sent: the same form that systems hand in over REST.

A text that is not what its field takes is named with words at the field; nothing is cut off silently.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from pydantic import ValidationError

from axis.edxml.model import StaffInfo
from axis.exchange.document_form import ActForm, DocumentForm, PartyForm, SignerForm, StaffForm, TargetForm
from axis.store.drafts import DraftView
from axis.store.records import Delivery
from axis.terms import ActKind
from axis.web.console.language import N_, _

MOST: Final[Mapping[str, int]] = {
    "number": 100,
    "notation": 150,
    "promulgation_date": 10,
    "promulgation_place": 200,
    "type_name": 200,
    "subject": 2_000,
    "signer_position": 200,
    "signer_name": 200,
    "urgency": 1,
    "due_date": 10,
    "page_amount": 6,
    "sphere": 200,
    "reason": 2_000,
    "sign": 3,
}
"""The fields of a draft, and how many characters each takes."""

_NAMES: Final[Mapping[str, str]] = {
    "receivers": "receivers",
    "sender": "sender",
    "signer.position": "signer_position",
    "signer.full_name": "signer_name",
    "sphere_of_promulgation": "sphere",
    "act.reason": "reason",
}
_TOO_LONG: Final = N_("Dài quá {most} ký tự.")
_NO_DAY: Final = N_("Không phải ngày tháng.")
_NO_NUMBER: Final = N_("Phải là một số.")
_WRONG: Final = N_("Không đúng dạng.")
_NO_REASON: Final = N_("Hãy nêu lý do: nơi nhận sẽ đọc.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The earlier document that a draft updates or replaces, and how it stands at its receivers."""

    kind: ActKind
    uid: str
    document_id: str
    code: str
    subject: str
    deliveries: tuple[Delivery, ...] = ()
    unfetched: frozenset[str] = frozenset()  # receivers that have not got it yet

    @property
    def had(self) -> frozenset[str]:
        """For whom it is in force."""
        return frozenset(one.receiver_organ for one in self.deliveries if not one.state.is_frozen)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """What a draft comes to. form: None where something is wrong; problems: words, by field."""

    form: DocumentForm | None
    problems: Mapping[str, str]


def typed_texts(given: Mapping[str, Sequence[str]], before: Mapping[str, str]) -> dict[str, str]:
    """What a form says of the texts; a field that it does not have stays as it was. Far too long ones are cut."""
    texts = {name: text for name, text in before.items() if name in MOST}
    for name, most in MOST.items():
        if name in given:
            texts[name] = given[name][-1].replace("\r\n", "\n").replace("\0", "").strip()[: most * 2]
    if "has_sign" in given:
        texts["sign"] = "yes" if "sign" in given else "no"
    return {name: text for name, text in texts.items() if text}


def target_of(view: DraftView) -> Target | None:
    """What the draft acts on, as it was noted when it was begun; None for a new document."""
    if not view.draft.act:
        return None
    said: dict[str, str] = json.loads(view.draft.act)
    return Target(
        kind=ActKind(said["kind"]),
        uid=said["uid"],
        document_id=said["document_id"],
        code=said["code"],
        subject=said["subject"],
    )


def fill(view: DraftView, staff: StaffInfo, target: Target | None) -> Filled:
    """Make the document of a draft."""
    texts, problems = view.texts, _problems(view.texts)
    if target is not None and not texts.get("reason"):
        problems["reason"] = _(_NO_REASON)
    if problems or not view.receivers or not view.draft.sender:
        return Filled(form=None, problems=problems)
    try:
        return Filled(form=_form(view, staff, target), problems={})
    except ValidationError as e:
        found = {".".join(str(part) for part in error["loc"] if isinstance(part, str)) for error in e.errors()}
        return Filled(form=None, problems={_NAMES.get(name, name): _(_WRONG) for name in sorted(found)})


def _problems(texts: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, text in texts.items():
        if len(text) > MOST.get(name, 0):
            found[name] = _(_TOO_LONG, most=MOST.get(name, 0))
        elif name in ("promulgation_date", "due_date") and _day(text) is None:
            found[name] = _(_NO_DAY)
        elif name in ("page_amount", "urgency") and not (text.isascii() and text.isdigit()):
            found[name] = _(_NO_NUMBER)
    return found


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _form(view: DraftView, staff: StaffInfo, target: Target | None) -> DocumentForm:
    texts = view.texts
    values: dict[str, Any] = {
        name: texts[name] for name in ("number", "notation", "type_name", "subject") if name in texts
    }
    if "promulgation_place" in texts:
        values["promulgation_place"] = texts["promulgation_place"]
    if "sphere" in texts:
        values["sphere_of_promulgation"] = texts["sphere"]
    if "page_amount" in texts:
        values["page_amount"] = int(texts["page_amount"])
    if "signer_name" in texts or "signer_position" in texts:
        values["signer"] = SignerForm(position=texts.get("signer_position"), full_name=texts.get("signer_name"))
    return DocumentForm(
        sender=PartyForm(organ_id=view.draft.sender),
        receivers=tuple(PartyForm(organ_id=code) for code in view.receivers),
        promulgation_date=_day(texts.get("promulgation_date", "")),
        due_date=_day(texts.get("due_date", "")),
        urgency=int(texts.get("urgency", "0")),
        type="2",
        staff=StaffForm(staff=staff.staff, department=staff.department),
        act=_act(view, target) if target else None,
        **values,
    )


def _act(view: DraftView, target: Target) -> ActForm:
    receivers = frozenset(view.receivers)
    changes: dict[str, Any] = {}
    if target.kind is ActKind.UPDATE:
        changes["added"] = tuple(code for code in view.receivers if code not in target.had)
        changes["removed"] = tuple(sorted(target.had - receivers))
    replaced = tuple(sorted(target.had & receivers)) if target.kind is ActKind.REPLACE else ()
    return ActForm(
        kind=ActKind.UPDATE if target.kind is ActKind.UPDATE else ActKind.REPLACE,
        documents=(TargetForm(document_id=target.document_id, organ_ids=replaced),),
        reason=view.texts["reason"],
        **changes,
    )
