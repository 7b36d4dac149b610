"""A city's archive of years, written straight into the tables: what the console's pages are measured on.

Organisations are of very different sizes, as in a city: the first one takes part in about a tenth of everything.
Most documents have few receivers and some have hundreds. Rows that no page reads are left out: the bytes of
packages, the evidence, and the packages that brought the statuses.
"""

import hashlib
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from enum import EnumType
from functools import lru_cache
from itertools import accumulate, count
from operator import attrgetter
from pathlib import Path
from typing import Any, get_type_hints

import psycopg
from sqlalchemy import create_engine

from axis.ids import first_id
from axis.store.records import Attachment, Consignment, Delivery, Document, Package, StatusEvent
from axis.store.rows import TABLES, columns_of
from axis.store.schema import UtcMicros, to_micros
from axis.terms import Origin, PackageKind, Place, TransportState
from axis.text import search_form

END = datetime(2026, 11, 25, 1, tzinfo=UTC)
ORGANS = 370
_DAYS = 1_000  # the archive's age
_CHUNK = 5_000  # documents written in one transaction
_RECENT = 0.97  # where in the archive's time the documents begin that are still being worked on

_WHAT = ("Báo cáo", "Kế hoạch", "Công văn", "Thông báo", "Giấy mời", "Quyết định", "Tờ trình", "Chỉ thị")
_DOES = ("về việc triển khai", "kết quả thực hiện", "phê duyệt", "đôn đốc", "góp ý dự thảo", "kiểm tra", "tổng kết")
_TOPIC = (
    "công tác phòng cháy chữa cháy",
    "chuyển đổi số",
    "cải cách hành chính",
    "đầu tư công trung hạn",
    "an toàn thực phẩm",
    "tuyển sinh lớp 10",
    "quy hoạch sử dụng đất",
    "bảo trợ xã hội",
    "phòng chống bão lụt",
    "giải phóng mặt bằng",
    "chi ngân sách quý III",
    "tiếp công dân",
    "an toàn giao thông đường thủy",
    "bảo vệ môi trường biển",
)
_PLACE = ("trên địa bàn thành phố", "tại các xã, phường", "trong khu kinh tế", "giai đoạn 2026-2030", "năm học mới")
_numbers = count()
_STATUSES = ("01", "02", "03", "04", "05", "06")


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much is made."""

    documents: int
    deliveries: int


FULL_POSTGRESQL = Size(documents=1_000_000, deliveries=5_000_000)
FULL_SQLITE = Size(documents=100_000, deliveries=500_000)
QUICK = Size(documents=400, deliveries=2_000)


def codes(organs: int = ORGANS) -> list[str]:
    """The organisations' codes, the busiest first."""
    return [f"H24.{number}" for number in range(1, organs + 1)]


def fill(url: str, folder: Path, size: Size) -> None:
    """Write an archive into a database that has its tables and the organisations of `codes`."""
    chance = random.Random(size.documents)
    busy = Busy(codes(), chance)
    begun, step = END - timedelta(days=_DAYS), timedelta(days=_DAYS) / size.documents
    with _writing(url, folder) as write:
        for first in range(0, size.documents, _CHUNK):
            rows: dict[type, list[Any]] = {}
            for number in range(first, min(first + _CHUNK, size.documents)):
                made = _Made(chance, busy, number, begun + step * number, size)
                for row in made.rows():
                    rows.setdefault(type(row), []).append(row)
            write(rows)


class Busy:
    """Chooses organisations, the first far more often than the last."""

    def __init__(self, organs: Sequence[str], chance: random.Random) -> None:
        self._organs = organs
        self._chance = chance
        self._weights = list(accumulate(1 / (place + 3) for place in range(len(organs))))

    def one(self) -> str:
        """An organisation."""
        return self._chance.choices(self._organs, cum_weights=self._weights)[0]

    def some(self, number: int, other_than: str) -> list[str]:
        """So many different ones, about."""
        wanted = dict.fromkeys(self._chance.choices(self._organs, cum_weights=self._weights, k=number))
        wanted.pop(other_than, None)
        return list(wanted) or [self._organs[0] if other_than != self._organs[0] else self._organs[1]]


