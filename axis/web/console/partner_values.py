"""How partners fare, as values ready to be shown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from axis.ops.partners import PartnerView
from axis.store.records import Downtime, PartnerFailure, PartnerMinute
from axis.web.console.language import _, grouped, n_
from axis.web.console.moments import Moment, moment
from axis.web.console.node_values import Certificates
from axis.web.console.operating import since
from axis.web.console.words import Look

_STEP: Final = timedelta(minutes=5)
_STEPS: Final = 36  # three hours
WINDOW: Final = _STEP * _STEPS


@dataclass(frozen=True, slots=True, kw_only=True)
class Spark:
    """A small curve: how long calls took, per five minutes of the last three hours."""

    points: str  # of a polyline in a box of 36 × 10; "": nothing was called
    faults: tuple[int, ...]  # the steps in which a call failed
    words: str  # the same, said


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerRow:
    """One partner in a list."""

    partner_id: str
    adapter: str
    light: Look
    problem: str
    success: Moment | None
    spark: Spark
    waiting: int
    oldest: str
    circuit: str
    paused_until: Moment | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One call that failed, word for word."""

    at: Moment
    words: str
    package_id: str
    took: str
    request: str
    reply: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerPage:
    """A partner's page."""

    row: PartnerRow
    failures: tuple[Failure, ...]
    incidents: tuple["Incident", ...]
    planned: tuple["Planned", ...]
    certificates: Certificates
    seen: str  # until when it is paused, as the form has to say it back


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Something that was noted of a partner."""

    at: Moment
    look: Look
    text: str
    actor: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Downtime that is planned."""

    begins: Moment
    ends: Moment
    reason: str
    actor: str


def partner_row(
    view: PartnerView, minutes: Sequence[PartnerMinute], told: Mapping[str, object] | None, now: datetime
) -> PartnerRow:
    """A partner's row. minutes: its own. told: how this process sees it."""
    successes = [minute.success_at for minute in minutes if minute.success_at is not None]
    last = max(successes, default=None)
    return PartnerRow(
        partner_id=view.partner_id,
        adapter=view.adapter,
        light=_light(view, minutes, now),
        problem=view.pause_reason or (view.problem or "" if view.state == "down" else ""),
        success=moment(last, now) if last else None,
        spark=spark(minutes, now),
        waiting=view.to_send,
        oldest=since(view.oldest_unsent_at, now),
        circuit=_circuit(told),
        paused_until=moment(view.paused_until, now) if view.paused_until else None,
    )


def _light(view: PartnerView, minutes: Sequence[PartnerMinute], now: datetime) -> Look:
    """Green, amber, red or grey; each with its word."""
    if view.paused_until is not None:
        return Look(word=_("Tạm dừng theo kế hoạch"), tone="grey", icon="clock")
    if view.state == "down":
        words = _("Mất kết nối từ {span}", span=since(view.since, now)) if view.since else _("Mất kết nối")
        return Look(word=words, tone="red", icon="cross")
    recent = [minute for minute in minutes if minute.minute >= now - 3 * _STEP]
    calls, failures = sum(m.calls for m in recent), sum(m.failures for m in recent)
    if failures:
        words = n_("{n} lần gọi lỗi trong 15 phút", failures)
        return Look(word=words, tone="amber" if failures < calls else "red", icon="alert")
    return Look(word=_("Bình thường"), tone="green", icon="done")


def _circuit(told: Mapping[str, object] | None) -> str:
    """The breaker, as this process has it."""
    state = told.get("state") if told else None
    if state == "open":
        return _("Cầu dao ngắt: để yên, sau đó thử lại")
    if state == "paused":
        return _("Không gọi")
    if told is None:
        return _("Nút này chưa gọi")
    return _("Đóng: gọi cùng lúc tối đa {places}", places=told.get("places", 0))


def spark(minutes: Sequence[PartnerMinute], now: datetime) -> Spark:
    """The curve of the last three hours."""
    begin = now - WINDOW
    calls, total, failed = [0] * _STEPS, [0] * _STEPS, [0] * _STEPS
    for minute in minutes:
        step = (minute.minute - begin) // _STEP
        if 0 <= step < _STEPS:
            calls[step] += minute.calls
            total[step] += minute.total_ms
            failed[step] += minute.failures
    means = {step: total[step] / calls[step] for step in range(_STEPS) if calls[step]}
    most = max(means.values(), default=0.0)
    if not means:
        return Spark(points="", faults=(), words=_("3 giờ qua không có lượt gọi nào"))
    points = " ".join(f"{step + 0.5:g},{9.5 - 8.5 * mean / (most or 1):.2f}" for step, mean in means.items())
    mean = sum(total) / sum(calls)
    words = _(
        "3 giờ qua: {calls} lượt gọi, trung bình {mean} ms, lâu nhất {most} ms, {failed} lỗi",
        calls=grouped(sum(calls)),
        mean=grouped(round(mean)),
        most=grouped(max(minute.most_ms for minute in minutes)),
        failed=grouped(sum(failed)),
    )
    return Spark(points=points, faults=tuple(step for step in range(_STEPS) if failed[step]), words=words)


def failure_of(row: PartnerFailure, now: datetime) -> Failure:
    """A failed call, as it is shown."""
    return Failure(
        at=moment(row.at, now),
        words=row.words,
        package_id=row.package_id,
        took=f"{grouped(row.took_ms)} ms",
        request=row.request,
        reply=row.reply,
    )


def planned_of(row: Downtime, now: datetime) -> Planned:
    """Planned downtime, as it is shown."""
    return Planned(begins=moment(row.starts_at, now), ends=moment(row.ends_at, now), reason=row.reason, actor=row.actor)
