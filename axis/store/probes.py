"""Small questions that show whether the database works, for the node's health."""

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from axis.errors import Busy, Code
from axis.store import configuration
from axis.store.migrate import head


def probe(conn: Connection) -> None:
    """Read a row. As a write unit it takes a turn of the writer: shows that it turns and may begin a transaction."""
    configuration.version(conn)


def check_version(conn: Connection) -> None:
    """Raise Busy(DATABASE_OLD) unless the database is at the version of this software.

    It can change under a running node: another one, newer or older, may have migrated it.
    """
    found, needed = MigrationContext.configure(conn).get_current_revision(), head()
    if found != needed:
        raise Busy(Code.DATABASE_OLD, f"the database is at {found or 'nothing'}, this software needs {needed}")
