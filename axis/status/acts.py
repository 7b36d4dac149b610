"""What acts do: to a document at one receiver, and to the document as a whole.

The norm is silent on most of this; docs/protocols/business.md draws it. A recall wins over an update and a
replacement, whichever came first: what was taken back is not only removed or replaced. A receiver's word about a
recall (15, 16) is about that recall only.

Norm: QĐ 28/2018/QĐ-TTg Art. 9: on a recall notice the receiver cancels the document and says so.
Norm: NĐ 30/2020/NĐ-CP Art. 4, 18: a content error leads to a replacement; a recall is a cancellation and a notice.
"""

from collections.abc import Collection, Mapping

from axis.terms import ActKind, Answer, DeliveryState, DocumentState, StatusCode

_S = DeliveryState

ANSWERS: Mapping[StatusCode, Answer] = {StatusCode.AGREED: Answer.AGREED, StatusCode.DECLINED: Answer.DECLINED}
"""What a status says that answers an act."""

_AFTER_RECALL = dict.fromkeys((_S.OPEN, _S.RECALL_DECLINED, _S.REMOVED, _S.REPLACED), _S.RECALLED)
_AFTER_REMOVAL = dict.fromkeys((_S.OPEN, _S.RECALL_DECLINED), _S.REMOVED)
_AFTER_REPLACEMENT = dict.fromkeys((_S.OPEN, _S.RECALL_DECLINED), _S.REPLACED)
_BROUGHT_BACK = {_S.REMOVED: _S.OPEN}

_BORN = {
    DocumentState.OPEN: _S.OPEN,
    DocumentState.RECALLED: _S.RECALLED,
    DocumentState.REPLACED: _S.REPLACED,
    DocumentState.WITHDRAWN: _S.OPEN,  # a receiver comes to a document that had none left
}


def after_recall(state: DeliveryState) -> DeliveryState:
    """A recall names this receiver."""
    return _AFTER_RECALL.get(state, state)


def after_removal(state: DeliveryState) -> DeliveryState:
    """An update takes this receiver off the list."""
    return _AFTER_REMOVAL.get(state, state)


def after_addition(state: DeliveryState) -> DeliveryState:
    """An update puts this receiver on the list, where it had been before."""
    return _BROUGHT_BACK.get(state, state)


def after_replacement(state: DeliveryState) -> DeliveryState:
    """A replacement closes the document for this receiver, and brings it another one."""
    return _AFTER_REPLACEMENT.get(state, state)


def after_answer(kind: ActKind, answer: Answer, state: DeliveryState) -> DeliveryState:
    """This receiver answers an act. Only what asked for the document back changes anything by its answer."""
    if kind not in (ActKind.RECALL, ActKind.RECALL_REQUEST):
        return state
    if answer is Answer.AGREED:
        return _S.RECALL_AGREED
    return _S.RECALL_DECLINED if state is _S.RECALLED else state


def born_state(document: DocumentState) -> DeliveryState:
    """How a delivery begins for a receiver that an update brings to a document."""
    return _BORN[document]


def document_state(deliveries: Collection[DeliveryState]) -> DocumentState:
    """What a document is, all its receivers taken together.

    A receiver that declined a recall keeps the document; for the sender it stays taken back, and frozen.
    """
    if not deliveries or _S.OPEN in deliveries:
        return DocumentState.OPEN
    if any(state in (_S.RECALLED, _S.RECALL_AGREED, _S.RECALL_DECLINED) for state in deliveries):
        return DocumentState.RECALLED
    return DocumentState.REPLACED if _S.REPLACED in deliveries else DocumentState.WITHDRAWN
