"""The figures that are asked for, over a period: by organisation, by level, and all together.

Read from the roll-ups, so that a year takes a moment. Levels and "below" go by the tree as it stands now: an
organisation that was moved takes its past along, one that was closed stays where it stood. What waits, is overdue or
has failed is told of the present moment, of what came within the period.

docs/kpi.md says what each figure means.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sqlalchemy import Connection

from axis.delivery.directory import Directory
from axis.kpi.figures import NOTHING, Figures, Spans, months, spans, total
from axis.kpi.histogram import Histogram
from axis.organ.model import Organ, OrganKind
from axis.settings.sections import Kpi
from axis.store import queries
from axis.store.queries import Now
from axis.terms import Side

Value = str | int | float | None

_LOCAL_LEVEL = 3  # from here on districts, wards and communes
_PROVINCE = frozenset({OrganKind.PROVINCE, OrganKind.DEPARTMENT})
_DISTRICT = frozenset({OrganKind.DISTRICT, OrganKind.WARD, OrganKind.COMMUNE, OrganKind.TOWN, OrganKind.SPECIAL_ZONE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """What is asked for, in percent."""

    ministry: float
    province: float
    district: float
    connected: float
    on_time: float = 100.0

    @classmethod
    def chosen(cls, kpi: Kpi) -> "Targets":
        """As the settings say."""
        return cls(
            ministry=kpi.online_ministry_percent,
            province=kpi.online_province_percent,
            district=kpi.online_district_percent,
            connected=kpi.connected_percent,
            on_time=kpi.on_time_percent,
        )

    def online(self, kind: OrganKind | None, level: int | None) -> float:
        """Of whom how much work processed online is asked."""
        if kind is OrganKind.MINISTRY:
            return self.ministry
        if kind in _PROVINCE:
            return self.province
        if kind in _DISTRICT:
            return self.district
        return self.district if level is not None and level >= _LOCAL_LEVEL else self.province


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """Whole days of Vietnam, both included."""

    first: date
    last: date

    @property
    def spans(self) -> Spans:
        """The roll-ups that make it up."""
        return spans(self.first, self.last)

    @property
    def months(self) -> tuple[str, ...]:
        """The whole months in it."""
        return months(self.first, self.last)


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """What is read once for a report."""

    figures: Mapping[tuple[str, Side], Figures]
    now: Now
    issued: Mapping[tuple[str, str], int]
    sent: Mapping[tuple[str, str], int]  # documents, by organisation and month


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One organisation, or several together."""

    title: str  # code, or level
    name: str
    level: int | None
    sent: Figures
    received: Figures
    overdue: int
    not_fetched: int
    failed: int
    issued: int  # documents issued in the whole months of the period for which this was said
    sent_of_issued: int  # … and of these, sent through the node
    organs: int  # active ones
    connected: int
    target: float | None  # work processed online, in percent


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All lines of a report."""

    period: Period
    organs: tuple[Line, ...]
    levels: tuple[Line, ...]
    total: Line
    connected_target: float  # in percent
    on_time_target: float  # in percent


def read_raw(conn: Connection, period: Period) -> Raw:
    """Everything that a report rests on, from one snapshot."""
    return Raw(
        figures=queries.totals(conn, period.spans),
        now=queries.present(conn, period.first, period.last),
        issued=queries.issued_of(conn, period.months),
        sent=queries.sent_in_months(conn, period.months),
    )


def make_report(raw: Raw, period: Period, organs: Iterable[Organ], directory: Directory, targets: Targets) -> Report:
    """The report of some organisations; those that are closed are left out when they have no figures."""
    lines = []
    for organ in sorted(organs, key=lambda one: (one.level or 9, one.organ_id)):
        line = _line(raw, organ, directory, targets)
        if not organ.is_closed or line.sent != NOTHING or line.received != NOTHING:
            lines.append(line)
    levels = sorted({line.level for line in lines}, key=lambda level: level or 9)
    return Report(
        period=period,
        organs=tuple(lines),
        levels=tuple(
            _together(
                f"Cấp {level}" if level else "Không rõ cấp",
                level,
                [line for line in lines if line.level == level],
                targets.online(None, level),
            )
            for level in levels
        ),
        total=_together("Tất cả", None, lines, None),
        connected_target=targets.connected,
        on_time_target=targets.on_time,
    )


def below(directory: Directory, code: str) -> tuple[Organ, ...]:
    """An organisation and all below it in the tree as it stands now."""
    by_code = {organ.organ_id: organ for organ in directory.organs()}
    found, waiting = [], [code]
    while waiting:
        organ = by_code[waiting.pop()]
        found.append(organ)
        waiting += [child.organ_id for child in directory.registry.children_of(organ.organ_id)]
    return tuple(found)


def _line(raw: Raw, organ: Organ, directory: Directory, targets: Targets) -> Line:
    code = organ.organ_id
    said = [key for key in raw.issued if key[0] == code]
    system = None if organ.is_closed or (route := directory.route(code)) is None else directory.system(route)
    return Line(
        title=code,
        name=organ.name,
        level=organ.level,
        sent=raw.figures.get((code, Side.SENT), NOTHING),
        received=raw.figures.get((code, Side.RECEIVED), NOTHING),
        overdue=raw.now.overdue.get(code, 0),
        not_fetched=raw.now.not_fetched.get(code, 0),
        failed=raw.now.failed.get(code, 0),
        issued=sum(raw.issued[key] for key in said),
        sent_of_issued=sum(raw.sent.get(key, 0) for key in said),
        organs=int(not organ.is_closed),
        connected=int(system is not None and system.enabled),
        target=targets.online(organ.kind, organ.level),
    )


def _together(title: str, level: int | None, lines: Sequence[Line], target: float | None) -> Line:
    return Line(
        title=title,
        name="",
        level=level,
        sent=total(line.sent for line in lines),
        received=total(line.received for line in lines),
        overdue=sum(line.overdue for line in lines),
        not_fetched=sum(line.not_fetched for line in lines),
        failed=sum(line.failed for line in lines),
        issued=sum(line.issued for line in lines),
        sent_of_issued=sum(line.sent_of_issued for line in lines),
        organs=sum(line.organs for line in lines),
        connected=sum(line.connected for line in lines),
        target=target,
    )


# ── Columns ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One figure of a line."""

    key: str
    heading: str
    value: Callable[[Line], Value]


