"""Whom an act concerns, and which earlier documents it is about.

The norm is silent and clients differ. Targets are tried in the order given here; the first group that names a known
document of the same sender counts.
"""

from collections.abc import Iterator

from sqlalchemy import Connection

from axis.edxml.identity import document_key
from axis.edxml.model import DocumentHeader
from axis.exchange.parcel import Parcel
from axis.store import queries
from axis.store.records import Document
from axis.terms import BusinessType

RECEIVER_ADDED = "0"
RECEIVER_REMOVED = "1"


def listed_receivers(header: DocumentHeader, receiver_type: str) -> tuple[str, ...]:
    """Codes that an update's ReceiverList adds ("0") or removes ("1")."""
    info = header.business.document_info if header.business else None
    if info is None:
        return ()
    return tuple(r.organ_id for r in info.receivers if r.organ_id and r.receiver_type == receiver_type)


def addressed_codes(header: DocumentHeader, business: BusinessType) -> tuple[str, ...]:
    """Everyone who gets the package: To, and whoever an update adds or removes."""
    codes = [to.organ_id for to in header.receivers]
    if business is BusinessType.UPDATE:
        codes += listed_receivers(header, RECEIVER_ADDED) + listed_receivers(header, RECEIVER_REMOVED)
    return tuple(dict.fromkeys(codes))


def find_targets(conn: Connection, parcel: Parcel) -> tuple[Document, ...]:
    """The latest edition of each document that the act is about; empty when none is known here."""
    for group in target_candidates(parcel.package.header, parcel.business):
        found = [queries.documents_by_key(conn, parcel.from_organ, document_key(text)) for text in group]
        if any(found):
            return tuple(editions[-1] for editions in found if editions)
    return ()


def target_candidates(header: DocumentHeader, business: BusinessType) -> Iterator[tuple[str, ...]]:
    """Groups of DocumentIds, in the order in which they are tried."""
    named = header.business.document_id if header.business else None
    if business is BusinessType.REPLACE:
        infos = header.business.replacements if header.business else ()
        yield tuple(dict.fromkeys(info.document_id for info in infos if info.document_id))
        return
    if business is BusinessType.RECALL:
        yield tuple(dict.fromkeys(r.document_id for r in header.response_for if r.document_id))
    if named:
        yield (named,)
    yield (header.document_id,)
