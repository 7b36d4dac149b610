"""The figures of what one organisation received: from what is known of each delivery."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from axis.kpi.figures import Counts, Figures, Times
from axis.kpi.histogram import Histogram
from axis.terms import Origin, StatusCode

Worked = Callable[[datetime, datetime], timedelta]
"""The working time between two moments."""

SIGNED = {"valid": "signed_valid", "valid-with-warnings": "signed_valid", "invalid": "signed_invalid"}
"""Which count a verdict adds to; what cannot be told adds to none."""
UNSIGNED = "unsigned"

_ONLINE = frozenset({StatusCode.ASSIGNED, StatusCode.IN_PROGRESS, StatusCode.COMPLETED})
_REGISTERED = frozenset({StatusCode.ACCEPTED, *_ONLINE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What is known of one delivery."""

    came_at: datetime
    origin: Origin  # of its document
    verdict: str | None
    status: StatusCode | None  # as things stand
    withdrawn: bool
    receipt_due_at: datetime | None
    acceptance_due_at: datetime | None
    completion_due_at: datetime | None
    said: Mapping[StatusCode, datetime]  # each status that its receiver has said, and when first


def received(facts: Iterable[Fact], worked: Worked) -> Figures:
    """The figures of some deliveries."""
    counts = dict.fromkeys(Counts.__dataclass_fields__, 0)
    took: list[tuple[timedelta, timedelta]] = []
    done: list[tuple[timedelta, timedelta]] = []
    for fact in facts:
        for name in _names(fact):
            counts[name] += 1
        for code, durations in ((_REGISTERED, took), (frozenset({StatusCode.COMPLETED}), done)):
            at = _first(fact, code)
            if at is not None:
                durations.append((at - fact.came_at, worked(fact.came_at, at)))
    times = Times(
        to_03=Histogram.of(clock for clock, _ in took),
        to_06=Histogram.of(clock for clock, _ in done),
        to_03_worked=Histogram.of(work for _, work in took),
        to_06_worked=Histogram.of(work for _, work in done),
    )
    return Figures(counts=Counts(**counts), times=times)


def _names(fact: Fact) -> Iterable[str]:
    """The counts to which a delivery adds one."""
    yield "deliveries"
    yield "outside" if fact.origin is Origin.UPLINK else "inside"
    if fact.withdrawn:
        yield "withdrawn"
    if fact.said:
        yield "answered"
    if fact.status is StatusCode.REFUSED:
        yield "refused"
    for code in fact.said:
        yield f"said_{code}"
    if not _ONLINE.isdisjoint(fact.said):
        yield "online"
    if fact.verdict is not None and (name := SIGNED.get(fact.verdict, fact.verdict)) in (*SIGNED.values(), UNSIGNED):
        yield name
    yield from _kept("receipt", _first(fact, frozenset(fact.said)), fact.receipt_due_at)
    yield from _kept("acceptance", _first(fact, _REGISTERED | {StatusCode.REFUSED}), fact.acceptance_due_at)
    yield from _kept("completion", _first(fact, frozenset({StatusCode.COMPLETED})), fact.completion_due_at)


def _kept(what: str, at: datetime | None, due_at: datetime | None) -> Iterable[str]:
    if at is not None and due_at is not None:
        yield f"{what}_on_time" if at <= due_at else f"{what}_late"


def _first(fact: Fact, codes: frozenset[StatusCode]) -> datetime | None:
    """When the receiver first said one of these."""
    return min((at for code, at in fact.said.items() if code in codes), default=None)