def percent(part: int, whole: int) -> float | None:
    """A share, in percent; None of nothing."""
    return round(100 * part / whole, 1) if whole else None


def _hours(of: Callable[[Line], Histogram], share: float) -> Callable[[Line], Value]:
    def value(line: Line) -> Value:
        (found,) = of(line).quantiles(share)
        return None if found is None else round(found / timedelta(hours=1), 2)

    return value


def _share(key: str, heading: str, part: Callable[[Line], int], whole: Callable[[Line], int]) -> Column:
    return Column(key=key, heading=heading, value=lambda line: percent(part(line), whole(line)))


def _sent(name: str) -> Callable[[Line], int]:
    return lambda line: int(getattr(line.sent.counts, name))


def _received(name: str) -> Callable[[Line], int]:
    return lambda line: int(getattr(line.received.counts, name))


def _kept(key: str, heading: str, of: Callable[[str], Callable[[Line], int]]) -> tuple[Column, ...]:
    """On time, late, and the share on time of those of which it is known."""
    on_time, late = of(f"{key}_on_time"), of(f"{key}_late")
    return (
        Column(key=f"{key}_on_time", heading=f"{heading} đúng hạn", value=on_time),
        Column(key=f"{key}_late", heading=f"{heading} trễ hạn", value=late),
        _share(f"{key}_on_time_percent", f"{heading} đúng hạn (%)", on_time, lambda line: on_time(line) + late(line)),
    )


