"""How a mailbox is named among the systems: by its organisation."""

import re


def mailbox_id(organ_id: str) -> str:
    """The id of the system that is an organisation's mailbox: letters, digits and hyphens."""
    return "mail-" + re.sub(r"[^A-Za-z0-9]+", "-", organ_id)[:59].strip("-").lower()
