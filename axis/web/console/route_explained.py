"""How a package would go from one organisation to another, as values ready to be shown.

The steps, and what decides, are the router's own (`delivery.explain`), in the words of `delivery.route_words`, as on
the command line. Here it is only told how each step looks, who is next, and what comes of it when that one is down.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from axis.delivery.directory import Directory
from axis.delivery.explain import DecidedBy, Explanation, Said, Step
from axis.delivery.route_words import sentence
from axis.messages import SENTENCES
from axis.settings import Settings
from axis.terms import Place
from axis.web.console import words
from axis.web.console.language import N_, _, current, n_
from axis.web.console.partner_values import PartnerRow
from axis.web.console.route_map import State, Stop
from axis.web.console.words import Look

_DECIDES: Final = Look(word=N_("Quyết định¦đường đi"), tone="green", icon="check")
_NOT_THIS: Final = Look(word=N_("Không áp dụng"), tone="grey", icon="cross", outline=True)
_KNOWN: Final = Look(word=N_("Đã tra"), tone="grey", icon="search", outline=True)
_WAITS: Final = Look(word=N_("Phải chờ"), tone="amber", icon="clock")
_REFUSED: Final = Look(word=N_("Bị từ chối"), tone="red", icon="alert")
_RESULT: Final = Look(word=N_("Kết quả"), tone="blue", icon="send")

STEPS: Final[Mapping[Said, Look]] = {
    Said.SENDER_OURS: _KNOWN,
    Said.SENDER_UNSERVED: _WAITS,
    Said.SENDER_FOREIGN: _KNOWN,
    Said.SENDER_UNKNOWN: _REFUSED,
    Said.GIVEN: _KNOWN,
    Said.CANONICAL: _KNOWN,
    Said.ALIAS: _KNOWN,
    Said.OLD_FORM: _KNOWN,
    Said.UNREGISTERED: _KNOWN,
    Said.SUCCEEDED: _KNOWN,
    Said.CLOSED: _REFUSED,
    Said.OPEN: _KNOWN,
    Said.OWN_SYSTEM: _DECIDES,
    Said.NO_OWN_SYSTEM: _NOT_THIS,
    Said.BESIDE: _KNOWN,
    Said.ABOVE_WITHOUT: _NOT_THIS,
    Said.ABOVE_SYSTEM: _DECIDES,
    Said.NO_SYSTEM_ABOVE: _NOT_THIS,
    Said.INSIDE_TREE: _KNOWN,
    Said.OUTSIDE_TREE: _KNOWN,
    Said.RULE_FITS: _DECIDES,
    Said.RULE_PASSED_OVER: _NOT_THIS,
    Said.SETTING_FITS: _DECIDES,
    Said.DEFAULT_RULE: _DECIDES,
    Said.DEFAULT: _DECIDES,
    Said.NO_UPLINK: _NOT_THIS,
    Said.SYSTEM_DISABLED: _WAITS,
    Said.HELD: _WAITS,
    Said.PAUSED: _WAITS,
    Said.PAUSE_PLANNED: _KNOWN,
    Said.DOWN: _WAITS,
    Said.TO_SYSTEM: _RESULT,
    Said.TO_UPLINK: _RESULT,
    Said.WAITS: _WAITS,
    Said.ELSEWHERE: _RESULT,
    Said.BETWEEN_AXES: _DECIDES,
    Said.REFUSED: _REFUSED,
}
"""How each step looks; one that names a rule which is not needed does not apply."""

RULES: Final[Mapping[DecidedBy, str]] = {
    DecidedBy.OWN_SYSTEM: N_("Nơi nhận có hệ thống riêng."),
    DecidedBy.ANCESTOR_SYSTEM: N_("Nơi nhận không có hệ thống riêng: hệ thống của cấp trên gần nhất nhận thay."),
    DecidedBy.WAITS: N_("Nơi nhận đã đăng ký, nhưng chưa hệ thống nào phục vụ."),
    DecidedBy.RULE: N_("Một quy tắc trong cơ sở dữ liệu dành mã này cho một trục khác."),
    DecidedBy.SETTING: N_("Cấu hình dành mã này cho một trục khác."),
    DecidedBy.DEFAULT_RULE: N_("Không quy tắc nào dành riêng cho mã này: quy tắc chung trong cơ sở dữ liệu áp dụng."),
    DecidedBy.DEFAULT: N_("Không quy tắc nào dành riêng cho mã này: trục mặc định của cấu hình nhận."),
    DecidedBy.ELSEWHERE: N_("Gói tin đến từ trục khác cho nơi nhận không thuộc trục này: ở đây chỉ ghi nhận."),
    DecidedBy.SENDER_UNKNOWN: N_("Nơi gửi thuộc phạm vi trục này mà chưa đăng ký."),
    DecidedBy.CLOSED: N_("Nơi nhận đã ngừng hoạt động và không cơ quan nào kế thừa."),
    DecidedBy.UNKNOWN_IN_TREE: N_("Mã nơi nhận thuộc phạm vi trục này mà chưa đăng ký."),
    DecidedBy.NO_UPLINK: N_("Mã nơi nhận nằm ngoài phạm vi trục này và không trục nào nhận mã đó."),
}
"""What each rule that may decide comes to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLine:
    """A step, said and shown."""

    text: str
    look: Look
    result: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NextHop:
    """Who takes the package from us."""

    name: str
    kind: str
    contact: str  # who begins: we call, or it fetches
    light: Look
    problem: str
    partner: PartnerRow | None  # one that we call
    waiting: str  # of one that fetches: how much waits for it
    href: str  # where there is more to read


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """The answer."""

    title: str
    outcome: Look
    rule: str
    stops: tuple[Stop, ...]
    steps: tuple[StepLine, ...]
    hop: NextHop | None
    if_down: tuple[str, ...]
    remedy: str  # what to do where it is refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """What is known of who is next, for an explanation."""

    partner: PartnerRow | None = None  # one that we call
    waiting: int = 0  # of one that fetches


