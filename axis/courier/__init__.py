"""The courier's file: packages and receipts for a system that no line reaches, sealed, signed and carried by hand.

The format and nothing else; docs/courier.md describes it. Bytes in, values out: who may send what, and what has
happened before, is decided by `exchange.courier` (the node) and `ops.courier_desk` (the agency).
"""
