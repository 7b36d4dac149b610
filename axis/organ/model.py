"""An organisation as the registry knows it, its other codes and its former names.

Days are ISO dates of the Vietnamese calendar (`2025-07-01`), as text, since registries and decisions speak of days. A
period begins on its first day and is over on the day that ends it; "" on either side: open.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class OrganKind(StrEnum):
    """What sort of body an organisation is; says nothing about where it stands in the tree."""

    MINISTRY = "ministry"  # bộ, cơ quan ngang bộ, cơ quan thuộc Chính phủ
    PROVINCE = "province"  # tỉnh, thành phố trực thuộc trung ương
    DEPARTMENT = "department"  # sở, ban, ngành
    DISTRICT = "district"  # quận, huyện, thị xã; closed everywhere since July 2025
    WARD = "ward"  # phường
    COMMUNE = "commune"  # xã
    TOWN = "town"  # thị trấn
    SPECIAL_ZONE = "special_zone"  # đặc khu
    UNIT = "unit"  # đơn vị trực thuộc: phòng, chi cục, trung tâm
    ENTERPRISE = "enterprise"  # doanh nghiệp
    OTHER = "other"


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
    kind: OrganKind | None = None
    version: int = 0  # the configuration's version that last changed it

    @property
    def is_closed(self) -> bool:
        """Merged or dissolved: takes no documents itself."""
        return self.status == "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """Another code that means an organisation, for a period."""

    alias: str
    organ_id: str
    valid_from: str = ""
    valid_until: str = ""

    def holds(self, day: str) -> bool:
        """Whether it means the organisation on a day."""
        return self.valid_from <= day and (not self.valid_until or day < self.valid_until)

    def overlaps(self, other: "Alias") -> bool:
        """Whether there is a day on which both hold."""
        return (not other.valid_until or self.valid_from < other.valid_until) and (
            not self.valid_until or other.valid_from < self.valid_until
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FormerName:
    """A name that an organisation bore until a day."""

    organ_id: str
    name: str
    valid_from: str = ""
    valid_until: str
    source: str = ""  # who told of the change


def name_on(day: str, now: str, former: "tuple[FormerName, ...]") -> str:
    """What an organisation was called on a day; now: what it is called today."""
    later = [one for one in former if day < one.valid_until]
    return min(later, key=lambda one: one.valid_until).name if later else now
