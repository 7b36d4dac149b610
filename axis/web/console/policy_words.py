"""The rules by which this node works, each as a sentence, with the settings that it comes from.

What no setting can change is said so: its number is that of the code which does it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from axis.calendar.rules import Rule as DueRule
from axis.ops.upkeep import ANSWERS_KEPT, DRAFTS_KEPT, EVENTS_KEPT
from axis.settings import Settings
from axis.store.partner_calls import FAILURES_KEPT, KEPT
from axis.terms import Role, Urgency
from axis.trust.policy import Algorithms, Level
from axis.web.console import words
from axis.web.console.language import N_, _, grouped, n_
from axis.web.console.moments import size
from axis.web.console.operating import span
from axis.web.console.route_explained import length
from axis.web.console.sessions import ROLE_WORDS
from axis.web.console.words import Look

LEVELS: Final[Mapping[Level, Look]] = MappingProxyType(
    {
        Level.OFF: Look(word=N_("Không xét"), tone="grey", icon="unsigned", outline=True),
        Level.REPORT: Look(word=N_("Xét, ghi lại"), tone="blue", icon="search"),
        Level.WARN: Look(word=N_("Xét, báo bên nhận"), tone="amber", icon="alert"),
        Level.REQUIRE: Look(word=N_("Bắt buộc¦chữ ký"), tone="green", icon="seal"),
    }
)

MEANINGS: Final[Mapping[Level, str]] = MappingProxyType(
    {
        Level.OFF: N_("không kiểm tra chữ ký"),
        Level.REPORT: N_("kiểm tra, kết luận hiện cho kiểm toán và vận hành"),
        Level.WARN: N_("kiểm tra, kết luận hiện cả cho bên nhận"),
        Level.REQUIRE: N_("kiểm tra, thiếu chữ ký hay chữ ký không hợp lệ thì từ chối"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule."""

    text: str
    keys: tuple[str, ...] = ()  # the settings that it comes from; none: no setting changes it


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleGroup:
    """Rules of one kind."""

    anchor: str
    title: str
    rules: tuple[Rule, ...]


def rule_groups(settings: Settings) -> tuple[RuleGroup, ...]:
    """Every rule, in the language of the page."""
    groups: Sequence[tuple[str, str, Callable[[Settings], Iterator[Rule]]]] = (
        ("refusals", _("Nhận và từ chối"), _refusals),
        ("judging", _("Xét chữ ký"), _judging),
        ("passing", _("Chuyển, thử lại, chuyển tiếp"), _passing),
        ("limits", _("Thời hạn của nơi nhận và nơi gửi"), _deadlines),
        ("keeping", _("Lưu giữ"), _keeping),
        ("login", _("Đăng nhập"), _login),
    )
    return tuple(RuleGroup(anchor=anchor, title=title, rules=tuple(make(settings))) for anchor, title, make in groups)


def level(text: str) -> Look:
    """How a level of a signature policy is shown."""
    return words.said(LEVELS[Level(text)])


def _rule(text: str, *keys: str) -> Rule:
    return Rule(text=text, keys=keys)


def _refusals(settings: Settings) -> Iterator[Rule]:
    exchange, limits, disk = settings.exchange, settings.limits, settings.disk
    yield _rule(
        _(
            "Văn bản mang dấu hiệu bí mật nhà nước ({phrases}) ở lĩnh vực, loại hoặc đầu trích yếu bị từ chối.",
            phrases=", ".join(exchange.secret_phrases),
        ),
        "exchange.secret_phrases",
    )
    exceptions = len(exchange.secret_exceptions)
    yield _rule(n_("Có {n} cụm từ chỉ giống dấu hiệu mật mà không phải.", exceptions), "exchange.secret_exceptions")
    yield _rule(
        _(
            "Nơi gửi hoặc nơi nhận có mã thuộc {prefixes} mà chưa đăng ký thì bị từ chối; cơ quan đã đóng mà "
            "không có cơ quan kế thừa cũng vậy.",
            prefixes=", ".join(settings.node.prefixes) or "–",
        ),
        "node.prefixes",
    )
    yield _rule(
        _(
            "Gói tin lớn hơn {package}, tệp lớn hơn {file}, hơn {receivers} nơi nhận hoặc hơn {files} tệp bị từ chối.",
            package=size(limits.package_bytes),
            file=size(limits.attachment_bytes),
            receivers=grouped(limits.receivers),
            files=grouped(limits.attachments),
        ),
        "limits.package_bytes",
        "limits.attachment_bytes",
        "limits.receivers",
        "limits.attachments",
    )
    yield _rule(
        _(
            "Khi ổ đĩa còn trống dưới {bytes} hoặc {percent} %, trục ngừng nhận (503) và vẫn chuyển những gì đã nhận.",
            bytes=size(disk.min_free_bytes),
            percent=f"{disk.min_free_percent:g}",
        ),
        "disk.min_free_bytes",
        "disk.min_free_percent",
    )


