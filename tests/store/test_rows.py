from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any, get_args

import pytest
from sqlalchemy import PrimaryKeyConstraint, String, Table, UniqueConstraint, insert, select

from axis.errors import Code, Malformed
from axis.store import hot, records, schema
from axis.store.hot import Hot
from axis.store.hotsql import INSERT_ORDER, HotSql
from axis.store.rows import TABLES, columns_of, record_reader, values_of
from axis.store.store import Store
from axis.terms import Urgency
from tests.store import made


@pytest.mark.parametrize("record", TABLES, ids=lambda record: record.__name__)
def test_a_record_has_one_field_for_each_column_in_the_columns_order(record: type) -> None:
    columns = [column.name for column in TABLES[record].columns]
    if record is records.Leaf:  # its number and its place in the log are the database's
        columns = [name for name in columns if name not in ("leaf_id", "seq")]
    if record is records.SystemEvent:  # its place in the feed is the database's
        columns.remove("place")
    if record is records.Touch:  # its number is the database's
        columns.remove("touch_id")
    assert [field.name for field in fields(record)] == columns


def test_every_table_but_plain_links_has_a_record() -> None:
    links = {schema.config_version, schema.route_row}
    figures = {schema.kpi, schema.kpi_dirty, schema.issued}  # of axis.kpi.figures
    assert set(TABLES.values()) | links | figures == set(schema.metadata.tables.values())


def test_hot_rows_are_inserted_after_the_rows_that_they_refer_to() -> None:
    order = [TABLES[record] for record in INSERT_ORDER]
    for place, table in enumerate(order):
        for key in table.foreign_keys:
            assert key.column.table in order[:place] or key.column.table not in order  # of the configuration


def test_the_writer_knows_every_kind_of_row_and_change() -> None:
    known = HotSql("sqlite")._number
    assert set(known) == {*get_args(records.Row), *get_args(hot.Change)}


async def test_a_hot_write_and_a_plain_insert_store_the_same(store: Store) -> None:
    first = made.accepted("H24.15", urgency=Urgency.EXPRESS, code="12/SYT", due_date=None)
    await store.submit(first.hot)
    rows = (first.document, first.package, *first.deliveries, *first.consignments, first.blob)
    for row in rows:
        assert await store.read(_reader_of(row)) == row
    second = made.accepted("H24.15")
    for row in (second.blob, second.document, second.package, *second.deliveries, *second.consignments):
        await store.write(lambda c, row=row: c.execute(insert(TABLES[type(row)]).values(values_of(row))).rowcount)
        assert await store.read(_reader_of(row)) == row


@pytest.mark.parametrize(
    ("changed", "at"),
    [
        ({"from_organ": "x" * 129}, "document.from_organ"),
        ({"subject": "a\0b"}, "document.subject"),
        ({"subject": "a\ud800b"}, "document.subject"),
        ({"document_key": "k" * 513}, "document.document_key"),
    ],
)
async def test_what_a_column_cannot_hold_is_refused_on_both_databases(
    store: Store, changed: dict[str, str], at: str
) -> None:
    good = made.accepted("H24.15")
    with pytest.raises(Malformed) as refused:
        await store.submit(Hot(inserts=(good.blob, replace(good.document, **changed), good.package)))  # type: ignore[arg-type]
    assert (refused.value.code, refused.value.at) == (Code.FIELD_INVALID, at)
    await store.submit(good.hot)


@pytest.mark.parametrize("table", schema.metadata.tables.values(), ids=lambda table: table.name)
def test_the_longest_indexed_texts_fit_into_an_index(table: Table) -> None:
    unique = (c for c in table.constraints if isinstance(c, UniqueConstraint | PrimaryKeyConstraint))
    for indexed in (*table.indexes, *unique):
        texts = [column.type for column in indexed.columns if isinstance(column.type, String)]
        # PostgreSQL refuses an entry of more than 2,704 bytes; a character may take four.
        assert sum(4 * text.length if text.length else 3_000 for text in texts) < 2_704, indexed


def _reader_of(row: Any) -> Callable[..., Any]:
    record = type(row)
    key = columns_of(record)[0]
    read = record_reader(record)
    statement = select(*columns_of(record)).where(key == getattr(row, key.name))
    return lambda c: read(c.execute(statement).one())
