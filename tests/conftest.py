"""Fixtures that all tests share."""

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import structlog

from axis.store.engine import StoreOptions
from axis.store.migrate import migrate
from axis.store.store import Store
from tests import databases
from tests.databases import Copies, Database, Postgres


def pytest_configure() -> None:
    databases.begin_session()
    plain_traces()


def plain_traces() -> None:
    """Log as usual, but traces as Python writes them: painting one, with all local variables, takes a second."""
    console = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], console])


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # the first process, not a worker of xdist
        databases.end_session()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first: at the end no worker waits for another one."""
    items.sort(key=lambda item: item.get_closest_marker("lengthy") is None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The session's PostgreSQL server."""
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(scope="session")
def postgres_template(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database that has the tables, to be copied."""
    name = "axis_template"
    with databases.locked("template") as folder:
        if not (folder / name).exists():
            postgres.execute(f"CREATE DATABASE {name}")
            migrate(StoreOptions(url=postgres.url(name), data_dir=tmp_path_factory.mktemp("template")))
            (folder / name).touch()
    return name


@pytest.fixture(scope="session")
def postgres_copies(postgres: Postgres, postgres_template: str) -> Iterator[Copies]:
    """Databases that have the tables, lent to one test after another."""
    copies = Copies(postgres, postgres_template)
    yield copies
    copies.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that has the tables, to be copied."""
    folder = tmp_path_factory.mktemp("template")
    migrate(StoreOptions(url="sqlite:///axis.db", data_dir=folder))
    return folder / "axis.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], Database]]:
    """Makes new databases with tables, of each kind in turn; each in a folder of the given name."""
    returned: list[Callable[[], None]] = []

    def make(folder: str) -> Database:
        data_dir = tmp_path / folder
        data_dir.mkdir()
        if request.param == "sqlite":
            shutil.copy(request.getfixturevalue("sqlite_template"), data_dir / "axis.db")
            return Database(kind="sqlite", url="sqlite:///axis.db", data_dir=data_dir)
        server: Postgres = request.getfixturevalue("postgres")
        copies: Copies = request.getfixturevalue("postgres_copies")
        name = copies.lend()
        returned.append(partial(copies.take_back, name))
        return Database(kind="postgresql", url=server.url(name), data_dir=data_dir)

    yield make
    for give_back in returned:
        give_back()


@pytest.fixture
def postgres_database(postgres: Postgres, postgres_copies: Copies, tmp_path: Path) -> Iterator[Database]:
    """A new PostgreSQL database with tables, for what only a server can do."""
    name = postgres_copies.lend(alone=True)
    yield Database(kind="postgresql", url=postgres.url(name), data_dir=tmp_path)
    postgres_copies.take_back(name)


@pytest.fixture
def database(new_database: Callable[[str], Database]) -> Database:
    """A new database with tables, of each kind in turn."""
    return new_database("data")


@pytest.fixture
def store_options(database: Database) -> StoreOptions:
    """How to open the store on the database."""
    return StoreOptions(url=database.url, data_dir=database.data_dir)


@pytest.fixture
async def store(store_options: StoreOptions) -> AsyncIterator[Store]:
    """An empty store of each kind in turn."""
    opened = Store.open(store_options)
    yield opened
    await opened.close()


@pytest.fixture
async def other_store(new_database: Callable[[str], Database]) -> AsyncIterator[Store]:
    """A second store on a database of its own, of the same kind."""
    other = new_database("other-data")
    opened = Store.open(StoreOptions(url=other.url, data_dir=other.data_dir))
    yield opened
    await opened.close()
