"""The adapters side by side: packages pushed to real servers on loopback, and taken from them.

Each adapter's own part of the node (`benchmarks.peer`) runs in a process of its own, and so does each server: CPU and
memory are the adapter's alone. Where the other end is an axis, it is a node, and what being fetched from costs it is
a row too. Mayan EDMS needs a heavy server: `make test-mayan`.
"""

import asyncio
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from benchmarks.children import Child, child
from benchmarks.fronts import SOAP_ORGAN, Cost, connect_soap
from benchmarks.packages import numbered, template
from benchmarks.peer import IMAP_PASSWORD, work
from benchmarks.running import Running, watched
from benchmarks.servers import HOST, Reached, server
from tests.mail.dovecot import PROGRAM
from tests.mail.reports import a_whole_return
from tests.nodes import secret_of

_FILING = ("folder", "sftp", "webdav")
_SENDER, _SENDING_ORGAN, _RECEIVING_ORGAN = "dms-yte", "H24.11", "H24.88"
_MARK = "0" * 26 + "-" + "a" * 20  # of a mail that came back
_HOOK_SECRET = "whsec_" + "YmVuY2htYXJrcyBvbmx5LCBubyBzZWNyZXQgb2YgYW55Ym9keQ=="
_IN_THE_EVENT = 32 << 20  # as much as an operator can allow
_IN_ONE_MAIL = 200 << 20  # files go along, however large: links would cost nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """So many packages of a size."""

    size_bytes: int
    count: int


FULL = (Load(size_bytes=20_000, count=300), Load(size_bytes=50_000_000, count=2))
QUICK = (Load(size_bytes=20_000, count=10), Load(size_bytes=2_000_000, count=1))


def measure(node: Running, folder: Path, loads: Sequence[Load]) -> list[Cost]:
    """Every adapter with every load."""
    folder.mkdir()
    scene = _Scene(node, folder)
    return [cost for part in (_vxp, _edoc, _files, _mails, _hooks) for cost in part(scene, loads)]


class _Scene:
    """The node that others are measured beside, and where packages lie."""

    def __init__(self, node: Running, folder: Path) -> None:
        self.node = node
        self.folder = folder
        self._number = 10_000_000

    def written(self, load: Load, *, sender: str = _SENDING_ORGAN, to: str = _RECEIVING_ORGAN) -> list[Path]:
        """New packages in files."""
        parts = template(load.size_bytes, to, sender=sender)
        made = []
        for _ in range(load.count):
            self._number += 1
            path = self.folder / f"{self._number}.edxml"
            path.write_bytes(numbered(parts, self._number))
            made.append(path)
        return made

    def asked(self, adapter: str, reached: Reached, settings: Mapping[str, Any] = {}) -> dict[str, Any]:
        """What a peer's process is told first."""
        return {
            "adapter": adapter,
            "options": {name: str(value) for name, value in reached.get("options", {}).items()},
            "secrets": reached.get("secrets", {}),
            "config": str(self.node.folder / "axis.toml"),
            "settings": dict(settings),
        }

    def wait_for(self, system_id: str, paths: Sequence[Path]) -> None:
        """Have these packages wait for whom they are for."""

        async def send() -> None:
            async with await self.node.client(system_id) as client:
                for path in paths:
                    await client.send_package(path)

        asyncio.run(send())


@contextmanager
def _peer(asked: Mapping[str, Any]) -> Iterator[Child]:
    """A partner's other end at work."""
    with child(work) as peer:
        peer.ask(asked)
        yield peer


def _pushed(peer: Child, way: str, paths: Sequence[Path]) -> Cost:
    """Have packages pushed, which go afterwards."""
    sizes = [path.stat().st_size for path in paths]
    packages = [
        {"path": str(path), "size_bytes": size, "sha256_hex": sha256(path.read_bytes()).hexdigest()}
        for path, size in zip(paths, sizes, strict=True)
    ]
    with watched(peer.pid) as used:
        peer.ask({"do": "out", "packages": packages})
    for path in paths:
        path.unlink()
    return Cost.of(way, sizes, used)


def _warm(scene: _Scene, peer: Child, **packages: str) -> None:
    """What a process loads once is not what is measured."""
    _pushed(peer, "", scene.written(Load(size_bytes=4_000, count=1), **packages))


def _from_axis(scene: _Scene, peer: Child, name: str, paths: Sequence[Path]) -> Iterator[Cost]:
    """Packages that wait at the node are fetched: what that costs the client, and the node."""
    scene.wait_for("dms-xd", paths)
    sizes = [path.stat().st_size for path in paths]
    with watched(scene.node.process.pid) as theirs, watched(peer.pid) as used:
        peer.ask({"do": "in", "count": len(paths)})
    for path in paths:
        path.unlink()
    yield Cost.of(f"{name} front, out", sizes, theirs)
    yield Cost.of(f"{name} client, in", sizes, used)


