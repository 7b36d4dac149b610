"""What mail servers sent back, and how far mailboxes have been told."""

from sqlalchemy import Connection, bindparam, insert, select, update

from axis.store import schema

_b, _n = schema.bounce.c, schema.mail_notice.c
_known = select(_b.sha256_hex).where(_b.sha256_hex == bindparam("sha256_hex"))
_place = select(_n.place).where(_n.system_id == bindparam("system_id"))


def has_bounce(conn: Connection, sha256_hex: str) -> bool:
    """Whether a report was taken before."""
    return conn.execute(_known, {"sha256_hex": sha256_hex}).first() is not None


def told_until(conn: Connection, system_id: str) -> int:
    """The place in a mailbox's feed of events up to which it has been told; 0 when it never was."""
    found: int | None = conn.scalar(_place, {"system_id": system_id})
    return found or 0


def note_told(conn: Connection, system_id: str, place: int) -> None:
    """A mailbox has been told up to a place; never back. A write unit."""
    later = update(schema.mail_notice).where(_n.system_id == system_id, _n.place < place).values(place=place)
    if not conn.execute(later).rowcount and conn.scalar(_place, {"system_id": system_id}) is None:
        conn.execute(insert(schema.mail_notice).values(system_id=system_id, place=place))
