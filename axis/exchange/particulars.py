"""What a document's header says for people, and what an update changes of it.

The document's row holds the newest texts; its packages keep what came, each as it came. An update says what it wants
changed: an element that is absent says nothing, an empty one takes the text away.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from axis.edxml.model import DocumentHeader

_MOST_CHARACTERS = 4_000  # of one text; what is longer is cut, here and in comparisons
_BETWEEN = "; "  # of several texts under one name


@dataclass(frozen=True, slots=True, kw_only=True)
class TextChange:
    """One text before and after; None: there was, or is, none."""

    field: str
    before: str | None
    after: str | None


def particulars(header: DocumentHeader) -> dict[str, str]:
    """The header's texts by name, in the order of the package; those that are absent are left out."""
    other, signer, kind = header.other, header.signer, header.document_type
    found = {
        "promulgation_place": header.promulgation.place,
        "promulgation_date": header.promulgation.promulgation_date,
        "type": kind.type,
        "type_detail": kind.type_detail,
        "type_name": kind.type_name,
        "subject": header.subject,
        "content": header.content,
        "signer_competence": signer.competence,
        "signer_position": signer.position,
        "signer_full_name": signer.full_name,
        "due_date": header.due_date,
        "priority": other.priority,
        "sphere_of_promulgation": other.sphere_of_promulgation,
        "typer_notation": other.typer_notation,
        "promulgation_amount": other.promulgation_amount,
        "page_amount": other.page_amount,
        "direction": other.direction,
        "appendixes": _BETWEEN.join(other.appendixes) or None,
        "reply_fors": other.reply_fors,
        "reference_codes": other.reference_codes,
        "steering_type": header.steering_type,
        "application_type": header.application_type,
        "tasks": _BETWEEN.join(header.tasks) or None,
        "to_places": _BETWEEN.join(header.to_places) or None,
    }
    return {name: text[:_MOST_CHARACTERS] for name, text in found.items() if text is not None}


def particulars_json(texts: Mapping[str, str]) -> str:
    """As the document's row keeps them: the empty ones are none."""
    kept = {name: text for name, text in texts.items() if text}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def read_particulars(text: str) -> dict[str, str]:
    """What `particulars_json` wrote."""
    found: dict[str, str] = json.loads(text)
    return found


def changes(before: Mapping[str, str], said: Mapping[str, str]) -> tuple[TextChange, ...]:
    """What an update that says this changes of what was known; white space does not count."""
    return tuple(
        TextChange(field=name, before=before.get(name) or None, after=text or None)
        for name, text in said.items()
        if text.split() != (before.get(name) or "").split()
    )
