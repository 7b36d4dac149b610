"""The page on which a document is written, as values ready to be shown: four steps, and what stands in the way."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from axis.edxml.media import PDF
from axis.edxml.model import Limits
from axis.exchange.drafting import SIGNED_BYTES
from axis.exchange.foresight import Ends, Foresight, Reached
from axis.store.drafts import DraftView
from axis.store.records import Draft, DraftFile, ReceiverList
from axis.terms import ActKind, Urgency
from axis.trust.model import FileKind, Overall, Verdict
from axis.web.console import words
from axis.web.console.acting import ActNote
from axis.web.console.draft_form import Filled, Target
from axis.web.console.language import N_, _, n_
from axis.web.console.moments import Moment, day, moment, size
from axis.web.console.organ_tree import Level
from axis.web.console.packages import kind_word
from axis.web.console.words import Look

SHOWN_RECEIVERS = 100
_NAMED = 5  # of several that share a remark
_BASE64 = 4 / 3

TYPES: Final = (
    *(N_("Công văn"), N_("Quyết định"), N_("Thông báo"), N_("Kế hoạch"), N_("Báo cáo"), N_("Tờ trình")),
    *(N_("Giấy mời"), N_("Hướng dẫn"), N_("Chỉ thị"), N_("Nghị quyết"), N_("Công điện"), N_("Biên bản")),
)
"""Names of documents that are offered: the package says them in Vietnamese, whatever the page speaks."""

_ENDS: Final[Mapping[Ends, tuple[str, str]]] = {
    Ends.WAITS: ("warn", N_("Chưa có hệ thống nào nhận thay {names}: văn bản chờ đến khi nơi nhận được kết nối.")),
    Ends.CLOSED: ("bad", N_("{names} đã ngừng hoạt động và không có nơi tiếp nhận: hãy bỏ khỏi danh sách.")),
    Ends.UNKNOWN: ("bad", N_("Không biết mã {names}: hãy kiểm tra lại hoặc bỏ khỏi danh sách.")),
}
_NOTES: Final[Mapping[Ends, str]] = {
    Ends.WAITS: N_("chờ kết nối"),
    Ends.UPLINK: N_("qua trục khác"),
    Ends.CLOSED: N_("đã ngừng hoạt động"),
    Ends.UNKNOWN: N_("không biết mã này"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A code and a name."""

    code: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A receiver of the draft."""

    code: str
    name: str
    note: str
    bad: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedList:
    """A list of receivers that was kept."""

    list_id: str
    name: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A file of the draft."""

    file_id: str
    name: str
    size: str
    kind: str
    look: Look | None  # what was found of its signatures
    signers: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRow:
    """One line of the check list."""

    level: str  # good | warn | bad
    text: str
    href: str = ""

    @property
    def icon(self) -> str:
        """Its symbol: never colour alone."""
        return {"good": "done", "warn": "alert", "bad": "cross"}[self.level]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A line of the preview."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposePage:
    """The page."""

    draft_id: str
    csrf: str
    version: int
    saved: Moment
    texts: Mapping[str, str]
    most: Mapping[str, int]
    problems: Mapping[str, str]
    problem: str  # of the whole
    conflict: str  # another browser has saved since
    senders: tuple[Named, ...]
    sender: str
    chosen: tuple[Chosen, ...]
    total: int
    level: Level
    search: str
    at: str
    lists: tuple[SavedList, ...]
    files: tuple[FileRow, ...]
    file_problems: tuple[str, ...]
    file_bytes: int
    file_limit: str
    checks: tuple[CheckRow, ...]
    preview: tuple[Fact, ...]
    ready: bool
    signs: bool
    act: ActNote | None
    urgencies: tuple[Named, ...]
    types: tuple[Named, ...]

    def text(self, name: str) -> str:
        """What stands in a field."""
        return self.texts.get(name, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftRow:
    """A draft in the list of drafts."""

    href: str
    code: str
    subject: str
    kind: str
    receivers: str
    changed: Moment
    draft_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftsPage:
    """The account's drafts."""

    csrf: str
    rows: tuple[DraftRow, ...]
    may_send: bool  # there is an organisation in whose name this account can send here


def drafts_page(drafts: Sequence[Draft], csrf: str, now: datetime, *, may_send: bool) -> DraftsPage:
    """The list of drafts."""
    return DraftsPage(csrf=csrf, rows=tuple(_draft_row(one, now) for one in drafts), may_send=may_send)


def _draft_row(draft: Draft, now: datetime) -> DraftRow:
    view = DraftView(draft=draft, files=())
    kind = _(words.ACT[ActKind(json.loads(draft.act)["kind"])].word) if draft.act else ""
    return DraftRow(
        href=f"/compose/{draft.draft_id}",
        code=code_of(view.texts),
        subject=view.texts.get("subject", "") or _("(chưa có trích yếu)"),
        kind=kind,
        receivers=n_("{n} nơi nhận", len(view.receivers)),
        changed=moment(draft.updated_at, now),
        draft_id=draft.draft_id,
    )


def code_of(texts: Mapping[str, str]) -> str:
    """Number and notation, as they are written."""
    return "/".join(part for part in (texts.get("number", ""), texts.get("notation", "")) if part)


def chosen_receivers(reached: Sequence[Reached]) -> tuple[Chosen, ...]:
    """The receivers that are shown, those that stand in the way first."""
    ordered = sorted(reached, key=lambda one: not one.ends.is_refused)
    return tuple(
        Chosen(code=one.code, name=one.name, note=_note(one), bad=one.ends.is_refused)
        for one in ordered[:SHOWN_RECEIVERS]
    )


def _note(one: Reached) -> str:
    if one.ends is Ends.SUCCESSOR:
        return _("nay là {name}", name=one.by)
    return _(_NOTES[one.ends]) if one.ends in _NOTES else ""


def saved_lists(lists: Sequence[ReceiverList]) -> tuple[SavedList, ...]:
    """The lists, as buttons."""
    return tuple(SavedList(list_id=one.list_id, name=one.name, count=len(json.loads(one.receivers))) for one in lists)


def types() -> tuple[Named, ...]:
    """The names of documents, each with what it is called in the page's language."""
    return tuple(Named(code=one, name=_(one)) for one in TYPES)


def urgencies() -> tuple[Named, ...]:
    """The choices of urgency."""
    return tuple(
        Named(code=str(int(one)), name=_(words.URGENCY[one].word) if one in words.URGENCY else _(words.ORDINARY))
        for one in Urgency
    )


# ── files ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def signature_facts(verdict: Verdict) -> str:
    """What is kept of a file's signatures."""
    signers = [one.signatory.name for one in verdict.signatures if one.signatory is not None]
    return json.dumps({"kind": verdict.kind, "overall": verdict.overall, "signers": signers[:20]}, ensure_ascii=False)


def file_row(file: DraftFile) -> FileRow:
    """A file as the page shows it."""
    facts = _facts(file)
    shown = words.verdict(facts["overall"]) if file.media_type == PDF or facts["signers"] else None
    return FileRow(
        file_id=file.file_id,
        name=file.name,
        size=size(file.size_bytes),
        kind=kind_word(file.media_type),
        look=shown,
        signers=", ".join(facts["signers"]),
    )


def _facts(file: DraftFile) -> dict[str, Any]:
    return {"kind": "", "overall": Overall.UNSIGNED, "signers": [], **json.loads(file.signatures or "{}")}


# ── the check list ─────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Draught:
    """What the check list is made of."""

    view: DraftView
    filled: Filled
    foresight: Foresight
    target: Target | None
    limits: Limits
    signs: bool
    now: datetime


def checks(draught: Draught) -> tuple[CheckRow, ...]:
    """What is fine, what is odd, what stands in the way."""
    return (
        *_receiver_checks(draught),
        *_text_checks(draught),
        *_file_checks(draught),
        *_seal_checks(draught),
    )


def _receiver_checks(draught: Draught) -> Iterator[CheckRow]:
    reached, href = draught.foresight.receivers, "#receivers"
    if not draught.view.draft.sender:
        yield CheckRow(level="bad", text=_("Chưa chọn cơ quan gửi."), href=href)
    if not draught.view.receivers:
        yield CheckRow(level="bad", text=_("Chưa chọn nơi nhận."), href=href)
        return
    yield CheckRow(level="good", text=n_("{n} nơi nhận", len(draught.view.receivers)), href=href)
    for one in [one for one in reached if one.ends is Ends.SUCCESSOR][:_NAMED]:
        text = _("{name} đã ngừng hoạt động: văn bản sẽ đến {by}.", name=one.name, by=one.by)
        yield CheckRow(level="warn", text=text, href=href)
    for ends, (level, said) in _ENDS.items():
        names = [one.name for one in reached if one.ends is ends]
        if names:
            shown = ", ".join(names[:_NAMED]) + (" …" if len(names) > _NAMED else "")
            yield CheckRow(level=level, text=_(said, names=shown), href=href)
    if draught.view.draft.sender in draught.view.receivers:
        yield CheckRow(level="warn", text=_("Cơ quan gửi cũng là nơi nhận."), href=href)


def _text_checks(draught: Draught) -> Iterator[CheckRow]:
    texts, href = draught.view.texts, "#document"
    for text in draught.filled.problems.values():
        yield CheckRow(level="bad", text=text, href=href)
    if not texts.get("subject"):
        yield CheckRow(level="bad", text=_("Chưa có trích yếu."), href=href)
    if not (code_of(texts) and texts.get("promulgation_date")):
        yield CheckRow(level="warn", text=_("Chưa đủ số, ký hiệu và ngày ban hành."), href=href)
    if draught.foresight.secret:
        text = _("Văn bản mang dấu mật không được gửi qua trục này.")
        yield CheckRow(level="bad", text=text, href=href)
    for document in draught.foresight.same_code[-1:] if draught.target is None else ():
        text = _(
            "Số này đã dùng cho “{subject}”: nếu nội dung khác, trục sẽ từ chối.",
            subject=document.subject or document.document_id,
        )
        yield CheckRow(level="warn", text=text, href=f"/documents/{document.document_uid}")
    due, issued = texts.get("due_date", ""), texts.get("promulgation_date", "")
    if due and issued and due < issued:
        yield CheckRow(level="warn", text=_("Hạn xử lý sớm hơn ngày ban hành."), href=href)


def _file_checks(draught: Draught) -> Iterator[CheckRow]:
    files, href = draught.view.files, "#files"
    if not files and draught.target is not None and draught.target.kind is ActKind.UPDATE:
        return  # an update may change texts and receivers only
    if not files:
        yield CheckRow(level="warn", text=_("Chưa có tệp nào."), href=href)
        return
    package_bytes = int(sum(file.size_bytes for file in files) * _BASE64)
    if package_bytes > draught.limits.package_bytes:
        text = _("Tổng dung lượng quá lớn: gói tin được tối đa {size}.", size=size(draught.limits.package_bytes))
        yield CheckRow(level="bad", text=text, href=href)
    elif draught.signs and package_bytes > SIGNED_BYTES:
        text = _("Gói tin lớn hơn {size}: trục gửi đi nhưng không ký.", size=size(SIGNED_BYTES))
        yield CheckRow(level="warn", text=text, href=href)
    for position, file in enumerate(files):
        yield _file_check(file, href, appendix=position > 0)


def _file_check(file: DraftFile, href: str, *, appendix: bool) -> CheckRow:
    facts = _facts(file)
    overall, unread = facts["overall"], facts["kind"] == FileKind.UNREADABLE
    if unread:
        return CheckRow(level="warn", text=_("Không đọc được {name}: tệp có thể bị hỏng.", name=file.name), href=href)
    if overall == Overall.UNSIGNED or not facts["signers"]:
        said = _("Phụ lục {name} chưa được ký số.") if appendix else _("Không thấy chữ ký số trong {name}.")
        return CheckRow(level="warn", text=said.format(name=file.name), href=href)
    look = words.verdict(overall)
    level = "good" if overall in (Overall.VALID, Overall.VALID_WITH_WARNINGS) else "warn"
    said = f"{file.name}: {look.word if look else overall}"
    return CheckRow(level=level, text=said, href=href)


def _seal_checks(draught: Draught) -> Iterator[CheckRow]:
    if not draught.signs:
        yield CheckRow(level="warn", text=_("Trục chưa có khóa ký: gói tin đi không có chữ ký của trục."))
    elif draught.view.texts.get("sign") == "no":
        yield CheckRow(level="warn", text=_("Bạn chọn không để trục ký gói tin."))
    else:
        yield CheckRow(level="good", text=_("Trục sẽ ký gói tin khi gửi."))


def preview(draught: Draught, sender: str) -> tuple[Fact, ...]:
    """The document as its receivers will see it, in short."""
    texts, reached = draught.view.texts, draught.foresight.receivers
    names = ", ".join(one.name for one in reached[:_NAMED]) + (" …" if len(reached) > _NAMED else "")
    urgency = words.urgency(int(texts["urgency"])) if texts.get("urgency") in words.URGENCY_NUMBERS else None
    signer = ", ".join(filter(None, (texts.get("signer_name"), texts.get("signer_position"))))
    rows = (
        (_("Nơi gửi"), sender),
        (_("Nơi nhận"), names),
        (_("Số, ký hiệu"), code_of(texts)),
        (_("Ngày ban hành"), day(texts.get("promulgation_date"))),
        (_("Loại văn bản"), texts.get("type_name", "")),
        (_("Trích yếu"), texts.get("subject", "")),
        (_("Độ khẩn"), urgency.word if urgency else ""),
        (_("Hạn xử lý"), day(texts.get("due_date"))),
        (_("Người ký"), signer),
        (_("Tệp"), ", ".join(file.name for file in draught.view.files)),
    )
    return tuple(Fact(name=name, value=value) for name, value in rows if value)
