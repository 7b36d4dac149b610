"""What every table is made of: the catalogue, moments, numbers that count by themselves."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Dialect,
    Integer,
    MetaData,
    TypeDecorator,
)

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_micros(at: datetime) -> int:
    """Microseconds since 1970 of an aware moment."""
    return (at - EPOCH) // MICROSECOND


def from_micros(value: int) -> datetime:
    """The aware UTC moment of a column value."""
    return EPOCH + value * MICROSECOND


class UtcMicros(TypeDecorator[datetime]):
    """An aware datetime, stored as BIGINT microseconds since 1970 UTC."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - interface
        """To the database."""
        return None if value is None else to_micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - interface
        """From the database."""
        return None if value is None else from_micros(value)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

# SQLite counts only INTEGER PRIMARY KEY by itself.
Serial = BigInteger().with_variant(Integer(), "sqlite")
