"""Records to rows and back, worked out once per class.

The hot path hands rows to the driver as plain tuples, so what SQLAlchemy's types would do on the way stands here:
moments become microseconds, enumerations become words. What PostgreSQL would refuse and SQLite would take (a text too
long for its column, a NUL character) is refused for both, before the row waits for the writer.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from enum import Enum
from operator import attrgetter
from types import UnionType
from typing import Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    LargeBinary,
    String,
    Table,
    select,
)

from axis.errors import Code, Malformed
from axis.organ.model import Alias, FormerName, Organ
from axis.store import records, schema
from axis.store.schema import UtcMicros, to_micros

RecordT = TypeVar("RecordT")
Values = tuple[Any, ...]

TABLES: dict[type, Table] = {
    Organ: schema.organ,
    Alias: schema.organ_alias,
    FormerName: schema.organ_name,
    records.RegistrySync: schema.registry_sync,
    records.System: schema.system,
    records.Service: schema.system_organ,
    records.RouteRule: schema.route_rule,
    records.Credential: schema.credential,
    records.ApiToken: schema.api_token,
    records.ApiAnswer: schema.api_answer,
    records.Upload: schema.upload,
    records.Webhook: schema.webhook,
    records.Account: schema.account,
    records.AccountOrgan: schema.account_organ,
    records.RecoveryCode: schema.recovery_code,
    records.Session: schema.session,
    records.Draft: schema.draft,
    records.DraftFile: schema.draft_file,
    records.ReceiverList: schema.receiver_list,
    records.LoginStep: schema.login_step,
    records.SsoLogin: schema.sso_login,
    records.SavedSearch: schema.saved_search,
    records.Viewing: schema.viewing,
    records.Blob: schema.blob,
    records.Document: schema.document,
    records.Package: schema.package,
    records.Attachment: schema.attachment,
    records.Original: schema.original,
    records.Delivery: schema.delivery,
    records.Consignment: schema.consignment,
    records.Act: schema.act,
    records.ActTarget: schema.act_target,
    records.ActReceiver: schema.act_receiver,
    records.DocumentChange: schema.document_change,
    records.StatusEvent: schema.status_event,
    records.Verdict: schema.verdict,
    records.VerdictEvidence: schema.verdict_evidence,
    records.Finding: schema.finding,
    records.Signer: schema.signer,
    records.Signed: schema.signed,
    records.CheckDue: schema.check_due,
    records.NeedRow: schema.need,
    records.Revocation: schema.revocation,
    records.CertificateRow: schema.certificate,
    records.TimeProof: schema.time_proof,
    records.SignaturePolicy: schema.signature_policy,
    records.QueueRow: schema.queue,
    records.PartnerState: schema.partner,
    records.BulkAct: schema.bulk_act,
    records.PartnerMinute: schema.partner_minute,
    records.PartnerFailure: schema.partner_failure,
    records.Downtime: schema.downtime,
    records.Hold: schema.hold,
    records.Maintenance: schema.maintenance,
    records.Deadline: schema.deadline,
    records.Touch: schema.touched,
    records.JobRow: schema.job,
    records.StoredContent: schema.storage,
    records.Reconciliation: schema.reconciliation,
    records.Audit: schema.audit,
    records.SystemEvent: schema.system_event,
    records.CourierParty: schema.courier_party,
    records.CourierBundle: schema.courier_bundle,
    records.BounceRow: schema.bounce,
    records.MailNotice: schema.mail_notice,
    records.Leaf: schema.leaf,
}
"""Which table a record class is a row of."""


def columns_of(record: type) -> tuple[Column[Any], ...]:
    """The columns that a record class has fields for, in the fields' order."""
    table = TABLES[record]
    return tuple(table.c[field.name] for field in fields(record))


