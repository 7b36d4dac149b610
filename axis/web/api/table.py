"""The table of operations: everything that the API can do, each line once."""

from typing import Final

from axis.web.api import documents, events, organs, packages, reconciliation, statuses
from axis.web.api.call import Operation

OPERATIONS: Final[tuple[Operation, ...]] = (
    *organs.OPERATIONS,
    *packages.OPERATIONS,
    *statuses.OPERATIONS,
    *documents.OPERATIONS,
    *events.OPERATIONS,
    *reconciliation.OPERATIONS,
)
