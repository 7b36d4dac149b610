"""How others talk to a node: its REST API v1, as a typed client.

`NodeClient` is async; `BlockingClient` only runs it. Whatever goes wrong is an AxisError with the node's own code;
PeerUnreachable when no usable answer came. Calls are repeated by themselves where that is safe: all of them are, since
each bears one Idempotency-Key on every try.
"""

from axis.client.blocking import BlockingClient
from axis.client.node import NodeClient
from axis.client.transport import ClientOptions
from axis.client.values import File

__all__ = ["BlockingClient", "ClientOptions", "File", "NodeClient"]