def _quantiles(name: str, heading: str) -> tuple[Column, ...]:
    def of(line: Line) -> Histogram:
        found: Histogram = getattr(line.received.times, name)
        return found

    return (
        Column(key=f"{name}_median_h", heading=f"{heading}, trung vị", value=_hours(of, 0.5)),
        Column(key=f"{name}_p90_h", heading=f"{heading}, 90 %", value=_hours(of, 0.9)),
    )


_deliveries = _received("deliveries")

COLUMNS: tuple[Column, ...] = (
    Column(key="code", heading="Mã", value=lambda line: line.title),
    Column(key="name", heading="Tên", value=lambda line: line.name),
    Column(key="level", heading="Cấp", value=lambda line: line.level),
    Column(key="sent_documents", heading="Văn bản đi", value=_sent("documents")),
    Column(key="sent_deliveries", heading="Lượt gửi", value=_sent("deliveries")),
    Column(key="sent_inside", heading="Gửi trong thành phố", value=_sent("inside")),
    Column(key="sent_outside", heading="Gửi ra ngoài", value=_sent("outside")),
    Column(key="sent_withdrawn", heading="Gửi đi đã thu hồi, thay thế", value=_sent("withdrawn")),
    Column(key="sent_refused", heading="Gửi đi bị từ chối", value=_sent("refused")),
    _share("sent_answered_percent", "Gửi đi có phản hồi (%)", _sent("answered"), _sent("deliveries")),
    _share("sent_valid_percent", "Văn bản đi có chữ ký hợp lệ (%)", _sent("signed_valid"), _sent("documents")),
    *_kept("sent", "Gửi", _sent),
    Column(key="sent_failed", heading="Không gửi được lên trục quốc gia", value=lambda line: line.failed),
    Column(key="issued", heading="Văn bản ban hành", value=lambda line: line.issued or None),
    _share("electronic_percent", "Văn bản điện tử (%)", lambda line: line.sent_of_issued, lambda line: line.issued),
    Column(key="received", heading="Văn bản đến", value=_deliveries),
    Column(key="received_inside", heading="Đến từ trong thành phố", value=_received("inside")),
    Column(key="received_outside", heading="Đến từ ngoài", value=_received("outside")),
    Column(key="withdrawn", heading="Đến đã bị thu hồi, thay thế", value=_received("withdrawn")),
    Column(key="not_fetched", heading="Chưa lấy về", value=lambda line: line.not_fetched),
    Column(key="refused", heading="Từ chối", value=_received("refused")),
    *(
        _share(f"said_{code}_percent", f"Có trạng thái {code} (%)", _received(f"said_{code}"), _deliveries)
        for code in ("01", "02", "03", "04", "05", "06")
    ),
    _share("received_valid_percent", "Đến có chữ ký hợp lệ (%)", _received("signed_valid"), _deliveries),
    *_quantiles("to_03", "Giờ đến khi tiếp nhận"),
    *_quantiles("to_03_worked", "Giờ làm việc đến khi tiếp nhận"),
    *_quantiles("to_06", "Giờ đến khi hoàn thành"),
    *_quantiles("to_06_worked", "Giờ làm việc đến khi hoàn thành"),
    *_kept("receipt", "Báo đã nhận", _received),
    *_kept("acceptance", "Tiếp nhận", _received),
    *_kept("completion", "Hoàn thành", _received),
    Column(key="overdue", heading="Đang quá hạn", value=lambda line: line.overdue),
    _share("online_percent", "Xử lý trên mạng (%)", _received("online"), _deliveries),
    Column(key="online_target_percent", heading="Chỉ tiêu (%)", value=lambda line: line.target),
    Column(key="organs", heading="Số cơ quan", value=lambda line: line.organs),
    _share("connected_percent", "Đã kết nối (%)", lambda line: line.connected, lambda line: line.organs),
)
"""Every figure, in the order of the files."""


def values(line: Line) -> dict[str, Value]:
    """A line's figures, by key."""
    return {column.key: column.value(line) for column in COLUMNS}
