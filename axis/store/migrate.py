"""Brings a database to the tables of this version.

A new database is made at once; an old one only when an operator says so (`axis migrate`), after the backup. One
process at a time: the others wait and find it done.
"""

from functools import cache

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from axis.errors import Busy, Code
from axis.resources import resource
from axis.store.engine import StoreOptions, Use, open_engine

_POSTGRES_LOCK = 0x61786973  # "axis": an advisory lock, held until the transaction ends


def migrate(options: StoreOptions) -> str:
    """Bring the database to the newest version, and name it. All of it happens, or nothing."""
    engine = open_engine(options, Use.WRITE)
    try:
        return migrate_engine(engine)
    finally:
        engine.dispose()


def current(options: StoreOptions) -> str | None:
    """The version that the database is at; None when it is new."""
    engine = open_engine(options, Use.WRITE)
    try:
        with engine.connect() as connection:
            return _version(connection)
    finally:
        engine.dispose()


def check(options: StoreOptions) -> None:
    """Raise Busy(DATABASE_OLD) unless the database is at the version of this software."""
    engine = open_engine(options, Use.WRITE)
    try:
        check_engine(engine)
    finally:
        engine.dispose()


@cache
def head() -> str:
    """The newest version, which this software needs. Looked up once: reading all migrations takes a while."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    if found is None:
        raise LookupError("no migrations")
    return found


def migrate_engine(engine: Engine, *, only_new: bool = False) -> str:
    """As `migrate`. only_new: leave a database alone that has tables already."""
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _POSTGRES_LOCK})
            # A long table takes its time; only waiting for others is bounded.
            connection.execute(text("SET LOCAL statement_timeout = 0"))
        if not (only_new and _version(connection) is not None):
            config = _config()
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        return _version(connection) or ""


def check_engine(engine: Engine) -> None:
    """As `check`."""
    with engine.connect() as connection:
        found = _version(connection)
    if found != (needed := head()):
        raise Busy(Code.DATABASE_OLD, f"the database is at {found or 'nothing'}, this software needs {needed}")


def _version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(resource("migrations")).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
