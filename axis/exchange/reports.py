"""An incoming status package with what is worked out about it once, and what it does."""

from dataclasses import dataclass

from axis.delivery.router import Destination
from axis.edxml.model import StatusPackage
from axis.exchange.matching import Sought
from axis.exchange.parcel import Entry
from axis.status.order import Effect
from axis.store.hot import Change
from axis.store.records import Row
from axis.terms import StatusCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One incoming status package and what is worked out about it once."""

    entry: Entry
    package: StatusPackage
    code: StatusCode
    destination: Destination
    sought: Sought


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a status does: its effect, the rows and changes that carry it, and the act it belongs to."""

    effect: Effect
    inserts: tuple[Row, ...] = ()
    changes: tuple[Change, ...] = ()
    act_id: str | None = None
