"""Which earlier document an act is about, and whom it concerns.

The norm is silent and clients differ; the rules are those of docs/protocols/business.md. Candidates are given in the
order in which they are tried; the first that names a known document of the same sender counts.
"""

from collections.abc import Iterator

from axis.edxml.model import DocumentHeader
from axis.terms import BusinessType

RECEIVER_ADDED = "0"
RECEIVER_REMOVED = "1"


def target_candidates(header: DocumentHeader, business_type: BusinessType) -> Iterator[tuple[str, ...]]:
    """Groups of DocumentIds; the first group with a known one holds the act's targets."""
    own = (header.document_id,)
    named = header.business.document_id if header.business else None
    if business_type is BusinessType.RECALL:
        yield tuple(r.document_id for r in header.response_for if r.document_id)
    if business_type is BusinessType.REPLACE:
        infos = header.business.replacements if header.business else ()
        yield tuple(dict.fromkeys(info.document_id for info in infos if info.document_id))
        return
    if named:
        yield (named,)
    yield own


def listed_receivers(header: DocumentHeader, receiver_type: str) -> tuple[str, ...]:
    """Codes that an update's ReceiverList adds ("0") or removes ("1")."""
    info = header.business.document_info if header.business else None
    if info is None:
        return ()
    return tuple(r.organ_id for r in info.receivers if r.organ_id and r.receiver_type == receiver_type)
