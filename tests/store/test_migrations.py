"""Migrations and opening."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, inspect, text

from axis.errors import AxisError, Busy, Code, Malformed
from axis.organ.model import Alias
from axis.store import migrate, schema
from axis.store.engine import StoreOptions, Use, open_engine
from axis.store.organs import known
from axis.store.store import Store
from tests.databases import Database, Postgres

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoreOptions]:
    """A database without tables, of each kind in turn."""
    if request.param == "sqlite":
        yield StoreOptions(url="sqlite:///axis.db", data_dir=tmp_path)
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create("template0")
    yield StoreOptions(url=server.url(name), data_dir=tmp_path)
    server.drop(name)


def shape(engine: Engine) -> dict[str, set[str]]:
    """Everything that makes the tables what they are, as the database itself tells it."""
    with engine.connect() as c:
        describe: Callable[[Connection, str], set[str]] = (
            _sqlite_shape if engine.dialect.name == "sqlite" else _postgres_shape
        )
        return {name: describe(c, name) for name in inspect(c).get_table_names() if name != "alembic_version"}


def _sqlite_shape(c: Connection, table: str) -> set[str]:
    """What stands between the outer brackets of each statement, part by part: a column added later stands last."""
    rows = c.execute(text("SELECT sql FROM sqlite_master WHERE tbl_name = :t AND sql IS NOT NULL"), {"t": table})
    found: set[str] = set()
    for (statement,) in rows:
        plain = re.sub(r"\s+", " ", statement.replace(f'"{table}"', table))
        if not plain.startswith("CREATE TABLE"):
            found.add(plain)
            continue
        part, depth = "", 0
        for character in plain.partition("(")[2].rpartition(")")[0] + ",":
            depth += (character == "(") - (character == ")")
            if character == "," and not depth:
                found.update(_apart(part.strip().replace("( ", "(").replace(" )", ")")))
                part = ""
            else:
                part += character
    return found


def _apart(part: str) -> set[str]:
    """A column that was added later, and its constraint: SQLite takes the two only together."""
    column, inline, constraint = part.partition(" CONSTRAINT ")
    if not inline:
        return {part}
    name, _, rule = constraint.partition(" ")
    of = column.split(" ")[0]
    return {column, f"CONSTRAINT {name} {re.sub('^REFERENCES', f'FOREIGN KEY({of}) REFERENCES', rule)}"}


def _postgres_shape(c: Connection, table: str) -> set[str]:
    columns = """
        SELECT attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull
               || ' ' || coalesce(pg_get_expr(adbin, adrelid), '')
        FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = CAST(:t AS regclass) AND attnum > 0 AND NOT attisdropped"""
    constraints = """
        SELECT conname || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = CAST(:t AS regclass)"""
    statements = (columns, constraints, "SELECT indexdef FROM pg_indexes WHERE tablename = :t")
    return {row[0] for statement in statements for row in c.execute(text(statement), {"t": table})}


def test_the_migrations_make_exactly_the_tables_of_the_metadata(empty: StoreOptions, postgres: Postgres) -> None:
    assert migrate.migrate(empty) == migrate.head()
    migrated = open_engine(empty, Use.WRITE)
    if migrated.dialect.name == "sqlite":
        other = create_engine("sqlite://")
    else:
        name = postgres.create("template0")
        other = open_engine(StoreOptions(url=postgres.url(name), data_dir=empty.data_dir), Use.WRITE)
    schema.metadata.create_all(other)
    assert shape(migrated) == shape(other)
    words = {"document_words"} | {f"document_words_{part}" for part in ("config", "content", "data", "docsize", "idx")}
    assert shape(migrated).keys() - words == schema.metadata.tables.keys()  # FTS5 keeps its words in tables of its own
    migrated.dispose()
    other.dispose()
    if migrated.dialect.name == "postgresql":
        postgres.drop(name)


def test_what_acts_were_about_stays_known(empty: StoreOptions) -> None:
    engine = open_engine(empty, Use.WRITE)
    rows = """
        INSERT INTO blob VALUES ('b1', 1, NULL, 1), ('b2', 1, NULL, 1), ('b3', 1, NULL, 1);
        INSERT INTO document (document_uid, from_organ, document_key, edition, document_id, identity, header_digest,
            package_id, business_type, same_code_no, urgency, origin, source_system, received_at, flags)
            VALUES ('d', 'H24.1', 'key', 1, 'Key', 'i', 'h', 'p1', 0, 0, 0, 'local', 's', 1, '');
        INSERT INTO package (package_id, sha256_hex, size_bytes, kind, document_uid, from_organ, from_raw, document_id,
            urgency, origin, source_system, received_at, findings) VALUES
            ('p1', 'b1', 1, 'document', 'd', 'H24.1', 'H24.1', 'Key', 0, 'local', 's', 1, '[]'),
            ('p2', 'b2', 1, 'document', 'd', 'H24.1', 'H24.1', 'Key', 0, 'local', 's', 1, '[]'),
            ('p3', 'b3', 1, 'document', NULL, 'H24.1', 'H24.1', 'other', 0, 'local', 's', 1, '[]');
        INSERT INTO act (act_id, package_id, identity, kind, from_organ, document_uid, reason, received_at) VALUES
            ('a1', 'p2', 'i1', 'recall', 'H24.1', 'd', 'sai', 1),
            ('a2', 'p3', 'i2', 'update', 'H24.1', NULL, NULL, 1);
        INSERT INTO act_receiver VALUES ('a1', 'H24.2', 'agreed', 5), ('a1', 'H24.3', NULL, NULL);
        INSERT INTO status_event (event_id, package_id, act_id, from_organ, to_organ, status_code, raw_code,
            received_at, effect) VALUES ('e', 'p1', 'a1', 'H24.2', 'H24.1', '15', '15', 5, 'act')"""
    with engine.begin() as c:
        config = migrate._config()
        config.attributes["connection"] = c
        command.upgrade(config, "0008")
        for statement in rows.split(";"):
            c.exec_driver_sql(statement)
    assert migrate.migrate(empty) == migrate.head()
    with engine.connect() as c:
        targets = c.execute(text("SELECT * FROM act_target ORDER BY act_id"))
        assert [tuple(row) for row in targets] == [
            ("a1", 0, "key", "d", "nothing"),
            ("a2", 0, "other", None, "unknown"),
        ]
        receivers = c.execute(text("SELECT act_id, position, receiver_organ, answer FROM act_receiver ORDER BY 3"))
        assert [tuple(row) for row in receivers] == [("a1", 0, "H24.2", "agreed"), ("a1", 0, "H24.3", None)]
        assert c.execute(text("SELECT state, version FROM document")).one() == ("open", 0)
        assert c.execute(text("SELECT act_id FROM status_event")).scalar_one() == "a1"
    with pytest.raises(Exception, match=r"(?i)foreign"), engine.begin() as c:
        c.execute(text("DELETE FROM act WHERE act_id = 'a1'"))
    engine.dispose()


def test_other_codes_of_old_go_on_holding(empty: StoreOptions) -> None:
    engine = open_engine(empty, Use.WRITE)
    with engine.begin() as c:
        config = migrate._config()
        config.attributes["connection"] = c
        command.upgrade(config, "0006")
        c.exec_driver_sql("INSERT INTO organ (organ_id, name, status, created_at) VALUES ('H24', 'x', 'active', 1)")
        c.exec_driver_sql("INSERT INTO organ_alias VALUES ('000.00.00.H24', 'H24')")
    migrate.migrate(empty)
    with engine.connect() as c:
        present = known(c)
    engine.dispose()
    assert present.aliases == (Alias(alias="000.00.00.H24", organ_id="H24"),)
    assert [(organ.organ_id, organ.kind, organ.version) for organ in present.organs] == [("H24", None, 0)]
    assert present.names == ()


def test_there_is_one_line_of_migrations_and_each_says_what_it_is() -> None:
    script = ScriptDirectory.from_config(migrate._config())
    assert len(script.get_heads()) == 1
    for revision in script.walk_revisions():
        assert len(revision._normalized_down_revisions) <= 1
        assert revision.doc.startswith(("Expand: ", "Contract: "))


def test_migrating_again_changes_nothing(empty: StoreOptions) -> None:
    assert migrate.current(empty) is None
    with pytest.raises(Busy) as refused:
        migrate.check(empty)
    assert refused.value.code is Code.DATABASE_OLD
    migrate.migrate(empty)
    migrate.migrate(empty)
    assert migrate.current(empty) == migrate.head()
    migrate.check(empty)


async def test_a_new_database_gets_its_tables_when_it_is_opened(empty: StoreOptions) -> None:
    store = Store.open(empty)
    assert await store.version() == 1
    await store.close()


def test_an_old_database_is_not_opened_and_not_changed(store_options: StoreOptions) -> None:
    _set_version(store_options, "0000")
    with pytest.raises(Busy) as refused:
        Store.open(store_options)
    assert refused.value.code is Code.DATABASE_OLD
    assert "0000" in refused.value.detail
    assert list((store_options.data_dir / "tmp").iterdir()) == []


def test_a_migration_that_fails_leaves_the_database_as_it_was(empty: StoreOptions) -> None:
    engine = open_engine(empty, Use.WRITE)
    with engine.begin() as c:
        c.execute(text("CREATE TABLE leaf (x INTEGER)"))  # in the way of the last table
    with pytest.raises(Exception, match="leaf"):
        migrate.migrate(empty)
    with engine.connect() as c:
        assert [name for name in inspect(c).get_table_names() if name != "alembic_version"] == ["leaf"]
    engine.dispose()
    assert migrate.current(empty) is None


def test_processes_that_open_a_new_database_together_make_it_once(empty: StoreOptions) -> None:
    script = (
        "import sys, pathlib; from axis.store.store import Store; from axis.store.engine import StoreOptions\n"
        "Store.open(StoreOptions(url=sys.argv[1], data_dir=pathlib.Path(sys.argv[2])))"
    )
    command = [sys.executable, "-c", script, empty.url]
    folders = [empty.data_dir] * 3
    if empty.url.startswith("postgresql"):  # nodes of one database, each with its own folder
        folders = [empty.data_dir / str(number) for number in range(3)]
    processes = [subprocess.Popen([*command, folder], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}) for folder in folders]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert migrate.current(empty) == migrate.head()


async def test_connections_are_set_up_to_be_durable_and_bounded(store: Store, database: Database) -> None:
    if database.kind == "sqlite":
        wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 10_000}
        for name, value in wanted.items():
            assert await store.write(lambda c, n=name: c.exec_driver_sql(f"PRAGMA {n}").scalar()) == value
        return
    wanted_there = {
        "synchronous_commit": "on",
        "lock_timeout": "10s",
        "idle_in_transaction_session_timeout": "1min",
        "statement_timeout": "2min",
        "transaction_isolation": "read committed",
    }
    for name, setting in wanted_there.items():
        assert await store.write(lambda c, n=name: c.exec_driver_sql(f"SHOW {n}").scalar()) == setting


async def test_a_read_sees_one_moment_and_can_change_nothing(store: Store, store_options: StoreOptions) -> None:
    other = Store.open(store_options)
    loop = asyncio.get_running_loop()

    def read_twice(c: Connection) -> tuple[int, int]:
        read = text("SELECT version FROM config_version")
        first = c.execute(read).scalar_one()
        raised = other.write(lambda w: w.execute(text("UPDATE config_version SET version = version + 1")).rowcount)
        asyncio.run_coroutine_threadsafe(raised, loop).result(30)
        return first, c.execute(read).scalar_one()

    assert await store.read(read_twice) == (1, 1)
    assert await store.version() == 2
    with pytest.raises(AxisError):
        await store.read(lambda c: c.execute(text("UPDATE config_version SET version = 9")).rowcount)
    assert await store.version() == 2
    await other.close()


@pytest.mark.parametrize(
    "url", ["sqlite://", "sqlite:///:memory:", "mysql://x/y", "nonsense", "postgresql+asyncpg://x/y"]
)
def test_only_the_two_kinds_of_databases_are_opened(tmp_path: Path, url: str) -> None:
    options = StoreOptions(url=url, data_dir=tmp_path)
    if url.startswith("postgresql"):
        assert options.database.drivername == "postgresql+psycopg"  # whatever driver it names
        return
    with pytest.raises(Malformed) as refused:
        _ = options.database
    assert refused.value.code is Code.BAD_SETTINGS


def test_nothing_imports_sqlalchemys_asyncio() -> None:
    script = "import sys, axis.store.store, axis.store.registry; sys.exit('sqlalchemy.ext.asyncio' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env={"PYTHONPATH": str(ROOT)}, check=True)


def _set_version(options: StoreOptions, version: str) -> None:
    engine = open_engine(options, Use.WRITE)
    with engine.begin() as c:
        c.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": version})
    engine.dispose()


def test_whom_systems_served_before_services_had_a_time_they_serve_since_they_were_connected(
    empty: StoreOptions,
) -> None:
    engine = open_engine(empty, Use.WRITE)
    with engine.begin() as c:
        config = migrate._config()
        config.attributes["connection"] = c
        command.upgrade(config, "0003")
        for organ_id, parent in (("H24", None), ("H24.11", "H24"), ("H24.11.3", "H24.11"), ("X", None)):
            row = {"o": organ_id, "p": parent}
            c.execute(text("INSERT INTO organ VALUES (:o, 'x', :p, 1, NULL, 'active', NULL, 5, NULL)"), row)
        c.execute(
            text("INSERT INTO system VALUES ('yte', 'Y', 'vxp', :on, :off, 1700000000000000)"),
            {"on": True, "off": False},
        )
        c.execute(text("INSERT INTO system_organ VALUES ('H24.11', 'yte')"))
        c.execute(text("INSERT INTO route VALUES ('H24.11', 'yte'), ('H24.11.3', 'yte')"))
    migrate.migrate(empty)
    with engine.connect() as c:
        services = c.execute(
            text("SELECT organ_id, system_id, priority, valid_from, valid_until FROM system_organ")
        ).all()
        routes = c.execute(text("SELECT organ_id, system_id, via_organ FROM route ORDER BY organ_id")).all()
        at = c.execute(text("SELECT routes_at FROM config_version")).scalar_one()
    engine.dispose()
    assert list(map(tuple, services)) == [("H24.11", "yte", 0, 1700000000000000, None)]
    assert list(map(tuple, routes)) == [("H24.11", "yte", "H24.11"), ("H24.11.3", "yte", "H24.11")]
    assert at == 1700000000000000
