"""What the node rests on, as values ready to be shown: certificates that end, what waits in it, what fills it up."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final

from axis.clock import to_local
from axis.ops.certificates import URGENT_DAYS, Ending, Endings, Held
from axis.ops.disk import DiskState
from axis.ops.standing import NodeStanding, is_late, waited
from axis.store.queries.standing import MOST_COUNTED
from axis.store.queries.waiting import Waiting, WaitingKind
from axis.store.records import StoredContent
from axis.store.storage import DATABASE, FILES
from axis.web.console.language import N_, _, grouped, n_
from axis.web.console.moments import Moment, moment, size
from axis.web.console.operating import span
from axis.web.console.words import Look

_SHOWN: Final = 20
_TIGHT: Final = 2  # times the mark: less free than this deserves a look

_TRUSTED_FOLDER = N_("Đặt chứng thư thế hệ mới vào thư mục tin cậy; giữ tệp cũ để kiểm tra văn bản đã nhận.")
ROLES: Final[Mapping[Held, tuple[str, str]]] = MappingProxyType(
    {
        Held.OWN: (
            N_("Chữ ký của trục"),
            N_(
                "Xin cấp chứng thư mới cho khóa của trục, thay tệp ở mục signing của axis.toml rồi khởi động lại. "
                "Hết hạn thì văn bản soạn tại trục không còn chữ ký hợp lệ."
            ),
        ),
        Held.TLS: (
            N_("Máy chủ HTTPS của trục"),
            N_(
                "Xin cấp chứng thư mới, thay tệp server.tls_certificate_file rồi khởi động lại. "
                "Hết hạn thì các hệ thống không kết nối được."
            ),
        ),
        Held.ANCHOR: (N_("Gốc tin cậy"), _TRUSTED_FOLDER),
        Held.AUTHORITY: (N_("Nơi cấp chứng thư"), _TRUSTED_FOLDER),
        Held.TRUSTED: (
            N_("Chứng thư tin cậy riêng"),
            N_("Lấy chứng thư mới từ bên giữ và đặt vào thư mục tin cậy."),
        ),
        Held.MAIL: (
            N_("Nơi cấp cho máy chủ thư"),
            N_("Lấy chứng thư mới của nơi cấp, thay tệp mail.tls_ca_file rồi khởi động lại."),
        ),
        Held.PARTNER: (
            N_("Nơi cấp cho máy chủ đối tác"),
            N_("Lấy chứng thư mới của nơi cấp, thay tệp ca_file trong khai báo của hệ thống."),
        ),
        Held.MET: (
            N_("Chữ ký số của cơ quan"),
            N_("Nhắc cơ quan xin cấp lại: văn bản ký sau khi hết hạn sẽ bị báo chữ ký không hợp lệ."),
        ),
    }
)
"""How the node knows a certificate, in words; and what to do before it ends."""

_FOLLOWER = N_("Công việc này không theo kịp: xem nhật ký vận hành của nút, khởi động lại nút nếu số không giảm.")
WAITING: Final[Mapping[WaitingKind, tuple[str, str]]] = MappingProxyType(
    {
        WaitingKind.PUSH: (
            N_("Gói tin chờ chuyển cho đối tác"),
            N_("Xem đối tác nào chậm ở bảng đối tác; thử lại hoặc chuyển hướng ở trang Hàng chờ."),
        ),
        WaitingKind.MARK: (N_("Thay đổi chờ tính thời hạn và chỉ số"), _FOLLOWER),
        WaitingKind.FIGURE: (N_("Ngày chờ tính lại chỉ số"), _FOLLOWER),
        WaitingKind.CHECK: (N_("Gói tin chờ kiểm tra chữ ký"), _FOLLOWER),
        WaitingKind.EVIDENCE: (
            N_("Chứng cứ chờ dịch vụ CRL, OCSP, dấu thời gian"),
            N_("Kiểm tra đường ra mạng tới các dịch vụ đó; axis cert owed cho biết địa chỉ và lỗi gần nhất."),
        ),
        WaitingKind.REMINDER: (N_("Thời hạn chờ nhắc"), _FOLLOWER),
        WaitingKind.EVENT: (
            N_("Sự kiện chờ đánh số để báo cho hệ thống"),
            N_("Webhook hoặc thư báo đứng lại: xem các webhook lỗi ở đầu trang và nhật ký vận hành của nút."),
        ),
        WaitingKind.BULK: (N_("Thao tác hàng loạt chưa xong"), _FOLLOWER),
        WaitingKind.LEAF: (N_("Mục chứng cứ chờ đánh số"), _FOLLOWER),
    }
)
"""What waits, in words; and what to do when it waits for too long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateLine:
    """A certificate that ends soon."""

    name: str
    role: str
    sha256: str
    organ: str
    partner_id: str
    partner_href: str  # "": no page tells of it
    look: Look  # how many days are left
    ends: str  # dd/MM/yyyy
    todo: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """The certificates that end soon, the worst first."""

    lines: tuple[CertificateLine, ...]
    more: int  # that are not shown
    warn_days: int
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingLine:
    """What waits of one kind."""

    word: str
    count: str
    oldest: str
    look: Look
    todo: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """How full the node is."""

    database: str
    revision: str
    disk: str
    disk_used: int  # percent
    disk_todo: str
    content: tuple[str, ...]  # a sentence for each place; empty: not counted yet
    counted: Moment | None


