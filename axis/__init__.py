"""Axis: a document-interchange node (trục liên thông văn bản) for a Vietnamese city.

The rooms and how they depend on each other are described in docs/architecture.md.
"""

__version__ = "0.1.0"
