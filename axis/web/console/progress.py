"""How far a document has come: five steps at one receiver, or a count over many."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from axis.store.views import Tally
from axis.terms import Place, StatusCode, TransportState
from axis.web.console import words
from axis.web.console.language import _
from axis.web.console.moments import number
from axis.web.console.words import Look, Transport

_PROBLEMS = (TransportState.DEAD, TransportState.RETRYING)
_BAR = (*reversed(words.STEPS), StatusCode.REFUSED)  # the order of the bar's parts, best first


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One of the five steps."""

    word: str
    state: Literal["past", "now", "refused", "ahead"]
    tone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of the bar, in receivers."""

    tone: str
    start: int
    width: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many receivers are in one situation."""

    look: Look
    number: str
    only: str  # the filter of the document's page that shows them


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a document stands. Of one receiver: look and steps; of several: accepted of total, and the bar."""

    total: int
    accepted: int
    text: str  # "37/114 đã tiếp nhận"
    look: Look
    steps: tuple[Step, ...]
    bar: tuple[Part, ...]
    remarks: tuple[Count, ...]  # what somebody should look at
    counts: tuple[Count, ...]
    elsewhere: int  # receivers that another axis serves

    @property
    def single(self) -> bool:
        """One receiver, or none: no bar."""
        return self.total <= 1

    @property
    def reached(self) -> bool:
        """The one receiver has said something: there are steps to show."""
        return any(step.state != "ahead" for step in self.steps)


def steps(status_code: str | None) -> tuple[Step, ...]:
    """The five steps as far as a receiver has come; a refusal stands in the place of the acceptance."""
    refused = status_code == StatusCode.REFUSED
    reached = 1 if refused else next((i for i, code in enumerate(words.STEPS) if code == status_code), -1)
    found = []
    for index, code in enumerate(words.STEPS):
        look = words.status(code)
        if index == reached and refused:
            look = words.status(StatusCode.REFUSED)
            found.append(Step(word=look.word, state="refused", tone=look.tone))
        elif index <= reached:
            found.append(Step(word=look.word, state="now" if index == reached else "past", tone=look.tone))
        else:
            found.append(Step(word=look.word, state="ahead", tone=look.tone))
    return tuple(found)


def progress(tallies: Sequence[Tally], now: datetime) -> Progress:
    """Sum up a document's receivers. Those that another axis serves count only when there are no others."""
    served = [tally for tally in tallies if tally.place is not Place.ELSEWHERE]
    counted = served or list(tallies)
    total = sum(tally.receivers for tally in counted)
    accepted = sum(tally.receivers for tally in counted if tally.status_code in words.ACCEPTED)
    single = counted[0] if total == 1 else None
    return Progress(
        total=total,
        accepted=accepted,
        text=_("{accepted}/{total} đã tiếp nhận", accepted=number(accepted), total=number(total)),
        look=_look(single, now) if single else Look(word=_("Chưa có nơi nhận"), tone="grey", icon="clock"),
        steps=steps(single.status_code if single else None),
        bar=_bar(counted),
        remarks=_remarks(counted),
        counts=_counts(counted),
        elsewhere=sum(tally.receivers for tally in tallies) - total,
    )


def _look(tally: Tally, now: datetime) -> Look:
    way = Transport(place=tally.place, state=tally.state, failures=tally.failures, next_at=tally.next_at)
    return words.situation(tally.status_code, way, now)


def _with_status(tallies: Iterable[Tally], code: str) -> int:
    return sum(tally.receivers for tally in tallies if tally.status_code == code)


def _bar(tallies: Sequence[Tally]) -> tuple[Part, ...]:
    parts, start = [], 0
    for code in _BAR:
        if width := _with_status(tallies, code):
            parts.append(Part(tone=words.STATUS[code].tone, start=start, width=width))
            start += width
    return tuple(parts)


def _remarks(tallies: Sequence[Tally]) -> tuple[Count, ...]:
    """Refusals, and packages that do not get through."""
    found = []
    if refused := _with_status(tallies, StatusCode.REFUSED):
        found.append(Count(look=words.status(StatusCode.REFUSED), number=number(refused), only=StatusCode.REFUSED))
    for state in _PROBLEMS:
        stuck = sum(tally.receivers for tally in tallies if tally.status_code is None and tally.state is state)
        if stuck:
            found.append(Count(look=words.said(words.TRANSPORT[state]), number=number(stuck), only=state))
    return tuple(found)


def _counts(tallies: Sequence[Tally]) -> tuple[Count, ...]:
    """Every status that occurs, in the order of the bar, then those that have not said anything."""
    order = {code.value: place for place, code in enumerate(_BAR)}
    codes = sorted(
        {tally.status_code for tally in tallies if tally.status_code is not None},
        key=lambda code: (order.get(code, len(order)), code),
    )
    found = [Count(look=words.status(code), number=number(_with_status(tallies, code)), only=code) for code in codes]
    silent = sum(tally.receivers for tally in tallies if tally.status_code is None)
    if silent:
        waiting = Look(word=_("Chưa có trạng thái"), tone="grey", icon="clock")
        found.append(Count(look=waiting, number=number(silent), only="waiting"))
    return tuple(found)
