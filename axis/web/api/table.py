"""The table of operations: everything that the API can do, each line once."""

from typing import Final

from axis.web.api import (
    composing,
    documents,
    events,
    forwarding,
    organs,
    packages,
    reconciliation,
    routes,
    statuses,
    uploads,
    webhooks,
)
from axis.web.api.call import Operation

OPERATIONS: Final[tuple[Operation, ...]] = (
    *organs.OPERATIONS,
    *routes.OPERATIONS,
    *packages.OPERATIONS,
    *statuses.OPERATIONS,
    *composing.OPERATIONS,
    *uploads.OPERATIONS,
    *documents.OPERATIONS,
    *forwarding.OPERATIONS,
    *events.OPERATIONS,
    *webhooks.OPERATIONS,
    *reconciliation.OPERATIONS,
)
