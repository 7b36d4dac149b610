"""Whom an act concerns, and which earlier documents it is about.

The norm is silent and clients differ. Targets are tried in the order given here; the first group that names a known
document of the same sender counts (or of one that the sender took over from).
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from axis.edxml.identity import document_key
from axis.edxml.model import DocumentHeader
from axis.errors import Code, Malformed
from axis.exchange.context import ReceiverTypes
from axis.exchange.parcel import Parcel
from axis.organ.registry import Registry
from axis.store import queries
from axis.store.records import Document
from axis.terms import BusinessType

TARGETS = 100  # documents that one act may name
_YES = ("1", None, "")  # a part of BussinessDocumentInfo that is not denied


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A document that an act names."""

    position: int
    document_key: str
    document: Document | None = None  # None: not known here as this sender's
    foreign: bool = False  # only another sender has a document of this name
    organs: frozenset[str] | None = None  # a replacement is for these only; None: for all its receivers


def listed_receivers(header: DocumentHeader, receiver_type: str) -> tuple[str, ...]:
    """Codes that an update's ReceiverList marks so; none where the update says that the receivers did not change."""
    info = header.business.document_info if header.business else None
    if info is None or info.document_receiver not in _YES:
        return ()
    return tuple(r.organ_id for r in info.receivers if r.organ_id and r.receiver_type == receiver_type)


def changes_texts(header: DocumentHeader) -> bool:
    """Whether an update may change the document's texts: it does unless it says that they did not change."""
    info = header.business.document_info if header.business else None
    return info is None or info.document_info in _YES


def addressed_codes(header: DocumentHeader, business: BusinessType, types: ReceiverTypes) -> tuple[str, ...]:
    """Everyone who gets the package: To, and whoever an update adds or removes."""
    codes = [to.organ_id for to in header.receivers]
    if business is BusinessType.UPDATE:
        codes += listed_receivers(header, types.added) + listed_receivers(header, types.removed)
    return tuple(dict.fromkeys(codes))


def find_targets(conn: Connection, registry: Registry, parcel: Parcel) -> tuple[Named, ...]:
    """What the act names: the first group of DocumentIds with a known one, else the first group as it is."""
    header = parcel.package.header
    organs = replaced_organs(header, registry) if parcel.business is BusinessType.REPLACE else {}
    first: tuple[Named, ...] = ()
    for group in target_candidates(header, parcel.business):
        names = (Named(position=i, document_key=key, organs=organs.get(key)) for i, key in enumerate(group))
        found = tuple(find_named(conn, registry, parcel.from_organ, named) for named in names)
        if any(named.document for named in found):
            return found
        first = first or found
    return first


def find_named(conn: Connection, registry: Registry, from_organ: str, named: Named) -> Named:
    """The document that is named, in its latest edition, if this sender has such a one."""
    editions = queries.documents_by_key(conn, from_organ, named.document_key)
    if editions:
        return replace(named, document=editions[-1])
    others = queries.documents_by_document_id(conn, named.document_key)
    taken_over = [document for document in others if registry.canonical(document.from_organ) == from_organ]
    return replace(named, document=taken_over[-1] if taken_over else None, foreign=bool(others) and not taken_over)


def target_candidates(header: DocumentHeader, business: BusinessType) -> Iterator[tuple[str, ...]]:
    """Groups of DocumentIds in their comparison form, in the order in which they are tried; no group is empty.

    Raises Malformed(TOO_MANY).
    """
    named = header.business.document_id if header.business else None
    if business is BusinessType.REPLACE:
        infos = header.business.replacements if header.business else ()
        groups = [tuple(info.document_id for info in infos if info.document_id)]
    elif business is BusinessType.RECALL:
        groups = [tuple(r.document_id for r in header.response_for if r.document_id)]
    else:
        groups = []
    if business is not BusinessType.REPLACE:
        groups += [(named,) if named else (), (header.document_id,)]
    for group in groups:
        keys = tuple(dict.fromkeys(document_key(text) for text in group))
        if len(keys) > TARGETS:
            raise Malformed(Code.TOO_MANY, f"{len(keys)} documents, at most {TARGETS}", at="Bussiness")
        if keys:
            yield keys


def replaced_organs(header: DocumentHeader, registry: Registry) -> dict[str, frozenset[str] | None]:
    """For which organisations a replacement takes each document's place; None: for all. Two lists are one."""
    found: dict[str, frozenset[str] | None] = {}
    for info in header.business.replacements if header.business else ():
        if not info.document_id:
            continue
        key = document_key(info.document_id)
        listed = frozenset(registry.canonical(code) for code in info.organ_ids if code)
        before = found.get(key, frozenset())
        found[key] = before | listed if listed and before is not None else None
    return found
