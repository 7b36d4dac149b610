"""Proving a connection before it is trusted.

The conformance kit is a test partner that shows a vendor whether its software exchanges documents as it should: a node
of its own (the real program), made-up partners behind magic codes, a proxy that can be down, slow or cut off, and cases
that are judged from what the node holds and the proxy saw (`axis conformance run`, docs/connect/conformance.md).
`mirror` compares this node with the axis that it is to take over from (docs/mirror.md).
"""
