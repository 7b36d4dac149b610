"""Which document and which receiver a status is about.

A status belongs to document × receiver. Tried in turn: ResponseFor's DocumentId; its Code and PromulgationDate;
the DocumentId of an act package, which leads to the act's target. Under each, the latest edition that was handed to the
receiver counts (while none was: the latest that it was addressed in); where the receiver itself was not addressed, an
addressed ancestor or descendant of it served by the same system does, if there is exactly one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from axis.delivery.directory import Directory
from axis.edxml.identity import code_key, document_key
from axis.edxml.model import ResponseFor
from axis.exchange.parcel import comparable_date
from axis.organ.codes import is_within
from axis.store import queries
from axis.store.records import Delivery, Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """What a status was found to be about."""

    document: Document
    delivery: Delivery


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFound:
    """The act that an answer closes, and what of the document is known."""

    act: queries.OpenAct
    receiver: str
    document: Document | None = None
    delivery: Delivery | None = None  # None: only the act addressed the receiver


@dataclass(frozen=True, slots=True, kw_only=True)
class Sought:
    """What a status says about the document it answers; sender and receiver are the document's."""

    response_for: ResponseFor
    sender: str
    receiver: str

    @property
    def document_key(self) -> str | None:
        """ResponseFor/DocumentId in its comparison form."""
        return document_key(self.response_for.document_id) if self.response_for.document_id else None

    @property
    def code_key(self) -> str | None:
        """ResponseFor/Code in its comparison form."""
        return code_key(self.response_for.code) if self.response_for.code else None

    @property
    def date(self) -> str | None:
        """ResponseFor/PromulgationDate as documents keep it."""
        return comparable_date(self.response_for.promulgation_date)


def match(conn: Connection, directory: Directory, sought: Sought) -> Match | None:
    """The document and the delivery that a status is about, if they are known."""
    for documents in _candidates(conn, sought):
        found = [
            Match(document=document, delivery=delivery)
            for document in documents
            if (delivery := _addressed(directory, queries.deliveries(conn, document.document_uid), sought.receiver))
        ]
        if len(found) > 1:
            return next((one for one in found if queries.was_handed_over(conn, one.delivery.delivery_id)), found[0])
        if found:
            return found[0]
    return None


def find_open_act(conn: Connection, sought: Sought, matched: Match | None) -> OpenFound | None:
    """The act that a 15 or 16 answers: the oldest open one of the receiver on this document, whichever its edition.

    Whoever was only addressed by the act itself answers it too, and so does who got an act on a document that is not
    known here.
    """
    receiver = matched.delivery.receiver_organ if matched else sought.receiver
    documents = [matched.document] if matched else []
    if sought.document_key:
        documents += reversed(queries.documents_by_key(conn, sought.sender, sought.document_key))
    if sought.response_for.document_id:
        documents += queries.targets_of_acts(conn, sought.sender, sought.response_for.document_id)
    for document in dict.fromkeys(documents):
        act = queries.oldest_open_act(conn, document.document_uid, receiver)
        if act is not None:
            delivery = queries.delivery(conn, document.document_uid, receiver)
            return OpenFound(act=act, receiver=receiver, document=document, delivery=delivery)
    if sought.document_key:
        act = queries.oldest_open_act_by_name(conn, sought.sender, sought.document_key, receiver)
        if act is not None:
            return OpenFound(act=act, receiver=receiver)
    return None


def _candidates(conn: Connection, sought: Sought) -> Iterator[Iterable[Document]]:
    """Groups of documents, latest edition first."""
    if sought.document_key:
        yield reversed(queries.documents_by_key(conn, sought.sender, sought.document_key))
    if sought.code_key:
        yield reversed(queries.documents_by_code(conn, sought.sender, sought.code_key, sought.date))
    if sought.response_for.document_id:
        yield queries.targets_of_acts(conn, sought.sender, sought.response_for.document_id)


def _addressed(directory: Directory, deliveries: Iterable[Delivery], receiver: str) -> Delivery | None:
    """The delivery of a receiver, or of the one relative of it that stands for it."""
    relatives = []
    for delivery in deliveries:
        if delivery.receiver_organ == receiver:
            return delivery
        if _stands_for(directory, delivery.receiver_organ, receiver):
            relatives.append(delivery)
    return relatives[0] if len(relatives) == 1 else None


def _stands_for(directory: Directory, addressed: str, receiver: str) -> bool:
    """Whether two organisations are in one line and served by one system (or both by another axis)."""
    if directory.route(addressed) != directory.route(receiver):
        return False
    if directory.registry.is_relative(addressed, receiver):
        return True
    return is_within(addressed, receiver) or is_within(receiver, addressed)
