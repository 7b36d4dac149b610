"""The form of one organisation: what it shows, what somebody typed, and what that will do, said before it is done."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from axis.clock import local_day
from axis.delivery.directory import Directory
from axis.errors import AxisError, Code, Malformed
from axis.ops.organ_change import Foreseen, OrganWish, Seen
from axis.organ.model import Organ, OrganKind
from axis.organ.plan import OrganRow
from axis.web.console.administering import text_of
from axis.web.console.clerks import sentence
from axis.web.console.language import N_, _, grouped, n_
from axis.web.console.moments import day
from axis.web.console.organ_tree import FoldedNames
from axis.web.console.organ_values import KINDS, OrganLink, kind_word, level_word, link

LEVELS: Final = (1, 2, 3, 4)
_NAMED, _SYSTEMS = 6, 200
_WIDTHS: Final = {
    "code": 128,
    "name": 500,
    "parent": 500,
    "level": 1,
    "kind": 32,
    "email": 254,
    "status": 16,
    "closed_on": 10,
    "successor": 500,
    "system": 64,
}
_FIELD_OF: Final = {"parent": "parent", "successor": "successor", "level": "level", "code": "code", "system": "system"}
_WORDS: Final = {
    "name": N_("Tên cơ quan"),
    "parent": N_("Cấp trên trực tiếp"),
    "level": N_("Cấp"),
    "kind": N_("Loại cơ quan"),
    "email": N_("Thư điện tử"),
    "status": N_("Hiệu lực"),
    "successor": N_("Cơ quan kế thừa"),
    "system": N_("Hệ thống phục vụ riêng"),
}
_NONE: Final = N_("không có")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """What is wrong with what was typed. at: the field; "": none in particular."""

    at: str
    words: str
    technical: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One choice of a select."""

    value: str
    word: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganForm:
    """The form."""

    organ: OrganLink | None  # None: a new one
    action: str
    texts: Mapping[str, str]
    levels: tuple[Choice, ...]
    kinds: tuple[Choice, ...]
    systems: tuple[tuple[str, str], ...]  # to choose from: id and name
    inherited: str  # the system by which it is reached where it has none of its own
    was_closed: bool
    wrong: Wrong | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One thing that becomes another."""

    word: str
    was: str
    becomes: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganPreview:
    """What will happen."""

    title: str
    back: str
    action: str
    lines: tuple[Line, ...]
    notes: tuple[str, ...]  # what it means
    routes: tuple[tuple[OrganLink, str, str], ...]
    routes_more: str
    total: str  # routes that become others; "": none
    texts: Mapping[str, str]  # to be sent again
    nothing: bool


def texts_of(organ: Organ, own: str) -> dict[str, str]:
    """What the form of a known organisation shows."""
    return {
        "code": organ.organ_id,
        "name": organ.name,
        "parent": organ.parent_id or "",
        "level": str(organ.level or ""),
        "kind": organ.kind.value if organ.kind else "",
        "email": organ.email or "",
        "status": organ.status,
        "closed_on": local_day(organ.closed_at) if organ.closed_at else "",
        "successor": organ.successor_id or "",
        "system": own,
    }


def typed(form: Mapping[str, str]) -> dict[str, str]:
    """What was typed, each field on one line."""
    return {name: text_of(form, name, most) for name, most in _WIDTHS.items()}


def read_seen(form: Mapping[str, str]) -> Seen:
    """What had been looked at. Raises Malformed(BAD_REQUEST)."""
    version = form.get("seen_version", "")
    if not (version.isascii() and version.isdigit() and len(version) < 12):  # noqa: PLR2004 - no registry changes so often
        raise Malformed(Code.BAD_REQUEST, "a number", at="seen_version")
    return Seen(version=int(version), own_system=form.get("seen_system", "")[:64])


def organ_form(
    directory: Directory, organ: Organ | None, action: str, texts: Mapping[str, str], wrong: Wrong | None = None
) -> OrganForm:
    """The form, with what was typed."""
    parent = directory.registry.find(texts.get("parent", ""))
    inherited = directory.route(parent.organ_id) if parent else None
    names = [(one, directory.system(one)) for one in directory.enabled_systems()[:_SYSTEMS]]
    return OrganForm(
        organ=link(organ) if organ else None,
        action=action,
        texts={name: texts.get(name, "") for name in _WIDTHS},
        levels=tuple(Choice(value=str(n), word=level_word(n), chosen=str(n) == texts.get("level")) for n in LEVELS),
        kinds=tuple(
            Choice(value=kind.value, word=_(word), chosen=kind.value == texts.get("kind"))
            for kind, word in KINDS.items()
        ),
        systems=tuple((one, system.name if system else "") for one, system in names),
        inherited=inherited or "",
        was_closed=organ is not None and organ.is_closed,
        wrong=wrong,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """Reads what was typed into a wish."""

    directory: Directory
    names: FoldedNames
    problems: list[Wrong] = field(default_factory=list)

    def read(self, texts: Mapping[str, str], organ: Organ | None) -> OrganWish | None:
        """The wish; None when something is wrong, which `problems` then says."""
        closed = texts["status"] == "closed"
        if not texts["name"]:
            self._say("name", _("Hãy ghi tên cơ quan."))
        if organ is None and not texts["code"]:
            self._say("code", _("Hãy ghi mã cơ quan."))
        level = int(texts["level"]) if texts["level"] in map(str, LEVELS) else None
        kinds = {kind.value for kind in OrganKind}
        row = OrganRow(
            code=organ.organ_id if organ else texts["code"],
            name=texts["name"],
            parent=self._organ("parent", texts["parent"]),
            level=level,
            kind=OrganKind(texts["kind"]) if texts["kind"] in kinds else None,
            email=texts["email"],
            status="closed" if closed else "active",
            closed_on=(texts["closed_on"] or None) if closed else None,
            successor=self._organ("successor", texts["successor"]) if closed else "",
        )
        system_id = self._system(texts["system"])
        if self.problems:
            return None
        own = "" if organ is None else own_system(self.directory, organ)
        return OrganWish(row=row, is_new=organ is None, system_id=None if system_id == own else system_id)

    def _organ(self, at: str, text: str) -> str:
        if not text:
            return ""
        known = self.directory.registry.find(text)
        if known is not None:
            return known.organ_id
        found = self.names.search(text)
        if len(found) == 1:
            return found[0].organ_id
        if not found:
            self._say(at, _("Không có cơ quan nào tên hay mã là “{text}”.", text=text))
        else:
            some = "; ".join(f"{one.organ_id} {one.name}" for one in found[:_NAMED])
            words = n_("{n} cơ quan khớp: {some}. Hãy ghi mã.", len(found), some=some)
            self._say(at, words)
        return ""

    def _system(self, text: str) -> str:
        if text and self.directory.system(text) is None:
            self._say("system", _("Không có hệ thống nào mã là “{text}”.", text=text))
        return text

    def _say(self, at: str, words: str) -> None:
        self.problems.append(Wrong(at=at, words=words))


def own_system(directory: Directory, organ: Organ) -> str:
    """The system that serves the organisation itself."""
    return (directory.route(organ.organ_id) or "") if directory.via(organ.organ_id) == organ.organ_id else ""


def wrong_of(error: AxisError) -> Wrong:
    """What an error says, at its field."""
    technical = f"{error.code}: {error.detail}" if error.detail else str(error.code)
    return Wrong(at=_FIELD_OF.get(error.at or "", ""), words=sentence(error), technical=technical)


def organ_preview(directory: Directory, found: Foreseen, texts: Mapping[str, str], action: str) -> OrganPreview:
    """What will happen, in words."""
    becomes, registry = found.becomes, directory.registry
    lines = tuple(one for one in _lines(directory, found) if one.was != one.becomes)
    sent = {name: text for name, text in texts.items() if text} | {
        "seen_version": str(found.seen.version),
        "seen_system": found.seen.own_system,
    }
    routes = tuple(
        (
            OrganLink(
                code=one.organ_id,
                name=one.name,
                href=link(known).href if (known := registry.find(one.organ_id)) else "",
            ),
            one.was or _(_NONE),
            one.becomes or _(_NONE),
        )
        for one in found.routes
    )
    more = found.routes_total - len(routes)
    adding, changed = _("Thêm {name}", name=becomes.name), _("Thay đổi {name}", name=becomes.name)
    return OrganPreview(
        title=adding if found.was is None else changed,
        back=action,
        action=action,
        lines=lines,
        notes=tuple(_notes(directory, found)),
        routes=routes,
        routes_more=n_("và {n} cơ quan khác", more) if more else "",
        total=grouped(found.routes_total) if found.routes_total else "",
        texts=sent,
        nothing=found.is_nothing,
    )


def _lines(directory: Directory, found: Foreseen) -> Iterator[Line]:
    was, becomes = found.was, found.becomes

    def named(code: str | None) -> str:
        organ = directory.registry.find(code) if code else None
        return f"{organ.name} ({organ.organ_id})" if organ else (code or _(_NONE))

    def line(name: str, before: str, after: str) -> Line:
        return Line(word=_(_WORDS[name]), was=before or _(_NONE), becomes=after or _(_NONE))

    if was is None:
        yield Line(word=_("Mã"), was=_(_NONE), becomes=becomes.organ_id)
    yield line("name", was.name if was else "", becomes.name)
    yield line("parent", named(was.parent_id) if was else "", named(becomes.parent_id))
    yield line("level", level_word(was.level) if was else "", level_word(becomes.level))
    yield line("kind", kind_word(was.kind) if was else "", kind_word(becomes.kind))
    yield line("email", (was.email or "") if was else "", becomes.email or "")
    yield line("status", _status(was) if was else "", _status(becomes))
    yield line("successor", named(was.successor_id) if was else "", named(becomes.successor_id))
    yield line("system", found.own_was, found.own_becomes)


def _status(organ: Organ) -> str:
    if organ.closed_at is None:
        return _("đang hoạt động")
    return _("đã giải thể từ {day}", day=day(local_day(organ.closed_at)))


def _notes(directory: Directory, found: Foreseen) -> Iterator[str]:
    was, becomes = found.was, found.becomes
    if becomes.is_closed and (was is None or not was.is_closed or was.successor_id != becomes.successor_id):
        heir = directory.registry.find(becomes.successor_id) if becomes.successor_id else None
        if heir:
            yield _("Từ nay văn bản gửi tới {name} được chuyển cho {heir}.", name=becomes.name, heir=heir.name)
        else:
            yield _("Từ nay văn bản gửi tới {name} bị từ chối, vì không có cơ quan kế thừa.", name=becomes.name)
    if was is not None and was.is_closed and not becomes.is_closed:
        yield _("{name} nhận văn bản trở lại; những gì cơ quan kế thừa đã nhận vẫn ở đó.", name=becomes.name)
    if was is not None and was.name != becomes.name:
        yield _("Tên cũ được giữ trong lịch sử tên; văn bản trước hôm nay vẫn mang tên cũ.")
    if found.pending and found.routes_total:
        yield n_("{n} gói tin đang chờ sẽ đi theo hệ thống mới.", found.pending)
    if found.other_protocol:
        yield _("Hệ thống mới nói giao thức khác hệ thống cũ; bên nhận cần sẵn sàng trước khi đổi.")
    if not found.own_becomes and not becomes.is_closed and not found.routes_total and was is None:
        yield _("Chưa có hệ thống nào phục vụ: gói tin gửi tới sẽ chờ đến khi có.")
