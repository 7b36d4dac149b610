"""Searches that people keep."""

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from axis.store import schema as s
from axis.store.records import SavedSearch
from axis.store.rows import Query, values_of

MOST = 30
"""So many a person keeps."""

_s = s.saved_search.c
_of_account = Query(SavedSearch, _s.account_id == bindparam("account_id"), order=(_s.name,))


def saved_of(conn: Connection, account_id: str) -> tuple[SavedSearch, ...]:
    """What somebody has kept, by name."""
    return _of_account.all(conn, account_id=account_id)


def save(conn: Connection, search: SavedSearch) -> bool:
    """Keep a search; one of the same name is replaced. False when there are too many. A write unit."""
    conn.execute(delete(s.saved_search).where(_s.account_id == search.account_id, _s.name == search.name))
    kept = conn.execute(select(func.count()).where(_s.account_id == search.account_id)).scalar_one()
    if kept >= MOST:
        return False
    conn.execute(insert(s.saved_search).values(values_of(search)))
    return True


def forget(conn: Connection, account_id: str, saved_id: str) -> None:
    """Keep a search no longer; it is no error when it is gone. A write unit."""
    conn.execute(delete(s.saved_search).where(_s.account_id == account_id, _s.saved_id == saved_id))