def row_writer(record: type) -> Callable[[Any], Values]:
    """A function from a record of this class to its values, in the order of `columns_of`."""
    get = attrgetter(*(field.name for field in fields(record)))
    converters = tuple(enumerate(map(converter, columns_of(record))))

    def write(record: Any) -> Values:  # noqa: ANN401 - any record class
        values = list(get(record))
        for index, convert in converters:
            value = values[index]
            if value is not None:
                values[index] = convert(value)
        return tuple(values)

    return write


def record_reader(record: type[RecordT]) -> Callable[[Iterable[Any]], RecordT]:
    """A function from a result row of `select(*columns_of(record))` to the record."""
    hints = get_type_hints(record)
    names = tuple(hints)
    enums = tuple((name, enum) for name, hint in hints.items() if (enum := _enum_of(hint)) is not None)

    def read(row: Iterable[Any]) -> RecordT:
        values = dict(zip(names, row, strict=True))
        for name, enum in enums:
            if values[name] is not None:
                values[name] = enum(values[name])
        return record(**values)

    return read


class Query(Generic[RecordT]):
    """Selects rows of one table as records, under conditions with named parameters (`bindparam`).

    Made once and kept: most of what SQLAlchemy costs is making a statement, not running it (100 against 20 µs).
    """

    def __init__(
        self,
        record: type[RecordT],
        *where: ColumnElement[bool],
        order: Sequence[ColumnElement[Any]] = (),
        limit: int | None = None,
        joined: FromClause | None = None,
    ) -> None:
        """joined: what to select from, when the conditions are on other tables too."""
        statement = select(*columns_of(record))
        if joined is not None:
            statement = statement.select_from(joined)
        self._statement = statement.where(*where).order_by(*order).limit(limit)
        self._read = record_reader(record)

    def all(self, conn: Connection, **parameters: object) -> tuple[RecordT, ...]:
        """The records found, in order."""
        return tuple(map(self._read, conn.execute(self._statement, parameters)))

    def one(self, conn: Connection, **parameters: object) -> RecordT | None:
        """The record found; the conditions are unique."""
        row = conn.execute(self._statement, parameters).one_or_none()
        return None if row is None else self._read(row)


def values_of(record: Any) -> dict[str, Any]:  # noqa: ANN401 - any record class
    """A record as a mapping for SQLAlchemy's insert: its own types convert the moments."""
    return {
        field.name: value.value if isinstance(value := getattr(record, field.name), Enum) else value
        for field in fields(record)
    }


def converter(column: Column[Any]) -> Callable[[Any], Any]:
    """A function from a value (not None) to what the driver takes for this column.

    It raises Malformed(FIELD_INVALID) when the column cannot hold the value.
    """
    if isinstance(column.type, UtcMicros):
        return to_micros
    if isinstance(column.type, Boolean):
        return bool
    if isinstance(column.type, Integer):
        return int  # an IntEnum becomes its number
    if isinstance(column.type, LargeBinary):
        return bytes
    if isinstance(column.type, String):
        return _text_converter(f"{column.table.name}.{column.name}", column.type.length)
    raise TypeError(f"no conversion for {column}")


def _text_converter(where: str, length: int | None) -> Callable[[Any], str]:
    def convert(value: Any) -> str:  # noqa: ANN401 - str or a StrEnum
        text = str(value)
        if length is not None and len(text) > length:
            raise Malformed(Code.FIELD_INVALID, f"{len(text)} characters, {length} fit", at=where)
        if "\0" in text or not (text.isascii() or _is_utf8(text)):
            raise Malformed(Code.FIELD_INVALID, "characters that no database keeps", at=where)
        return text

    return convert


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _enum_of(hint: Any) -> type[Enum] | None:  # noqa: ANN401 - a type hint
    candidates = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    for candidate in candidates:
        if isinstance(candidate, type) and issubclass(candidate, Enum):
            return candidate
    return None


def read_all(reader: Callable[[Iterable[Any]], RecordT], rows: Iterable[Iterable[Any]]) -> tuple[RecordT, ...]:
    """Every row as a record."""
    return tuple(map(reader, rows))
