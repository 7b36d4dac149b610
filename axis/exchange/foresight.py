"""What would become of a document if it were sent now: where each receiver is reached, what the intake would refuse.

The answers are the router's and the intake's own rules, asked before. Nothing is written, and nothing is promised: what
counts is what the intake says when the document is sent.
"""

import asyncio
from dataclasses import dataclass
from enum import StrEnum

from axis.delivery.directory import Directory
from axis.delivery.router import Router
from axis.edxml.dates import read_date
from axis.edxml.identity import code_key
from axis.edxml.markings import secret_marking
from axis.edxml.model import DocumentHeader
from axis.errors import Code, Rejected
from axis.exchange.context import Context
from axis.store import queries
from axis.store.records import Document
from axis.terms import Place


class Ends(StrEnum):
    """Where the way to a receiver ends."""

    HERE = "here"  # a system, or the console, takes it
    WAITS = "waits"  # registered, and nobody serves it yet
    SUCCESSOR = "successor"  # closed: another one takes its documents
    UPLINK = "uplink"  # another axis is asked to carry it
    CLOSED = "closed"  # refused: closed, and nobody succeeds it
    UNKNOWN = "unknown"  # refused: leads nowhere

    @property
    def is_refused(self) -> bool:
        """Whether the document would be refused for it."""
        return self in (Ends.CLOSED, Ends.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """One receiver."""

    code: str
    name: str  # as registered; the code where it is not
    ends: Ends
    by: str = ""  # the successor's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """What is known before."""

    receivers: tuple[Reached, ...]
    same_code: tuple[Document, ...]  # of the sender, under this number, notation and date, latest last
    secret: bool  # it bears the marking of a state secret, and would be refused


async def foresee(context: Context, header: DocumentHeader) -> Foresight:
    """Look ahead. A document without number or date has no other under them."""
    directory, router = context.directory.current, context.router
    codes = [party.organ_id for party in header.receivers]
    reached = await asyncio.to_thread(lambda: tuple(reach(router, directory, code) for code in codes))
    sender = directory.registry.canonical(header.sender.organ_id)
    day = read_date(header.promulgation.promulgation_date or "")
    key = code_key(header.code.text) if header.code.text else ""
    same: tuple[Document, ...] = ()
    if key and day is not None:
        same = await context.store.read(lambda c: queries.documents_by_code(c, sender, key, day.isoformat()))
    marked = secret_marking(header, context.policy.secret_phrases, context.policy.secret_exceptions)
    return Foresight(receivers=reached, same_code=same, secret=marked is not None)


def reach(router: Router, directory: Directory, code: str) -> Reached:
    """Where the way to one code ends."""
    found = directory.registry.find(code)
    name = found.name if found else code
    try:
        there = router.route(directory, code)
    except Rejected as e:
        ends = Ends.CLOSED if e.code is Code.RECEIVER_CLOSED else Ends.UNKNOWN
        return Reached(code=code, name=name, ends=ends)
    if there.place is Place.UPLINK:
        return Reached(code=code, name=name, ends=Ends.UPLINK)
    if there.succeeded:
        return Reached(code=code, name=name, ends=Ends.SUCCESSOR, by=there.name or there.organ)
    waits = directory.route(there.organ) is None
    return Reached(code=code, name=name, ends=Ends.WAITS if waits else Ends.HERE)