def explained(found: Explanation, directory: Directory, hop: Hop, settings: Settings) -> Explained:
    """The answer for an explanation."""
    return Explained(
        title=_("{sender} → {receiver}", sender=_name(directory, found.sender), receiver=_receiver(found, directory)),
        outcome=outcome(found),
        rule=_(RULES[found.decided_by]),
        stops=tuple(_stops(found, directory)),
        steps=tuple(_step(step) for step in found.steps),
        hop=_hop(found, directory, hop),
        if_down=tuple(if_down(found, directory, settings)),
        remedy=_remedy(found),
    )


def outcome(found: Explanation) -> Look:
    """What comes of it, in a word."""
    if found.destination is None:
        return words.said(_REFUSED)
    if found.decided_by is DecidedBy.ELSEWHERE:
        return Look(word=_("Trục khác chuyển"), tone="grey", icon="globe", outline=True)
    if found.decided_by is DecidedBy.WAITS:
        return Look(word=_("Được nhận, chờ có hệ thống kết nối"), tone="amber", icon="clock")
    if any(STEPS[step.said] is _WAITS and step.said is not Said.SENDER_UNSERVED for step in found.steps):
        return Look(word=_("Có đường, hiện phải chờ"), tone="amber", icon="clock")
    return Look(word=_("Có đường, đi ngay"), tone="green", icon="done")


def _remedy(found: Explanation) -> str:
    if found.error is None:
        return ""
    said = SENTENCES[found.error]
    return f"{said.what_en} {said.action_en}" if current() == "en" else f"{said.what_vi} {said.action_vi}"


def _step(step: Step) -> StepLine:
    look = STEPS[step.said]
    if look is _DECIDES and step.facts.get("decides") == "no":
        look = _NOT_THIS
    text = sentence(step, current())
    return StepLine(text=text, look=words.said(look), result=look is _RESULT or step.said is Said.REFUSED)


def _name(directory: Directory, code: str) -> str:
    organ = directory.registry.find(code)
    return f"{organ.name} ({code})" if organ else code


def _receiver(found: Explanation, directory: Directory) -> str:
    return _name(directory, found.receiver)


def _stops(found: Explanation, directory: Directory) -> list[Stop]:
    """The way: the sender's system, this node, another axis, the receiver."""
    ours = found.steps[0].said in (Said.SENDER_OURS, Said.SENDER_UNSERVED)
    sender = _name(directory, found.sender)
    stops = [
        _stop(_("Hệ thống của bên gửi"), sender, "person", ("past", found.steps[0].facts.get("systems", "")))
        if ours
        else _stop(_("Trục liên thông khác"), sender, "globe", ("unknown", "")),
        _stop(_("Trục này"), "", "axis", ("failed", _("từ chối")) if found.destination is None else ("past", "")),
    ]
    if found.destination is None:
        return stops
    to = directory.registry.find(found.destination.organ)
    receiver = to.name if to else found.destination.organ
    waits: State = "failed" if outcome(found).tone == "amber" else "past"
    if found.destination.place is Place.ELSEWHERE:
        return [*stops, _stop(_("Hệ thống của bên nhận"), receiver, "inbox", ("unknown", ""))]
    if found.destination.place is Place.UPLINK:
        uplink = found.destination.uplink_id or ""
        stops.append(_stop(_("Trục liên thông khác"), uplink, "globe", (waits, outcome(found).word)))
        return [*stops, _stop(_("Hệ thống của bên nhận"), receiver, "inbox", ("ahead", ""))]
    state: tuple[State, str] = (waits, found.system_id or _("chưa có hệ thống"))
    return [*stops, _stop(_("Hệ thống của bên nhận"), receiver, "inbox", state)]


