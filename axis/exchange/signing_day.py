"""When a document was signed, and by when it therefore had to be sent.

Norm: QĐ 28/2018/QĐ-TTg Art. 6: sent the day it is signed, at latest the morning of the next working day. What counts
as sent: NĐ 64/2007/NĐ-CP Art. 36–37, that is, when it came to us from the sender's own system.
"""

from datetime import date, datetime

from axis.calendar.deadlines import Deadlines
from axis.clock import to_local
from axis.edxml.dates import read_date
from axis.terms import Origin
from axis.trust.model import Indication, Verdict


def signed_on(verdict: Verdict | None, promulgation_date: str | None) -> date | None:
    """The day on which the last of the files' signatures provably existed, else the day that the document bears.

    The envelope's signature does not count: it is made when the document is sent.
    """
    proven = [
        signature.proven_at
        for part in (verdict.parts if verdict else ())
        for signature in part.signatures
        if signature.proven_at is not None and signature.indication is Indication.TOTAL_PASSED
    ]
    if proven:
        return to_local(max(proven)).date()
    return read_date(promulgation_date) if promulgation_date else None


def sent_due_at(deadlines: Deadlines, signed: date | None, origin: Origin, received_at: datetime) -> datetime | None:
    """By when a document had to be sent; None when that cannot be said.

    Of what comes from another axis we do not know when its sender sent it.
    """
    return None if origin is Origin.UPLINK else deadlines.sent_by(signed, received_at)