class _Made:
    """One document and what became of it."""

    def __init__(self, chance: random.Random, busy: Busy, number: int, at: datetime, size: Size) -> None:
        self._chance = chance
        self._at = at
        self._uid = _id(at)
        self._package_id = _id(at)
        self._number = number
        self._from = busy.one()
        mean = size.deliveries / size.documents
        wanted = min(ORGANS - 1, max(1, round(chance.lognormvariate(0.6, 1.15) * mean / 3)))
        self._receivers = busy.some(wanted, self._from)
        self._open = chance.random() < (0.6 if number > size.documents * _RECENT else 0.002)

    def rows(self) -> Iterator[Any]:
        """Its rows, each after those that it refers to."""
        chance, at = self._chance, self._at
        kind = chance.choice(_WHAT)
        subject = f"{kind} {chance.choice(_DOES)} {chance.choice(_TOPIC)} {chance.choice(_PLACE)}"
        code = f"{self._number % 4_000 + 1}/{''.join(word[0] for word in kind.split()).upper()}-{self._from[4:]}"
        digest = hashlib.sha256(f"{self._number}".encode()).hexdigest()
        common = {"from_organ": self._from, "document_id": f"{self._from},{at.year},{self._number}", "code": code}
        common |= {"subject": subject, "urgency": chance.choices((0, 1, 2, 3), (90, 7, 2, 1))[0]}
        common |= {"origin": Origin.LOCAL, "source_system": "dms", "received_at": at, "business_type": 0}
        yield Document(
            document_uid=self._uid,
            document_key=common["document_id"],
            edition=1,
            identity=digest,
            header_digest=digest,
            package_id=self._package_id,
            code_key=code,
            promulgation_date=date(at.year, at.month, at.day).isoformat(),
            same_code_no=0,
            type_name=kind,
            sender_name=f"Cơ quan {self._from[4:]}",
            due_date=None,
            flags="",
            folded=search_form(code, subject, f"Cơ quan {self._from[4:]}"),
            verdict=chance.choices(("valid", "unsigned", "invalid"), (90, 9, 1))[0],
            **common,
        )
        yield Package(
            package_id=self._package_id,
            sha256_hex=digest,
            size_bytes=20_000,
            kind=PackageKind.DOCUMENT,
            document_uid=self._uid,
            from_raw=self._from,
            findings="[]",
            **common,
        )
        yield Attachment(
            package_id=self._package_id,
            position=0,
            name="Văn bản.pdf",
            media_type="application/pdf",
            size_bytes=14_000,
            sha256_hex=digest,
            zipped_by_client=False,
        )
        for receiver in self._receivers:
            yield from self._delivered(receiver, common["urgency"])

    def _delivered(self, receiver: str, urgency: int) -> Iterator[Any]:
        chance = self._chance
        delivery_id = _id(self._at)
        status = None if self._open and chance.random() < 0.5 else chance.choices(_STATUSES, (2, 1, 7, 5, 10, 75))[0]
        if self._open and status == "06":
            status = "03"
        said_at = self._at + timedelta(hours=chance.lognormvariate(1, 1))
        yield Delivery(
            delivery_id=delivery_id,
            document_uid=self._uid,
            receiver_organ=receiver,
            from_organ=self._from,
            addressed_as=receiver,
            receiver_name=f"Cơ quan {receiver[4:]}",
            place=Place.LOCAL,
            status_code=status,
            status_at=said_at if status else None,
            created_at=self._at,
            receipt_due_at=self._at + timedelta(days=1),
            acceptance_due_at=self._at + timedelta(days=2),
            completion_due_at=self._at + timedelta(days=10),
        )
        yield Consignment(
            consignment_id=_id(self._at),
            package_id=self._package_id,
            receiver_organ=receiver,
            delivery_id=delivery_id,
            place=Place.LOCAL,
            uplink_id=None,
            state=TransportState.ACKNOWLEDGED if status else TransportState.QUEUED,
            urgency=urgency,
            queued_at=self._at,
            acknowledged_at=said_at if status else None,
            fetched=1 if status else 0,
            kind=PackageKind.DOCUMENT,
        )
        if status:
            yield StatusEvent(
                event_id=_id(said_at),
                package_id=_id(said_at),
                document_uid=self._uid,
                delivery_id=delivery_id,
                act_id=None,
                from_organ=receiver,
                to_organ=self._from,
                status_code=status,
                raw_code=status,
                description="Văn thư đã nhận",
                department="Văn phòng",
                staff="Nguyễn Văn Mẫu",
                reported_at=said_at.isoformat(timespec="seconds"),
                received_at=said_at,
                effect="applied",
                match_document_key=None,
                match_code_key=None,
                match_date=None,
            )