def _stop(word: str, name: str, icon: str, state: tuple[State, str]) -> Stop:
    return Stop(word=word, name=name, icon=icon, state=state[0], said=state[1], at=None)


def _hop(found: Explanation, directory: Directory, hop: Hop) -> NextHop | None:
    """Who takes it from us; None where nobody does."""
    if found.destination is None or not found.leads_somewhere:
        return None
    if found.destination.uplink_id is not None:
        return _called(found.destination.uplink_id, _("Trục liên thông khác"), hop.partner)
    system = directory.system(found.system_id or "")
    if system is None:
        return None
    kind = _("Hệ thống kết nối")
    off = Look(word=_("Đang bị khóa"), tone="amber", icon="alert")
    if system.adapter is not None:
        made = _called(system.system_id, kind, hop.partner)
        return made if system.enabled else replace(made, light=off)
    return NextHop(
        name=system.system_id,
        kind=kind,
        contact=_("Tự đến lấy, bằng giao thức {front}", front=system.front),
        light=Look(word=_("Đang mở"), tone="green", icon="done") if system.enabled else off,
        problem="",
        partner=None,
        waiting=n_("{n} gói tin đang chờ lấy", hop.waiting),
        href=f"/past?partner={system.system_id}",
    )


def _called(partner_id: str, kind: str, row: PartnerRow | None) -> NextHop:
    unknown = Look(word=_("Chưa có tin gì"), tone="grey", icon="question", outline=True)
    adapter = row.adapter if row else "?"
    return NextHop(
        name=partner_id,
        kind=kind,
        contact=_("Trục gọi sang, bằng bộ kết nối {adapter}", adapter=adapter),
        light=row.light if row else unknown,
        problem=row.problem if row else "",
        partner=row,
        waiting="",
        href=f"/operator/partners/{partner_id}" if row else "",
    )


def if_down(found: Explanation, directory: Directory, settings: Settings) -> list[str]:
    """What would become of a package while the next one cannot be reached, by the settings in force."""
    if found.destination is None or not found.leads_somewhere:
        return []
    system = directory.system(found.system_id or "")
    if found.destination.uplink_id is None and system is not None and system.adapter is None:
        return _while_it_does_not_fetch(settings)
    rules = settings.exchange
    return [
        _("Gói tin đã được ghi bền vững ở trục này: nó chờ, không mất, và không cản gói tin đi nơi khác."),
        _(
            "Sau {failures} lần liền không liên lạc được, trục để yên bên đó {first}, rồi lâu gấp đôi mỗi lần, "
            "nhiều nhất {most}, trước khi hỏi xem đã trở lại chưa.",
            failures=rules.partner_failures,
            first=length(rules.partner_pause_s),
            most=length(rules.partner_most_pause_s),
        ),
        _(
            "Mỗi gói tin được thử lại sau {delays}; sau {give_up} kể từ khi vào hàng chờ thì thành “Không chuyển được” "
            "và hệ thống bên gửi được báo. Thời gian tạm dừng theo kế hoạch hay bị giữ lại không tính.",
            delays=", ".join(length(one) for one in dict.fromkeys(rules.retry_delays_s)),
            give_up=length(rules.retry_give_up_s),
        ),
        _("Chờ quá {late}, hệ thống bên gửi được báo là chuyển chậm.", late=length(rules.delayed_after_s)),
        _("Trục không tự đi đường khác. Người vận hành có thể chuyển đường ở trang Hàng chờ."),
        _("Thời hạn của nơi nhận vẫn chạy trong lúc chờ."),
    ]


def _while_it_does_not_fetch(settings: Settings) -> list[str]:
    days = settings.exchange.expires_after_days
    gone = (
        n_("Sau {n} ngày không ai lấy, gói tin hết hạn chờ và hệ thống bên gửi được báo.", days)
        if days
        else _("Gói tin chờ bao lâu cũng được: không có hạn chờ lấy.")
    )
    return [
        _("Gói tin đã được ghi bền vững ở trục này và nằm trong danh sách của hệ thống đó đến khi nó trở lại lấy."),
        gone,
        _("Thời gian bị giữ lại không tính vào hạn đó; thời gian hệ thống bị khóa thì có tính."),
        _("Trục không tự đi đường khác. Người vận hành có thể chuyển đường ở trang Hàng chờ."),
        _("Thời hạn của nơi nhận vẫn chạy trong lúc chờ."),
    ]


def length(seconds: float) -> str:
    """A length of time from the settings, exactly, in the largest unit that says it."""
    whole = round(seconds)
    if whole % 86_400 == 0 and whole:
        return n_("{n} ngày", whole // 86_400)
    if whole % 3_600 == 0 and whole:
        return n_("{n} giờ", whole // 3_600)
    return n_("{n} phút", whole // 60) if whole % 60 == 0 and whole else n_("{n} giây", whole)
