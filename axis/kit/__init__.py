"""The conformance kit: a test partner that shows a vendor whether its software exchanges documents as it should.

A node of its own (the real program), made-up partners behind magic codes, a proxy that can be down, slow or cut off,
and cases that are judged from what the node holds and the proxy saw. Used by `axis conformance run`; how vendors use
it: docs/connect/conformance.md.
"""
