"""Packages of awkward shapes, each handed to a node a few times while its event loop is watched.

They are within the limits, or just beyond: what a stranger may send must not make others wait either.
"""

import asyncio
import io
import random
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

from axis.edxml.model import Attachment
from axis.edxml.writer import to_bytes
from axis.errors import Malformed, Rejected
from benchmarks.packages import numbered, template
from benchmarks.running import Running
from tests.exchange.harness import a_document, a_file

_MARK = "9876543210" * 4
_END_OF_HEADER = b"</edXML:MessageHeader>"


def send(node: Running, times: int) -> tuple[str, ...]:
    """Hand every shape in so often; the names of the shapes."""
    return asyncio.run(_send(node, times))


async def _send(node: Running, times: int) -> tuple[str, ...]:
    client = await node.client("dms-yte")
    number, shapes = 7_000_000, _shapes()
    for parts in shapes.values():
        for _ in range(times):
            number += 1
            with suppress(Malformed, Rejected):  # refusing has to be as quick
                await client.send_package(numbered(parts, number))
    await client.close()
    return tuple(shapes)


def _shapes() -> Mapping[str, tuple[bytes, ...]]:
    plain = to_bytes(a_document("H24.15", number=_MARK))
    made = {
        "elements, 20 KB": _with_elements(plain, 4_500),
        "elements, 300 KB": _with_elements(plain, 75_000),
        "elements, too many": _with_elements(plain, 230_000),
        "5,000 receivers": to_bytes(a_document(*(f"G{code:04}" for code in range(4_999)), number=_MARK)),
        "500 files": to_bytes(a_document("H24.15", number=_MARK, files=tuple(_small_files(500)))),
        "zip of 4 MB in 22 KB": to_bytes(a_document("H24.15", number=_MARK, files=(_zipped(2_500_000),))),
        "zip of 80 MB in 900 KB": to_bytes(a_document("H24.15", number=_MARK, files=(_zipped(80_000_000),))),
    }
    parts = {name: tuple(package.split(_MARK.encode())) for name, package in made.items()}
    return {**parts, "900 KB": template(900_000), "3 MB": template(3_000_000)}


def _with_elements(package: bytes, count: int) -> bytes:
    return package.replace(_END_OF_HEADER, b"<a/>" * count + _END_OF_HEADER)


def _small_files(count: int) -> Iterator[Attachment]:
    return (a_file(b"%%PDF %d" % position, f"{position}.pdf") for position in range(count))


def _zipped(size_bytes: int) -> Attachment:
    """A file that the client packed; it unpacks to some 130 times its size, which is allowed."""
    block = random.Random(1).randbytes(1_000) + bytes(160_000)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("1.doc", (block * (size_bytes // len(block) + 1))[:size_bytes])
    return replace(a_file(packed.getvalue(), "bao-cao.doc"), content_type="application/zip")
