"""What the console is built from."""

from dataclasses import dataclass, field
from pathlib import Path

from axis.calendar.working import Calendar
from axis.clock import Clock
from axis.edxml.model import Limits
from axis.exchange.desk import Desk
from axis.exchange.service import Exchange
from axis.keys import NodeKey
from axis.ops.sso import SingleSignOn
from axis.settings import Console
from axis.store.store import Store
from axis.web.console.administering import Administering
from axis.web.console.operating import Operating

ID = "[0-9A-HJKMNP-TV-Z]{26}"
"""A ULID in an address, as aiohttp's routes take it; anything else is no page of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleParts:
    """What every family of pages is handed."""

    store: Store
    exchange: Exchange
    desk: Desk
    clock: Clock
    rules: Console
    limits: Limits
    scratch: Path  # for decoded files, on a disk that can hold a package
    key: NodeKey
    node_name: str  # as people read it
    tls: bool  # whether browsers reach this node over HTTPS
    sso: SingleSignOn | None = None
    operating: Operating | None = None  # None: this console has no pages for operators
    administering: Administering | None = None  # None: it has no pages for organisations
    calendar: Calendar = field(default_factory=Calendar)  # the city's working days
    refusal_s: float = 0.5  # a refused log-in takes at least this long, whatever it was that was wrong
