"""An axis's organisations, put together from the lists of the dialect, none of which tells everything.

getSynchronizeUnit has the tree, and who is closed, but no levels; getAgenciesListQD20 has the levels one by one and the
codes by QCVN 102:2016, but no tree.
"""

from collections.abc import Mapping, Sequence

from adapters.vxp.replies import Agency
from axis.organ.sync import ListedOrgan, OrganList


def parents_are_listed(units: Sequence[Agency]) -> bool:
    """Whether every parent's id can be told: it is listed, or it is a code itself."""
    ids = {unit.id for unit in units} | {unit.code for unit in units}
    return all(not unit.pid or unit.pid in ids or not unit.pid.isdigit() for unit in units)


def organ_list(units: Sequence[Agency], leveled: Mapping[int, Sequence[Agency]]) -> OrganList:
    """The lists as one.

    Assumed: `pid` is an id of the same list, or a code; "0" and nothing mean that nobody is above.
    """
    codes = {unit.id: unit.code for unit in units if unit.id}
    levels = {agency.code: number for number, agencies in leveled.items() for agency in agencies}
    others = {agency.code: agency.other_code for agencies in leveled.values() for agency in agencies}
    organs = [
        ListedOrgan(
            code=unit.code,
            name=unit.name,
            parent_code="" if unit.pid in ("", "0") else codes.get(unit.pid, unit.pid),
            level=levels.get(unit.code),
            email=unit.mail or None,
            old_codes=tuple(filter(None, (unit.other_code or others.get(unit.code),))),
            closed=unit.deleted,
            is_unit=None if unit.is_agency is None else not unit.is_agency,
        )
        for unit in units
        if unit.code
    ]
    return OrganList(organs=tuple(organs), version=max((unit.version for unit in units), default=0))