def _judging(settings: Settings) -> Iterator[Rule]:
    trust, least = settings.trust, Algorithms()
    without = (
        _("Thiếu dữ liệu thu hồi thì chữ ký là “Chưa kết luận được”.")
        if trust.hard_revocation
        else _("Thiếu dữ liệu thu hồi thì chữ ký vẫn hợp lệ, kèm lưu ý.")
    )
    yield _rule(without, "trust.hard_revocation")
    hours = trust.revocation_max_age_hours
    old = (
        _("Dữ liệu thu hồi được tin đến hạn mà nó tự ghi.")
        if hours is None
        else _("Dữ liệu thu hồi cũ hơn {hours} giờ không được tính.", hours=f"{hours:g}")
    )
    yield _rule(old, "trust.revocation_max_age_hours")
    weak = (
        _("Chữ ký dùng SHA-1 hoặc khóa RSA dưới {bits} bit không được chấp nhận.", bits=least.rsa_bits)
        if trust.weak_until is None
        else _(
            "Chữ ký dùng SHA-1 hoặc khóa RSA dưới {bits} bit được chấp nhận kèm lưu ý nếu ký đến {day}.",
            bits=least.rsa_bits,
            day=f"{trust.weak_until:%d/%m/%Y}",
        )
    )
    yield _rule(weak, "trust.weak_until")
    both = (
        _("PDF phải có cả chữ ký cá nhân và chữ ký cơ quan; thiếu một thì có lưu ý.")
        if trust.both_signatures
        else _("PDF chỉ cần một chữ ký.")
    )
    yield _rule(both, "trust.both_signatures")
    own = _("Trục không có khóa riêng: những gì trục soạn không được ký.")
    if settings.signing.has_key:
        own = _("Trục ký những gì nó soạn cho cơ quan không có phần mềm.")
        if settings.signing.for_systems:
            own = _("Trục ký những gì nó soạn, kể cả cho hệ thống kết nối.")
    yield _rule(own, "signing.key_file", "signing.pkcs11_module", "signing.for_systems")


def _passing(settings: Settings) -> Iterator[Rule]:
    exchange = settings.exchange
    yield _rule(
        _(
            "Lượt chuyển hỏng được thử lại sau {delays}; sau {give_up} thì thành “Không chuyển được” "
            "và bên gửi được báo.",
            delays=", ".join(length(one) for one in dict.fromkeys(exchange.retry_delays_s)),
            give_up=length(exchange.retry_give_up_s),
        ),
        "exchange.retry_delays_s",
        "exchange.retry_give_up_s",
    )
    days = exchange.expires_after_days
    expires = (
        n_("Gói tin không ai đến lấy trong {n} ngày thì hết hạn chờ, và bên gửi được báo.", days)
        if days
        else _("Gói tin chờ hệ thống đến lấy không có hạn.")
    )
    yield _rule(expires, "exchange.expires_after_days")
    forward = (
        _("Nơi nhận chuyển tiếp được cho bất kỳ cơ quan nào của trục.")
        if exchange.forward_within == "tree"
        else _("Nơi nhận chỉ chuyển tiếp được cho đơn vị bên dưới mình.")
    )
    yield _rule(forward, "exchange.forward_within")
    yield _rule(
        _(
            "Lời từ chối (02) bắt đầu bằng {phrases} là trả lại văn bản gửi nhầm.",
            phrases=_quoted(exchange.return_phrases),
        ),
        "exchange.return_phrases",
    )


