"""A visitor as a clerk: whom they act for, under which name, and when they said something."""

import hmac
from datetime import UTC, datetime, timedelta

from axis.edxml.model import StaffInfo
from axis.errors import AxisError
from axis.exchange.desk import Clerk
from axis.messages import SENTENCES
from axis.terms import Role
from axis.text import one_line
from axis.web.console.language import current
from axis.web.console.sessions import Visitor

_FORM_VALID = timedelta(days=1)
_NAME_CHARACTERS = 200
_MARK_CHARACTERS = 24
_MOMENT_CHARACTERS = 40


def clerk_of(visitor: Visitor) -> Clerk:
    """The visitor at the desk; one who is no clerk acts for nobody."""
    name = one_line(visitor.full_name or visitor.username, _NAME_CHARACTERS)
    organs = visitor.organs if Role.CLERK in visitor.roles else frozenset()
    return Clerk(actor=visitor.username, staff=StaffInfo(staff=name), organs=organs)


def stamp(visitor: Visitor, subject: str, at: datetime) -> str:
    """The moment at which a form about something was shown, in a form that only this session's pages can hold.

    What is said bears it, so that a form that is sent twice says one thing once.
    """
    moment = at.astimezone(UTC).isoformat(timespec="milliseconds")
    return f"{moment} {_mark(visitor, subject, moment)}"


def read_stamp(visitor: Visitor, subject: str, text: str, now: datetime) -> datetime:
    """The moment of a stamp; now for one that is not of this session, or a day old: what it says, it says now."""
    moment, _, mark = text.partition(" ")
    if not hmac.compare_digest(_mark(visitor, subject, moment[:_MOMENT_CHARACTERS]).encode(), mark.encode()):
        return now
    at = datetime.fromisoformat(moment)
    return at if now - at <= _FORM_VALID else now


def sentence(error: AxisError) -> str:
    """What an error means and what to do, in the page's language."""
    said = SENTENCES[error.code]
    return f"{said.what_en} {said.action_en}" if current() == "en" else f"{said.what_vi} {said.action_vi}"


def _mark(visitor: Visitor, subject: str, moment: str) -> str:
    said = f"{moment}\n{subject}".encode()
    return hmac.digest(visitor.csrf_token.encode(), said, "sha256").hex()[:_MARK_CHARACTERS]
