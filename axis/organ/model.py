"""An organisation as the registry knows it."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Organ:
    """A registered organisation."""

    organ_id: str  # canonical code
    name: str
    parent_id: str | None = None
    level: int | None = None  # 1 ministry, province … 4 ward, unit; as the registry says
    email: str | None = None
    status: str = "active"  # active | closed
    successor_id: str | None = None  # of a closed one: who takes its documents
    created_at: datetime
    closed_at: datetime | None = None

    @property
    def is_closed(self) -> bool:
        """Merged or dissolved: takes no documents itself."""
        return self.status == "closed"
