"""What the kit says, in Vietnamese and English."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """One thing said in both languages."""

    vi: str
    en: str