def bounded(count: int) -> str:
    """A count that stopped somewhere."""
    return grouped(count) if count <= MOST_COUNTED else _("hơn {n}", n=grouped(MOST_COUNTED))


def certificates(
    endings: Endings, chosen: Sequence[Ending] | None = None, partners: Mapping[str, str] = MappingProxyType({})
) -> Certificates:
    """Some of what ends soon; chosen: only these. partners: the pages of partners."""
    found = endings.certificates if chosen is None else chosen
    return Certificates(
        lines=tuple(_certificate(one, partners.get(one.known.partner_id, "")) for one in found[:_SHOWN]),
        more=max(0, len(found) - _SHOWN),
        warn_days=endings.warn_days,
        problems=endings.problems if chosen is None else (),
    )


def _certificate(one: Ending, partner_href: str) -> CertificateLine:
    known = one.known
    role, todo = ROLES[known.role]
    return CertificateLine(
        name=known.certificate.name,
        role=_(role),
        sha256=known.certificate.sha256,
        organ=known.organ_code,
        partner_id=known.partner_id,
        partner_href=partner_href,
        look=_days(one),
        ends=f"{to_local(known.certificate.not_after):%d/%m/%Y}",
        todo=_(todo),
    )


def _days(one: Ending) -> Look:
    tone = "red" if one.urgent else "amber"
    if one.days < 0:
        return Look(word=n_("Đã hết hạn {n} ngày", -one.days), tone=tone, icon="cross")
    if one.days == 0:
        return Look(word=_("Còn chưa đầy một ngày"), tone=tone, icon="alert")
    return Look(word=n_("Còn {n} ngày", one.days), tone=tone, icon="alert" if one.urgent else "clock")


def certificate_alerts(endings: Endings) -> tuple[tuple[bool, str], ...]:
    """What the certificates give cause to tell: whether anything fails by now, and the words."""
    urgent = [one for one in endings.certificates if one.urgent]
    others = len(endings.certificates) - len(urgent)
    found: list[tuple[bool, str]] = []
    if urgent:
        worst = min(urgent, key=lambda one: one.days)
        words = n_("{n} chứng thư của trục đã hết hạn hoặc còn dưới {days} ngày", len(urgent), days=URGENT_DAYS)
        found.append((worst.days < 0, f"{words}: {worst.known.certificate.name}"))
    if others:
        words = n_("{n} chứng thư hết hạn trong {days} ngày tới hoặc vừa hết hạn", others, days=endings.warn_days)
        found.append((False, words))
    found += [(False, _("Không đọc được chứng thư: {problem}", problem=problem)) for problem in endings.problems]
    return tuple(found)


