"""Judges a package's skeleton by our XML Schema of the norm (schemas/edxml-*.xsd).

Only the skeleton is judged: the text of the files is not in it, and the schema says nothing about it.

Norm: QCVN 102:2016/BTTTT, as read from vendor packages.
"""

import re
from functools import cache
from threading import Lock
from typing import Any

from lxml import etree

from axis.edxml.findings import shown
from axis.edxml.model import NAMESPACE, Finding
from axis.edxml.skeleton import Node
from axis.resources import resource
from axis.terms import PackageKind

_QCVN = f"{{{NAMESPACE}}}"
_LOCK = Lock()  # a schema keeps the log of its last validation; two threads would read each other's
_STEP = re.compile(r"/\*(?:\[(\d+)\])?")


@cache
def _schema(kind: PackageKind) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(resource(f"schemas/edxml-{kind}.xsd")))


def explain_schema(root: Node, kind: PackageKind) -> tuple[Finding, ...]:
    """Where a package does not follow the schema, with the element's path; empty when it does."""
    schema = _schema(kind)
    element = etree.Element(_tag(root.name), nsmap={None: NAMESPACE})  # type: ignore[dict-item] # the default namespace
    _copy(root, element)
    with _LOCK:
        if schema.validate(element):
            return ()
        log: tuple[Any, ...] = tuple(schema.error_log)  # type: ignore[arg-type] # the stubs cannot walk it
    return tuple(
        Finding(
            code="schema_invalid",
            at=shown(_path(root, entry.path or "")),
            message=shown(entry.message.replace(_QCVN, "")),
        )
        for entry in log
    )


def _copy(node: Node, element: etree._Element) -> None:
    element.text = "".join(node.parts) or None
    for name, value in (node.attributes or {}).items():
        element.set(name, value)
    for child in node.children:
        _copy(child, etree.SubElement(element, _tag(child.name)))


def _tag(name: str) -> str:
    return name if name.startswith("{") else _QCVN + name


def _path(root: Node, xpath: str) -> str:
    """The element path for libxml2's `/*/*[2]/*`; steps without a number mean an only child."""
    node, names = root, []
    for step in _STEP.findall(xpath)[1:]:
        siblings = node.children
        node = siblings[int(step or 1) - 1]
        same = [sibling for sibling in siblings if sibling.name == node.name]
        names.append(node.name if len(same) == 1 else f"{node.name}[{same.index(node) + 1}]")
    return "/".join(name for name in names if name != "edXMLEnvelope")