_INDEXES = """
    SELECT indexname, indexdef FROM pg_indexes
    WHERE schemaname = 'public' AND NOT EXISTS (SELECT FROM pg_constraint WHERE conname = indexname)
      AND tablename IN ('document', 'package', 'attachment', 'delivery', 'consignment', 'status_event')
"""

Write = Callable[[dict[type, list[Any]]], None]


def _writing(url: str, folder: Path) -> AbstractContextManager[Write]:
    return _postgresql(url) if url.startswith("postgresql") else _sqlite(folder)


@contextmanager
def _postgresql(url: str) -> Iterator[Write]:
    """COPY, and the indexes made at the end, which takes a fraction of the time.

    Foreign keys are not asked about, since the packages of statuses are left out.
    """
    plain = url.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(plain) as conn:
        conn.execute("SET session_replication_role = replica")
        indexes = conn.execute(_INDEXES).fetchall()
        for name, _definition in indexes:
            conn.execute(f"DROP INDEX {name}".encode())

        def write(rows: dict[type, list[Any]]) -> None:
            for record, values in rows.items():
                table = TABLES[record].name
                names = ", ".join(f'"{column.name}"' for column in columns_of(record))
                with conn.cursor().copy(f"COPY {table} ({names}) FROM STDIN") as copy:  # type: ignore[arg-type]
                    for one in _values(record, values):
                        copy.write_row(one)
            conn.commit()

        yield write
    with psycopg.connect(plain, autocommit=True) as conn:
        conn.execute("SET maintenance_work_mem = '512MB'")
        for _name, definition in indexes:
            conn.execute(definition.encode())
        conn.execute("VACUUM ANALYZE")


@contextmanager
def _sqlite(folder: Path) -> Iterator[Write]:
    engine = create_engine(f"sqlite:///{folder / 'axis.db'}")
    raw = engine.raw_connection()
    cursor = raw.cursor()
    cursor.execute("PRAGMA foreign_keys = OFF")

    def write(rows: dict[type, list[Any]]) -> None:
        for record, values in rows.items():
            columns = columns_of(record)
            names, places = ", ".join(column.name for column in columns), ", ".join("?" * len(columns))
            cursor.executemany(
                f"INSERT INTO {TABLES[record].name} ({names}) VALUES ({places})",  # noqa: S608 - names of our own tables
                list(_values(record, values)),
            )
        raw.commit()

    try:
        yield write
        cursor.execute("ANALYZE")
        raw.commit()
    finally:
        raw.close()
        engine.dispose()


def _values(record: type, rows: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    """As the store's own writer of rows makes them; what that checks, texts of strangers, is not in question here."""
    names = tuple(field.name for field in fields(record))
    moments = tuple(place for place, column in enumerate(columns_of(record)) if isinstance(column.type, UtcMicros))
    hints = get_type_hints(record)
    words = tuple(place for place, name in enumerate(names) if isinstance(hints[name], EnumType))
    get = attrgetter(*names)
    for row in rows:
        values = list(get(row))
        for place in moments:
            if values[place] is not None:
                values[place] = to_micros(values[place])
        for place in words:
            values[place] = values[place].value
        yield tuple(values)


def _id(at: datetime) -> str:
    """What `axis.ids.new_id` makes, many times as fast: the moment, and a number in place of chance."""
    return f"{_moment_of_id(at)}{next(_numbers):016d}"


@lru_cache(maxsize=64)
def _moment_of_id(at: datetime) -> str:
    return first_id(at)[:10]