def waiting_lines(found: NodeStanding, now: datetime) -> tuple[WaitingLine, ...]:
    """What waits; what nothing waits of is left out."""
    return tuple(_waiting(one, now) for one in found.waiting if one.count)


def _waiting(one: Waiting, now: datetime) -> WaitingLine:
    word, todo = WAITING[one.kind]
    late = is_late(one, now)
    if not one.begun:
        look = Look(word=_("Chưa có bộ đánh số"), tone="grey", icon="clock")
        todo = N_("Không phải làm gì: các mục đã được ghi đủ, nút này chưa xếp chúng thành nhật ký có số thứ tự.")
    elif late:
        look = Look(word=_("Chậm"), tone="amber", icon="alert")
    else:
        look = Look(word=_("Theo kịp"), tone="green", icon="done")
    return WaitingLine(
        word=_(word),
        count=bounded(one.count),
        oldest=_oldest(one, now),
        look=look,
        todo=_(todo) if late or not one.begun else "",
    )


def _oldest(one: Waiting, now: datetime) -> str:
    if one.oldest_at is not None:
        return span(waited(one, now))
    return _("làm lần cuối {at}", at=moment(one.worked_at, now).short) if one.worked_at else ""


def waiting_alerts(found: NodeStanding, now: datetime) -> tuple[str, ...]:
    """What waits for too long, but for pushes, which are told by themselves."""
    late = (one for one in found.waiting if one.kind is not WaitingKind.PUSH and is_late(one, now))
    return tuple(
        _("{what}: {n}, lâu nhất {span}", what=_(WAITING[one.kind][0]), n=bounded(one.count), span=_oldest(one, now))
        for one in late
    )


def storage(found: NodeStanding, disk: DiskState, now: datetime) -> Storage:
    """How full the node is."""
    space, content = disk.space, found.content
    counted = min((one.counted_at for one in content.values()), default=None)
    return Storage(
        database=size(found.stand.database_bytes),
        revision=found.stand.revision,
        disk=_disk_words(disk),
        disk_used=round(100 * (1 - space.free_bytes / space.total_bytes)) if space and space.total_bytes else 0,
        disk_todo=_disk_todo(disk),
        content=tuple(_content(content[place]) for place in (FILES, DATABASE) if place in content),
        counted=moment(counted, now) if counted else None,
    )


def _content(one: StoredContent) -> str:
    if one.place == FILES:
        return _("{n} mục trong thư mục tệp, {size}", n=grouped(one.blobs), size=size(one.size_bytes))
    return _("{n} mục nhỏ trong cơ sở dữ liệu, {size}", n=grouped(one.blobs), size=size(one.size_bytes))


def is_tight(disk: DiskState) -> bool:
    """The disk will be full before long."""
    return disk.open and disk.space is not None and disk.space.free_bytes < _TIGHT * disk.mark_bytes


def _disk_todo(disk: DiskState) -> str:
    if not disk.open:
        return _("Trục đã ngừng nhận gói tin: mở rộng ổ đĩa hoặc chuyển bớt dữ liệu khác đi, trục tự nhận lại.")
    return _("Mở rộng ổ đĩa hoặc chuyển bớt dữ liệu khác đi trước khi trục ngừng nhận.") if is_tight(disk) else ""


def _disk_words(state: DiskState) -> str:
    if state.space is None:
        return _("Không hỏi được ổ đĩa")
    return _(
        "Còn trống {free} trên {total}; ngừng nhận khi dưới {mark}",
        free=size(state.space.free_bytes),
        total=size(state.space.total_bytes),
        mark=size(state.mark_bytes),
    )
