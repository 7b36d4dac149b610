"""Who plays in the demo: two nodes, and the agencies' systems that are connected to them.

Codes and names come from config/organs-demo.csv and organs-demo-national.csv. Everything is invented but the form.
"""

from dataclasses import dataclass
from enum import StrEnum


class NodeName(StrEnum):
    """One of the demo's two nodes; also the folder of its data."""

    CITY = "city"
    NATIONAL = "national"


CITY, NATIONAL = NodeName.CITY, NodeName.NATIONAL

CITY_CODE = "H24"
CITY_NAME = "Thành phố Hải Phòng (bản trình diễn)"
NATIONAL_CODE = "A00"
NATIONAL_NAME = "Trục liên thông quốc gia (bản trình diễn)"
UPLINK_SYSTEM = "truc-h24"  # the city's axis, as the national node knows it

OFFICE, CONSTRUCTION, HOME_AFFAIRS, LE_CHAN, HONG_BANG, WORKS_UNIT = (
    "H24.1", "H24.3", "H24.5", "H24.42", "H24.41", "H24.3.12",
)  # fmt: skip
CLOSED_DISTRICT = "H24.21"  # LE_CHAN took over from it
MINISTRY, GOVERNMENT_OFFICE = "G17", "G22"


@dataclass(frozen=True, slots=True, kw_only=True)
class Agency:
    """A document-management system that acts for one or more organisations."""

    system_id: str
    name: str
    node: NodeName
    serves: tuple[str, ...]  # the first one answers for organisations that it succeeds
    refuses: str = ""  # a document whose subject holds these words is refused: not its business


AGENCIES = (
    Agency(system_id="vp-ubnd", name="DMS Văn phòng UBND thành phố", node=CITY, serves=(OFFICE, "H24")),
    Agency(system_id="so-xd", name="DMS Sở Xây dựng", node=CITY, serves=(CONSTRUCTION,)),
    Agency(system_id="bql-ht", name="DMS Ban Quản lý dự án hạ tầng đô thị", node=CITY, serves=(WORKS_UNIT,)),
    Agency(system_id="so-nv", name="DMS Sở Nội vụ", node=CITY, serves=(HOME_AFFAIRS,)),
    Agency(system_id="p-le-chan", name="DMS Phường Lê Chân", node=CITY, serves=(LE_CHAN,)),
    Agency(system_id="p-hong-bang", name="DMS Phường Hồng Bàng", node=CITY, serves=(HONG_BANG,), refuses="cảng cá"),
    Agency(system_id="bo-xd", name="DMS Bộ Xây dựng", node=NATIONAL, serves=(MINISTRY,)),
    Agency(system_id="vpcp", name="DMS Văn phòng Chính phủ", node=NATIONAL, serves=(GOVERNMENT_OFFICE,)),
)


def agency_of(organ_id: str) -> Agency:
    """The agency whose system acts for an organisation of the demo."""
    return next(agency for agency in AGENCIES if organ_id in agency.serves)
