"""Connected systems as values ready to be shown: the list, one with its facts, the form of a new one; no secrets."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import quote, urlencode

from axis.delivery.directory import Directory
from axis.delivery.partner import Checked
from axis.exchange.composing import CONSOLE_FRONT
from axis.ops.system_desk import Given
from axis.store.admin_view import SystemFacts
from axis.store.records import ApiToken, System
from axis.terms import Scope
from axis.text import folded, plain
from axis.web.console.language import N_, _, current, grouped, n_
from axis.web.console.moments import Moment, moment
from axis.web.console.operating import since
from axis.web.console.organ_form import Wrong
from axis.web.console.organ_values import HOME as ORGANS
from axis.web.console.organ_values import OrganLink, link
from axis.web.console.words import Look

HOME: Final = "/admin/systems"
NEW: Final = "/admin/connect"
"""Apart from the systems' own pages, whose ids are anything."""
_SERVED_SHOWN = 3
_CODES_CHARACTERS = 2_000
_NAME_CHARACTERS = 200
FRONTS: Final[Mapping[str, str]] = {
    "vxp": N_("VXP: phần mềm gọi trục như gọi Trục liên thông quốc gia"),
    "edoc": N_("edoc: dịch vụ SOAP của trục thế hệ trước"),
    CONSOLE_FRONT: N_("Không có phần mềm: văn thư làm việc ngay trên trang này"),
}
DOCS: Final = frozenset({"edoc", "folder", "mail", "mayan", "rest", "sftp", "vxp", "webdav", "webhook"})
"""What docs/connect has a page of its own for."""
SCOPES: Final[Mapping[Scope, str]] = {
    Scope.SEND: N_("gửi văn bản"),
    Scope.STATUS: N_("báo trạng thái"),
    Scope.RECEIVE: N_("nhận gói tin"),
    Scope.READ: N_("tra văn bản và nơi nhận"),
    Scope.EVENTS: N_("đọc sự kiện"),
    Scope.ORGANS: N_("tra cơ quan và đường đi"),
    Scope.RECONCILE: N_("đối soát"),
    Scope.WEBHOOKS: N_("đăng ký webhook"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an address of the list asks for."""

    text: str = ""
    off: bool = False  # only those that are kept out
    after: str = ""  # the id behind which the page begins

    @classmethod
    def read(cls, query: Mapping[str, str]) -> "Asked":
        """From an address."""
        return cls(
            text=plain(query.get("q", ""))[:100].strip(),
            off=query.get("off", "") == "1",
            after=plain(query.get("after", ""))[:64],
        )

    def href(self, **more: str) -> str:
        """The list's address."""
        given = {"q": self.text, "off": "1" if self.off else ""} | more
        query = urlencode({name: value for name, value in given.items() if value})
        return f"{HOME}?{query}" if query else HOME


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemRow:
    """One system of a list."""

    href: str
    system_id: str
    name: str
    front: str
    adapter: str  # by which it is pushed to; "": it fetches
    look: Look
    serves: tuple[OrganLink, ...]
    serves_more: str  # "": no more
    serves_href: str
    called: Moment | None
    secret: str  # what it shows when it calls, and how old that is
    tokens: str  # "": none


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemList:
    """A page of the list."""

    asked: Asked
    rows: tuple[SystemRow, ...]
    total: str
    first_href: str | None
    next_href: str | None
    may_change: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretRow:
    """A secret by its age."""

    made: Moment
    ends: Moment | None
    good: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """A token of the REST API, without itself."""

    name: str
    scopes: str
    look: Look
    made: Moment
    used: Moment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """How a step went when the system was tried out."""

    look: Look
    title: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What was found."""

    good: bool
    steps: tuple[StepRow, ...]
    advice: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemPage:
    """One system."""

    row: SystemRow
    enabled: bool
    may_register: bool
    since: Moment
    secrets: tuple[SecretRow, ...]
    tokens: tuple[TokenRow, ...]
    newest: str  # the newest credential's id: what a rotation follows
    partner_href: str  # "": it is not pushed to
    docs: tuple[str, ...]
    tried: Tried | None
    wrong: Wrong | None
    done: str
    may_change: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Something to choose."""

    value: str
    word: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemForm:
    """The form of a new system."""

    texts: Mapping[str, str]
    fronts: tuple[Choice, ...]
    scopes: tuple[Choice, ...]
    wrong: Wrong | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretPage:
    """What is shown once."""

    title: str
    system_id: str
    given: Given
    docs: tuple[str, ...]
    overlap: str = ""  # what becomes of the old secret; "": there is none

    @property
    def href(self) -> str:
        """The system's page."""
        return f"{HOME}/{self.system_id}"


def system_list(directory: Directory, asked: Asked, rows: int) -> tuple[tuple[System, ...], int, str | None]:
    """The systems of the page that an address asks for, how many there are, and where the next page begins."""
    words = folded(asked.text).split()
    found = [
        one
        for one in directory.systems()
        if not (asked.off and one.enabled)
        and all(word in folded(f"{one.system_id} {one.name} {one.front} {one.adapter or ''}") for word in words)
    ]
    behind = [one for one in found if one.system_id > asked.after]
    shown = tuple(behind[:rows])
    return shown, len(found), shown[-1].system_id if len(behind) > rows else None


def system_rows(
    directory: Directory, shown: Iterable[System], facts: Mapping[str, SystemFacts], now: datetime
) -> tuple[SystemRow, ...]:
    """Their rows."""
    served = _served(directory, [one.system_id for one in shown])
    return tuple(_row(one, served.get(one.system_id, ()), facts[one.system_id], now) for one in shown)


def list_page(
    asked: Asked, rows: tuple[SystemRow, ...], total: int, onward: str | None, *, may_change: bool
) -> SystemList:
    """The page of the list."""
    return SystemList(
        asked=asked,
        rows=rows,
        total=grouped(total),
        first_href=asked.href() if asked.after else None,
        next_href=asked.href(after=onward) if onward else None,
        may_change=may_change,
    )


def system_page(
    directory: Directory, system: System, facts: SystemFacts, now: datetime, *, may_change: bool
) -> SystemPage:
    """One system's page; what was done, tried or wrong is for the caller to say."""
    (row,) = system_rows(directory, [system], {system.system_id: facts}, now)
    return SystemPage(
        row=row,
        enabled=system.enabled,
        may_register=system.may_register,
        since=moment(system.created_at, now),
        secrets=tuple(
            SecretRow(
                made=moment(one.created_at, now),
                ends=moment(one.expires_at, now) if one.expires_at else None,
                good=one.expires_at is None or now < one.expires_at,
            )
            for one in facts.secrets
        ),
        tokens=tuple(_token(one, now) for one in facts.tokens),
        newest=facts.secrets[0].credential_id if facts.secrets else "",
        partner_href=f"/operator/partners/{quote(system.system_id)}" if system.adapter else "",
        docs=docs_of(system.front, system.adapter, token=bool(facts.tokens)),
        tried=None,
        wrong=None,
        done="",
        may_change=may_change,
    )


def tried(checked: Checked) -> Tried:
    """What was found when a system was tried out, in the page's language."""
    looks = {
        True: Look(word=_("Đạt"), tone="green", icon="check"),
        False: Look(word=_("Không đạt"), tone="red", icon="cross"),
        None: Look(word=_("Không kiểm tra được"), tone="grey", icon="question"),
    }
    which = 1 if current() == "en" else 0
    return Tried(
        good=checked.good,
        steps=tuple(StepRow(look=looks[one.good], title=one.title[which], words=one.words) for one in checked.steps),
        advice=tuple(one[which] for one in checked.advice),
    )


def typed(form: Mapping[str, str]) -> dict[str, str]:
    """What somebody typed into the form of a new system, cut to size."""
    texts = {
        "system_id": plain(form.get("system_id", "")).strip()[:65],  # one too many is told, not cut
        "name": " ".join(plain(form.get("name", "")).split())[:_NAME_CHARACTERS],
        "serves": " ".join(plain(form.get("serves", "")).split())[:_CODES_CHARACTERS],
        "front": form.get("front", "")[:32],
        "may_register": "1" if form.get("may_register") else "",
    }
    return texts | {f"scope_{scope}": "1" for scope in Scope if form.get(f"scope_{scope}")}


def scopes_of(texts: Mapping[str, str]) -> tuple[Scope, ...]:
    """The scopes that were ticked."""
    return tuple(scope for scope in Scope if texts.get(f"scope_{scope}"))


def system_form(fronts: Iterable[str], texts: Mapping[str, str], wrong: Wrong | None) -> SystemForm:
    """The form with what was typed."""
    ticked = scopes_of(texts)
    return SystemForm(
        texts={"system_id": "", "name": "", "serves": "", "front": "vxp", "may_register": ""} | dict(texts),
        fronts=tuple(
            Choice(value=one, word=front_word(one), chosen=one == texts.get("front", "vxp")) for one in fronts
        ),
        scopes=tuple(Choice(value=one, word=_(SCOPES[one]), chosen=one in ticked) for one in Scope),
        wrong=wrong,
    )


def front_word(front: str) -> str:
    """The protocol in which a system calls, in the page's language."""
    return _(FRONTS[front]) if front in FRONTS else front


def docs_of(front: str, adapter: str | None, *, token: bool) -> tuple[str, ...]:
    """The pages that tell how such a system is connected."""
    named = [one for one in (adapter or front, "rest" if token else "") if one in DOCS]
    return tuple(f"docs/connect/{one}.md" for one in dict.fromkeys(named))


def _row(system: System, served: tuple[OrganLink, ...], facts: SystemFacts, now: datetime) -> SystemRow:
    good = [one for one in facts.secrets if one.expires_at is None or now < one.expires_at]
    tokens = sum(1 for one in facts.tokens if _is_good(one, now))
    if system.enabled:
        look = Look(word=_("Đang mở"), tone="green", icon="check")
    else:
        look = Look(word=_("Đã khóa"), tone="red", icon="cross")
    more = len(served) - _SERVED_SHOWN
    return SystemRow(
        href=f"{HOME}/{quote(system.system_id)}",
        system_id=system.system_id,
        name=system.name if system.name != system.system_id else "",
        front=_("trang web này") if system.front == CONSOLE_FRONT else system.front,
        adapter=system.adapter or "",
        look=look,
        serves=served[:_SERVED_SHOWN],
        serves_more=n_("và {n} cơ quan khác", more) if more > 0 else "",
        serves_href=f"{ORGANS}?{urlencode({'system': system.system_id})}",
        called=moment(facts.called, now) if facts.called else None,
        secret=_("Khóa bí mật, đã cấp {age}", age=since(good[0].created_at, now)) if good else "",
        tokens=n_("{n} mã truy cập API", tokens) if tokens else "",
    )


def _served(directory: Directory, system_ids: Iterable[str]) -> dict[str, tuple[OrganLink, ...]]:
    """Whom some systems serve, by themselves and not by those above."""
    wanted = set(system_ids)
    found: dict[str, list[OrganLink]] = {}
    for organ in directory.registry:
        for service in directory.services(organ.organ_id):
            if service.system_id in wanted:
                found.setdefault(service.system_id, []).append(link(organ))
    return {system_id: tuple(sorted(organs, key=lambda one: one.code)) for system_id, organs in found.items()}


def _token(token: ApiToken, now: datetime) -> TokenRow:
    if _is_good(token, now):
        look = Look(word=_("Đang dùng được"), tone="green", icon="check")
    elif token.revoked_at is not None:
        look = Look(word=_("Đã thu hồi"), tone="grey", icon="cross")
    else:
        look = Look(word=_("Đã hết hạn"), tone="grey", icon="clock")
    return TokenRow(
        name=token.name,
        scopes=", ".join(_(SCOPES[scope]) for scope in Scope if scope in token.scopes.split()),
        look=look,
        made=moment(token.created_at, now),
        used=moment(token.last_used_at, now) if token.last_used_at else None,
    )


def _is_good(token: ApiToken, now: datetime) -> bool:
    return token.revoked_at is None and (token.expires_at is None or now < token.expires_at)
