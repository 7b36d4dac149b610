"""A demo hierarchy and files signed with it, made once for all tests of a process."""

import atexit
import http.server
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from axis.clock import SystemClock
from axis.demo.documents import Desk, Draft
from axis.demo.pki import Holder, Pki, Seal, load_pair, make_pki
from axis.demo.seals import Seals
from axis.edxml.writer import to_bytes

NAMES = {"H24.3": "Sở Xây dựng", "H24.42": "Phường Lê Chân", "H24.5": "Sở Nội vụ"}


@dataclass(frozen=True, kw_only=True)
class Sealed:
    """Where the hierarchy lies, and what signs with it."""

    pki: Pki
    seals: Seals

    def letter(self, *receivers: str, signed: bool = True) -> bytes:
        """A document of H24.3 with a PDF that is signed twice; its envelope is signed too, or not."""
        draft = Draft(
            sender="H24.3",
            receivers=receivers or ("H24.42",),
            notation="SXD",
            subject="V/v kiểm tra chữ ký số",
            body=("Nội dung.",),
        )
        raw = to_bytes(Desk(NAMES, SystemClock().now(), self.seals).letter(draft))
        return self.seals.sign_package(raw, "H24.3", Seal.AGENCY) if signed else raw

    def plain_letter(self) -> bytes:
        """The same without any signature."""
        draft = Draft(sender="H24.3", receivers=("H24.42",), notation="SXD", subject="V/v", body=("Nội dung.",))
        return to_bytes(Desk(NAMES, SystemClock().now()).letter(draft))

    def trust_without_crls(self, folder: Path) -> Path:
        """A trust folder that lacks all revocation data."""
        shutil.copytree(self.pki.trust, folder, ignore=shutil.ignore_patterns("*.crl"))
        return folder

    def pair_with_crl_address(self, folder: Path, url: str) -> tuple[Path, Path]:
        """A key and a certificate of H24.3 that says where its CRL can be had."""
        issuer = load_pair(self.pki.authority("ca-g1"), self.pki.authority_key("ca-g1"))
        key, now = ec.generate_private_key(ec.SECP256R1()), SystemClock().now()
        name = x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, NAMES["H24.3"]),
                x509.NameAttribute(NameOID.COMMON_NAME, NAMES["H24.3"]),
            ]
        )
        point = x509.DistributionPoint(
            full_name=[x509.UniformResourceIdentifier(url)], relative_name=None, reasons=None, crl_issuer=None
        )
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer.certificate.subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(days=30))
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key()), critical=False)
            .add_extension(x509.CRLDistributionPoints([point]), critical=False)
            .sign(issuer.key, hashes.SHA256())
        )
        paths = folder / "own.key", folder / "own.pem"
        paths[0].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        paths[1].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        return paths


@cache
def sealed() -> Sealed:
    """The hierarchy of this process."""
    folder = Path(mkdtemp(prefix="axis-test-sealed-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    holders = [Holder(code=code, name=name) for code, name in NAMES.items()]
    pki = make_pki(folder, holders, SystemClock().now())
    return Sealed(pki=pki, seals=Seals(pki))


@contextmanager
def serving(content: bytes) -> Iterator[tuple[str, list[str]]]:
    """A web server that answers everything with these bytes: its address, and the paths that were asked."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", asked
        server.shutdown()
        thread.join()