def _axis(scene: _Scene, asked: Mapping[str, Any], organ: str, loads: Sequence[Load]) -> Iterator[Cost]:
    name = asked["adapter"]
    with _peer(asked) as peer:
        _warm(scene, peer, sender=organ)
        for load in loads:
            yield _pushed(peer, f"{name} client, out", scene.written(load, sender=organ))
        for load in loads:
            yield from _from_axis(scene, peer, name, scene.written(load, sender="H24.15", to=organ))


def _vxp(scene: _Scene, loads: Sequence[Load]) -> Iterator[Cost]:
    options = {"endpoint": f"{scene.node.url}/vxp", "system_id": _SENDER, "timeout_s": 600}
    asked = scene.asked("vxp", {"options": options, "secrets": {"secret": secret_of(_SENDER)}})
    yield from _axis(scene, asked, _SENDING_ORGAN, loads)


def _edoc(scene: _Scene, loads: Sequence[Load]) -> Iterator[Cost]:
    secret = asyncio.run(connect_soap(scene.node))
    options = {"endpoint": f"{scene.node.url}/edoc", "system_id": SOAP_ORGAN, "timeout_s": 600}
    asked = scene.asked("edoc", {"options": options, "secrets": {"secret": secret}})
    yield from _axis(scene, asked, SOAP_ORGAN, loads)


def _files(scene: _Scene, loads: Sequence[Load]) -> Iterator[Cost]:
    for kind in _FILING:
        root = scene.folder / kind
        root.mkdir()
        with server(kind, root) as reached:
            reached["options"] |= {"settle_s": 0, "batch": 5000}
            with _peer(scene.asked(kind, reached)) as peer:
                _warm(scene, peer)
                for load in loads:
                    yield _pushed(peer, f"{kind}, out", scene.written(load))
                for load in loads:
                    paths = scene.written(load)
                    sizes = [path.stat().st_size for path in paths]
                    for path in paths:
                        path.rename(root / "from-dms" / path.name)
                    with watched(peer.pid) as used:
                        peer.ask({"do": "in", "count": len(paths)})
                    yield Cost.of(f"{kind}, in", sizes, used)
        shutil.rmtree(root)


def _mails(scene: _Scene, loads: Sequence[Load]) -> Iterator[Cost]:
    with ExitStack() as servers:
        smtp = servers.enter_context(server("smtp", scene.folder))
        mail = {
            "smtp_host": HOST,
            "smtp_port": smtp["port"],
            "smtp_security": "none",
            "from_address": "truc@truc.invalid",
            "attach_bytes": _IN_ONE_MAIL,
            "send_timeout_s": 3_600,  # a mail server in Python takes its time
            "public_url": "http://truc.invalid",
        }
        imap = servers.enter_context(server("imap", scene.folder)) if Path(PROGRAM).exists() else None
        if imap is not None:
            mail |= {"imap_host": HOST, "imap_port": imap["port"], "imap_security": "none", "imap_user": imap["user"]}
        asked = scene.asked("mail", {"options": {"address": "vanthu@giavien.invalid"}}, {"mail": mail})
        if imap is not None:
            asked[IMAP_PASSWORD] = imap["password"]
        with _peer(asked) as peer:
            _warm(scene, peer)
            for load in loads:
                yield _pushed(peer, "mail (SMTP), out", scene.written(load))
            for load in loads if imap is not None else ():
                yield _reports(peer, Path(imap["maildir"]), load)


def _reports(peer: Child, maildir: Path, load: Load) -> Cost:
    """Mails come back, with what they carried."""
    plain = a_whole_return(_MARK)
    line = b"A" * 76 + b"\r\n"
    raw = plain.replace(b"AAAA\n", line * (load.size_bytes // len(line)))
    for number in range(load.count):
        fresh = maildir / "tmp" / f"{load.size_bytes}-{number}"
        fresh.write_bytes(raw)
        fresh.chmod(0o644)
        fresh.rename(maildir / "new" / fresh.name)
    with watched(peer.pid) as used:
        peer.ask({"do": "reports", "count": load.count})
    return Cost.of("mail (IMAP), in", [len(raw)] * load.count, used)


def _hooks(scene: _Scene, loads: Sequence[Load]) -> Iterator[Cost]:
    """Up to 32 MiB the package is in the event; a larger one is fetched by its link, as from the REST API."""
    with server("webhook", scene.folder) as reached:
        reached["options"]["body_bytes"] = _IN_THE_EVENT
        reached["secrets"] = {"secret": _HOOK_SECRET}
        rules = {"private_addresses": True, "public_url": "http://truc.invalid"}
        with _peer(scene.asked("webhook", reached, {"webhook": rules})) as peer:
            _warm(scene, peer)
            for load in loads:
                way = "webhook, out" if load.size_bytes <= _IN_THE_EVENT else "webhook (link), out"
                yield _pushed(peer, way, scene.written(load))
