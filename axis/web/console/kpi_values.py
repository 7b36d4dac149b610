"""The page of figures, as values: shares and times against targets, and against the period before.

Everything comes from the kept figures (`kpi`): no document is counted while somebody waits. Charts are SVG in the
template, from numbers that are worked out here; each has its table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from axis.errors import Code, Malformed
from axis.kpi.figures import Counts
from axis.ops.kpi_report import Line, Period, Report, percent
from axis.terms import Side
from axis.web.console.kpi_behind import Behind, read_day
from axis.web.console.language import N_, _, grouped, n_

KPI: Final = "/kpi"
_MOST_DAYS: Final = 366 * 5
_DAYS_DRAWN: Final = 62  # a longer period is drawn by the month
_SLOWEST: Final = 10
_FEW: Final = 3  # deliveries under which a median says nothing
_STATUSES: Final = (
    ("said_01", N_("Đã đến (01)"), "blue"),
    ("said_03", N_("Đã tiếp nhận (03)"), "teal"),
    ("said_04", N_("Đã phân công (04)"), "indigo"),
    ("said_05", N_("Đang xử lý (05)"), "amber"),
    ("said_06", N_("Hoàn thành (06)"), "green"),
    ("said_02", N_("Từ chối tiếp nhận (02)"), "red"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A period to choose."""

    word: str
    href: str
    chosen: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One figure, now and in the period before."""

    word: str
    value: str
    before: str
    target: str
    href: str = ""  # what it counts
    late: str = ""  # of a share: how many were late
    late_href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A share, drawn in a box of 100 × 1."""

    word: str
    part: str
    whole: str
    share: float | None  # percent
    said: str
    tone: str
    target: float | None = None  # percent, drawn as a line
    reached: bool = True
    part_href: str = ""  # what is counted; "": nothing is
    whole_href: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of the chart of traffic, in a box of `count` × 100."""

    word: str
    value: int
    x: int
    y: float
    height: float
    href: str  # "": nothing was sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    """An organisation that takes its time."""

    code: str
    name: str
    median: str
    share: float  # of the slowest one's, for the bar
    deliveries: int
    href: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KpiPage:
    """The page."""

    title: str
    periods: tuple[Choice, ...]
    earlier_href: str
    later_href: str | None
    first: str
    last: str
    numbers: tuple[Number, ...]
    columns: tuple[Column, ...]
    columns_title: str
    statuses: tuple[Bar, ...]
    on_time: tuple[Bar, ...]
    online: tuple[Bar, ...]
    connected: tuple[Bar, ...]
    slowest: tuple[Slow, ...]
    xlsx_href: str
    empty: bool


def read_period(query: Mapping[str, str], today: date) -> tuple[str, Period]:
    """The period that an address names: day, week, month, quarter, year, or own days. Raises Malformed(BAD_REQUEST)."""
    name = query.get("period", "") or ("own" if query.get("from") or query.get("to") else "month")
    at = read_day(query.get("at", ""), "at") if query.get("at") else today
    if name == "own":
        period = Period(first=read_day(query.get("from", ""), "from"), last=read_day(query.get("to", ""), "to"))
    elif name in _BEGINS:
        first = _begin(name, at)
        period = Period(first=first, last=_begin(name, first + timedelta(days=_BEGINS[name])) - timedelta(days=1))
    else:
        raise Malformed(Code.BAD_REQUEST, "day, week, month, quarter, year or own", at="period")
    if not 0 <= (period.last - period.first).days < _MOST_DAYS:
        raise Malformed(Code.BAD_REQUEST, "it ends before it begins, or is longer than five years", at="to")
    return name, period


_BEGINS: Final = {"day": 1, "week": 7, "month": 31, "quarter": 92, "year": 366}
"""How many days lead surely into the next one, from its first day on."""

_WORDS: Final = {
    "day": N_("Theo ngày"),
    "week": N_("Theo tuần"),
    "month": N_("Theo tháng"),
    "quarter": N_("Theo quý"),
    "year": N_("Theo năm"),
}


def _begin(name: str, at: date) -> date:
    if name == "week":
        return at - timedelta(days=at.weekday())
    if name == "month":
        return at.replace(day=1)
    if name == "quarter":
        return at.replace(month=(at.month - 1) // 3 * 3 + 1, day=1)
    return at.replace(month=1, day=1) if name == "year" else at


def before(name: str, period: Period) -> Period:
    """The period before it."""
    last = period.first - timedelta(days=1)
    if name in _BEGINS:
        return Period(first=_begin(name, last), last=last)
    return Period(first=period.first - (period.last - period.first) - timedelta(days=1), last=last)


def drawn_spans(period: Period) -> tuple[str, ...]:
    """The days that are drawn, or the months of a long period."""
    days = (period.last - period.first).days + 1
    if days <= _DAYS_DRAWN:
        return tuple((period.first + timedelta(days=number)).isoformat() for number in range(days))
    return tuple(dict.fromkeys((period.first + timedelta(days=number)).isoformat()[:7] for number in range(days)))


def kpi_page(
    name: str, period: Period, reports: tuple[Report, Report], traffic: Mapping[str, int], today: date
) -> KpiPage:
    """The page. reports: of the period, and of the one before. traffic: documents sent, by the spans drawn."""
    now, then = reports
    earlier = before(name, period)
    later = period.last + timedelta(days=1)
    own = {"from": period.first.isoformat(), "to": period.last.isoformat()}
    return KpiPage(
        title=f"{period.first:%d/%m/%Y} – {period.last:%d/%m/%Y}",
        periods=tuple(
            Choice(word=_(word), href=f"{KPI}?{urlencode({'period': one})}", chosen=one == name)
            for one, word in _WORDS.items()
        ),
        earlier_href=_href(name, earlier.first, earlier),
        later_href=_href(name, later, _after(period)) if later <= today else None,
        first=own["from"],
        last=own["to"],
        numbers=_numbers(now, then),
        columns=_columns(period, traffic),
        columns_title=_("Văn bản gửi theo ngày") if len(drawn_spans(period)[0]) > 7 else _("Văn bản gửi theo tháng"),  # noqa: PLR2004 - 2026-11
        statuses=tuple(_status_bar(now, key, word, tone) for key, word, tone in _STATUSES),
        on_time=tuple(bar for line in now.levels if (bar := _on_time(line, now)).share is not None),
        online=tuple(_online(line, period) for line in now.levels if line.received.counts.deliveries),
        connected=tuple(_connected(line, now) for line in now.levels if line.organs),
        slowest=_slowest(now),
        xlsx_href=f"{KPI}/export.xlsx?{urlencode(own)}",
        empty=not now.total.sent.counts.documents and not now.total.received.counts.deliveries,
    )


def _after(period: Period) -> Period:
    length = period.last - period.first
    return Period(first=period.last + timedelta(days=1), last=period.last + length + timedelta(days=1))


def _href(name: str, at: date, own: Period) -> str:
    if name in _BEGINS:
        return f"{KPI}?{urlencode({'period': name, 'at': at.isoformat()})}"
    return f"{KPI}?{urlencode({'from': own.first.isoformat(), 'to': own.last.isoformat()})}"


def _behind(period: Period, side: Side, name: str, number: int, **more: Any) -> str:  # noqa: ANN401 - of `Behind`
    """The list of what a figure counts; "" of nothing."""
    return Behind(side=side, name=name, first=period.first, last=period.last, **more).href() if number else ""


def _numbers(now: Report, then: Report) -> tuple[Number, ...]:
    def counted(word: str, key: str, side: Side) -> Number:
        value, old = (getattr(getattr(report.total, side).counts, key) for report in (now, then))
        href = _behind(now.period, side, key, value)
        return Number(word=word, value=grouped(value), before=grouped(old), target="", href=href)

    def share(word: str, key: str) -> Number:
        new, old = (_kept(report.total, key) for report in (now, then))
        side, counts = _counts(now.total, key)
        late = getattr(counts, f"{key}_late")
        return Number(
            word=word,
            value=_percent(new),
            before=_percent(old),
            target=_percent(now.on_time_target),
            late=n_("{n} trễ", late) if late else "",
            late_href=_behind(now.period, side, f"{key}_late", late),
        )

    connected = percent(now.total.connected, now.total.organs)
    return (
        counted(_("Văn bản gửi"), "documents", Side.SENT),
        counted(_("Lượt nhận"), "deliveries", Side.RECEIVED),
        share(_("Gửi đúng hạn"), "sent"),
        share(_("Tiếp nhận đúng hạn"), "acceptance"),
        share(_("Hoàn thành đúng hạn"), "completion"),
        Number(
            word=_("Cơ quan đã kết nối"), value=_percent(connected), before="", target=_percent(now.connected_target)
        ),
    )


def _counts(line: Line, key: str) -> tuple[Side, Counts]:
    return (Side.SENT, line.sent.counts) if key == "sent" else (Side.RECEIVED, line.received.counts)


def _kept(line: Line, key: str) -> float | None:
    _side, counts = _counts(line, key)
    on_time, late = getattr(counts, f"{key}_on_time"), getattr(counts, f"{key}_late")
    return percent(on_time, on_time + late)


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:g} %"


def _columns(period: Period, traffic: Mapping[str, int]) -> tuple[Column, ...]:
    spans = drawn_spans(period)
    most = max((traffic.get(span, 0) for span in spans), default=0) or 1
    found = []
    for x, span in enumerate(spans):
        value = traffic.get(span, 0)
        height = round(96 * value / most, 2)
        word = "/".join(reversed(span.split("-")))
        href = _behind(_days_of(span), Side.SENT, "documents", value)
        found.append(Column(word=word, value=value, x=x, y=100 - height, height=height, href=href))
    return tuple(found)


def _days_of(span: str) -> Period:
    """The days of a day, or of a month."""
    if len(span) > len("2026-11"):
        return Period(first=date.fromisoformat(span), last=date.fromisoformat(span))
    first = date.fromisoformat(f"{span}-01")
    return Period(first=first, last=_begin("month", first + timedelta(days=_BEGINS["month"])) - timedelta(days=1))


def _status_bar(report: Report, key: str, word: str, tone: str) -> Bar:
    counts = report.total.received.counts
    part, whole = getattr(counts, key), counts.deliveries
    share = percent(part, whole)
    return Bar(
        word=_(word),
        part=grouped(part),
        whole=grouped(whole),
        share=share,
        said=_percent(share),
        tone=tone,
        part_href=_behind(report.period, Side.RECEIVED, key, part),
        whole_href=_behind(report.period, Side.RECEIVED, "deliveries", whole),
    )


def _against(share: float | None, target: float | None) -> dict[str, Any]:
    """How a bar with a target is drawn and said."""
    reached = share is None or target is None or share >= target
    return {"share": share, "target": target, "reached": reached, "tone": "green" if reached else "amber"}


def _on_time(line: Line, report: Report) -> Bar:
    counts, level = line.received.counts, line.level or 0
    part, whole = counts.acceptance_on_time, counts.acceptance_on_time + counts.acceptance_late
    share = _kept(line, "acceptance")
    return Bar(
        word=_level(line),
        part=grouped(part),
        whole=grouped(whole),
        said=_percent(share),
        part_href=_behind(report.period, Side.RECEIVED, "acceptance_on_time", part, level=level),
        whole_href=_behind(report.period, Side.RECEIVED, "acceptance", whole, level=level),
        **_against(share, report.on_time_target),
    )


def _connected(line: Line, report: Report) -> Bar:
    share = percent(line.connected, line.organs)
    return Bar(
        word=_level(line),
        part=grouped(line.connected),
        whole=grouped(line.organs),
        said=_percent(share),
        **_against(share, report.connected_target),
    )


def _online(line: Line, period: Period) -> Bar:
    counts, level = line.received.counts, line.level or 0
    share = percent(counts.online, counts.deliveries)
    return Bar(
        word=_level(line),
        part=grouped(counts.online),
        whole=grouped(counts.deliveries),
        said=_percent(share),
        part_href=_behind(period, Side.RECEIVED, "online", counts.online, level=level),
        whole_href=_behind(period, Side.RECEIVED, "deliveries", counts.deliveries, level=level),
        **_against(share, line.target),
    )


def _level(line: Line) -> str:
    return _("Cấp {level}", level=line.level) if line.level else _("Không rõ cấp")


def _slowest(report: Report) -> tuple[Slow, ...]:
    found: list[tuple[timedelta, Line]] = []
    for line in report.organs:
        (median,) = line.received.times.to_03_worked.quantiles(0.5)
        if median is not None and line.received.counts.deliveries >= _FEW:
            found.append((median, line))
    found.sort(key=lambda one: one[0], reverse=True)
    most = found[0][0] if found else timedelta(hours=1)
    return tuple(
        Slow(
            code=line.title,
            name=line.name,
            median=_("{hours} giờ làm việc", hours=f"{median / timedelta(hours=1):.1f}"),
            share=round(100 * (median / most), 1) if most else 0.0,
            deliveries=line.received.counts.deliveries,
            href=_behind(report.period, Side.RECEIVED, "deliveries", line.received.counts.deliveries, organ=line.title),
        )
        for median, line in found[:_SLOWEST]
    )