def _deadlines(settings: Settings) -> Iterator[Rule]:
    limits = settings.deadlines
    yield _rule(_("Gửi đi, kể từ ngày ký: {due}.", due=due(limits.sent)), "deadlines.sent")
    yield _rule(_("Nơi nhận báo đã nhận: {dues}.", dues=_dues(limits.receipt)), "deadlines.receipt")
    yield _rule(_("Nơi nhận tiếp nhận hoặc từ chối: {dues}.", dues=_dues(limits.acceptance)), "deadlines.acceptance")
    hours = f"{limits.remind_working_hours:g}"
    yield _rule(
        _("Nhắc cả hai bên trước hạn {hours} giờ làm việc, và báo một lần khi quá hạn.", hours=hours),
        "deadlines.remind_working_hours",
    )


def _dues(rules: Sequence[str]) -> str:
    """What is due, for each urgency."""
    named = [words.urgency(number) for number in Urgency]
    called = [look.word if look else _(words.ORDINARY) for look in named]
    return "; ".join(f"{name}: {due(rule)}" for name, rule in zip(called, rules, strict=True))


def due(text: str) -> str:
    """A rule of the settings in words: `30min`, `2h`, `4wh`, `0d`, `1d 12:00`."""
    rule = DueRule.read(text)
    if rule.unit == "min":
        return n_("{n} phút", rule.number)
    if rule.unit == "h":
        return n_("{n} giờ, tính cả ban đêm", rule.number)
    if rule.unit == "wh":
        return n_("{n} giờ làm việc", rule.number)
    _days, _blank, clock = text.strip().partition(" ")
    if clock and rule.number:
        return n_("đến {time} sau {n} ngày làm việc", rule.number, time=clock)
    if clock:
        return _("đến {time} cùng ngày", time=clock)
    return n_("đến hết {n} ngày làm việc sau", rule.number) if rule.number else _("trong ngày làm việc")


def _keeping(settings: Settings) -> Iterator[Rule]:
    yield _rule(
        _("Gói tin, văn bản, trạng thái, chứng cứ, kết luận chữ ký và nhật ký kiểm toán: giữ mãi, trục không xóa.")
    )
    days = settings.console.views_kept_days
    views = (
        n_("Ai đã xem, đã tải văn bản nào: giữ {n} ngày.", days)
        if days
        else _("Ai đã xem, đã tải văn bản nào: giữ mãi.")
    )
    yield _rule(views, "console.views_kept_days")
    yield _rule(_("Sự kiện báo cho hệ thống: giữ {span}.", span=span(EVENTS_KEPT)))
    yield _rule(_("Bản nháp: giữ {span} kể từ lần sửa cuối.", span=span(DRAFTS_KEPT)))
    yield _rule(_("Câu trả lời cho cuộc gọi có Idempotency-Key: giữ {span}.", span=span(ANSWERS_KEPT)))
    hours = timedelta(hours=settings.api.upload_hours)
    yield _rule(_("Tệp tải lên dở dang: giữ {span} kể từ phần cuối.", span=span(hours)), "api.upload_hours")
    yield _rule(
        _(
            "Thời gian trả lời của đối tác: giữ {span}; nguyên văn {calls} cuộc gọi lỗi cuối của mỗi đối tác.",
            span=span(KEPT),
            calls=FAILURES_KEPT,
        )
    )


def _login(settings: Settings) -> Iterator[Rule]:
    rules = settings.console
    yield _rule(
        _(
            "Một lần đăng nhập kéo dài {hours} giờ, và hết sớm hơn nếu {minutes} phút không làm gì.",
            hours=f"{rules.session_hours:g}",
            minutes=f"{rules.idle_minutes:g}",
        ),
        "console.session_hours",
        "console.idle_minutes",
    )
    yield _rule(
        _(
            "Sai mật khẩu {failures} lần liền thì tài khoản phải chờ {pause}, lâu hơn mỗi lần sau.",
            failures=rules.failures_until_pause,
            pause=length(rules.pause_s),
        ),
        "console.failures_until_pause",
        "console.pause_s",
    )
    roles = ", ".join(_(ROLE_WORDS[Role(one)]) for one in rules.totp_required_for)
    second = _("Không vai trò nào bắt buộc mã trên điện thoại.")
    if roles:
        second = _("Phải có mã trên điện thoại khi đăng nhập bằng mật khẩu: {roles}.", roles=roles)
    yield _rule(second, "console.totp_required_for")
    single = _("Không có đăng nhập một lần của thành phố.")
    if settings.sso.issuer:
        single = _("Có đăng nhập một lần của thành phố, bên cạnh mật khẩu.")
    yield _rule(single, "sso.issuer")


def _quoted(texts: Sequence[str]) -> str:
    return ", ".join(f"“{text}”" for text in texts)
