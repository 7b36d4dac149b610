"""A large package becomes a mail in little memory: measured in a process of its own."""

import asyncio
import subprocess
import sys
from pathlib import Path

from tests.mail.servers import talking

PROGRAM = """
import asyncio, resource, sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from adapters.mail.letter import Person
from adapters.mail.links import Links
from adapters.mail.mailing import MailPeer
from adapters.mail.office import Office
from adapters.mail.smtp import MailServer
from axis.clock import SystemClock
from axis.delivery.peer import Outgoing, Recipient
from axis.edxml.model import Limits
from axis.edxml.writer import write
from axis.keys import NodeKey
from axis.terms import PackageKind
from tests.exchange.harness import a_document, a_file

folder, port = Path(sys.argv[1]), int(sys.argv[2])
office = Office(
    server=MailServer(host="127.0.0.1", port=port, security="none"),
    sender=Person(name="", address="truc@truc.invalid"),
    bounce_address="", public_url="", link_for=timedelta(days=1), attach_bytes=1 << 30, node_name="x",
    links=Links(NodeKey.create(folder / "node.key")), limits=Limits(), scratch=folder,
)
peer = MailPeer("a@b.invalid", office, SystemClock())

async def send(size):
    source = folder / "source.pdf"
    with source.open("wb") as file:
        file.write(b"%PDF-1.7 ")
        for _ in range(size >> 20):
            file.write(bytes(range(256)) * 4096)
    path = folder / "package.edxml"
    with path.open("wb") as out:
        write(a_document("H24.88", files=(replace(a_file(), content=source),)), out)

    async def content():
        with path.open("rb") as file:
            while chunk := file.read(1 << 18):
                yield chunk

    outgoing = Outgoing(
        package_id="01KT5ZV4X00000000000000000", kind=PackageKind.DOCUMENT, size_bytes=path.stat().st_size,
        sha256_hex="", from_organ="H24.11", request_id="1",
        receivers=(Recipient(organ_id="H24.88", name="x", email=None, addressed_as="H24.88"),),
    )
    await peer.send(outgoing, content)
    return path.stat().st_size

async def run():
    await send(1 << 20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size = await send(15 << 20)
    print(size, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10)

asyncio.run(run())
"""


async def test_a_package_of_20_mb_takes_little_memory(tmp_path: Path) -> None:
    received = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.invalid\r\n")
        while line := await reader.readline():
            if line.upper().startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                tail, size = b"", 0
                while not tail.endswith(b"\r\n.\r\n"):
                    piece = await reader.read(1 << 16)
                    tail, size = (tail + piece)[-5:], size + len(piece)
                received.append(size)
            writer.write(b"250 OK\r\n")

    async with talking(talk) as port:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            PROGRAM,
            str(tmp_path),
            str(port),
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        out, _ = await child.communicate()
    assert child.returncode == 0
    size_bytes, grown_bytes = map(int, out.split())
    assert size_bytes > 20 << 20
    assert received[1] > 45 << 20  # the file and the package, both in base64
    assert grown_bytes < 40 << 20
