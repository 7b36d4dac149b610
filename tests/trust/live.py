"""A certificate authority as a live service: certomancer's own web application, on loopback, in a thread of its own.

It serves CRLs, OCSP answers, issuers' certificates and timestamps at the addresses that its certificates name, as of
the second in which it was started. It can be switched off (503), and its timestamps held back.
"""

import asyncio
import socket
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from aiohttp import web
from certomancer.integrations.aiohttp_animator import build_animator_app
from certomancer.registry import ArchLabel, CertLabel, CertomancerConfig, KeyLabel, PKIArchitecture
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from axis.trust.algorithms import Scheme
from axis.trust.certs import Certificate, parse_certificate
from axis.trust.signers import KeySigner

AGENCY_NAME = "Sở Y tế"
_PEM = serialization.Encoding.PEM
_KEYS = ("root", "interm", "interm2", "agency", "tsa", "foreign")
_ENTITIES = {
    "root": ("Live Root", "Ban Cơ yếu"),
    "interm": ("Live CA", "Ban Cơ yếu"),
    "interm2": ("Live CA 2", "Ban Cơ yếu"),
    "agency": (AGENCY_NAME, AGENCY_NAME),
    "city": ("Trục liên thông", "UBND thành phố"),
    "tsa": ("Live TSA", "Ban Cơ yếu"),
    "foreign": ("Foreign TSA", "Nowhere"),
}


def _url(schema: str, **params: object) -> dict[str, object]:
    extension = {"crl-dist-url": "crl_distribution_points", "aia-urls": "authority_information_access"}[schema]
    return {"id": extension, "smart-value": {"schema": schema, "params": params}}


_CRL = _url("crl-dist-url", **{"crl-repo-names": ["interm"]})
_OCSP = _url("aia-urls", **{"ocsp-responder-names": ["interm"]})
_ISSUER = _url("aia-urls", **{"ca-issuer-links": [{"repo": "interm2"}]})
_STAMPS = [
    {"id": "key_usage", "critical": True, "smart-value": {"schema": "key-usage", "params": ["digital_signature"]}},
    {"id": "extended_key_usage", "critical": True, "value": ["time_stamping"]},
]


def _architecture(folder: Path, prefix: str, now: datetime) -> PKIArchitecture:
    for name in _KEYS:
        key = (
            rsa.generate_private_key(65537, 2048)
            if name in ("interm", "tsa")
            else ec.generate_private_key(ec.SECP256R1())
        )
        (folder / f"{name}.pem").write_bytes(
            key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
    validity = {"valid-from": _moment(now - timedelta(days=365)), "valid-to": _moment(now + timedelta(days=365))}

    def authority(name: str, issuer: str = "root") -> dict[str, Any]:
        own = name == issuer
        return {
            "subject": name, "subject-key": name, "issuer": issuer, "authority-key": issuer, "validity": validity,
            "profiles": [{"id": "simple-ca", "params": {"max-path-len": 1 if own else 0}}],
            "extensions": [] if own else [_url("crl-dist-url", **{"crl-repo-names": [issuer]})],
        }  # fmt: skip

    def leaf(
        subject: str, *extensions: object, issuer: str = "interm", key: str = "agency", **more: Any
    ) -> dict[str, Any]:
        return {
            "subject": subject, "subject-key": key, "issuer": issuer, "authority-key": issuer,
            "validity": validity, "profiles": [{"id": "digsig-commitment"}], "extensions": list(extensions), **more,
        }  # fmt: skip

    since = {"revoked-since": _moment(now - timedelta(days=10)), "reason": "key_compromise"}
    certificates = {
        "root": authority("root"),
        "interm": authority("interm"),
        "interm2": authority("interm2"),
        "agency": leaf("agency", _CRL, _OCSP),
        "by-ocsp": leaf("agency", _OCSP),
        "revoked": leaf("agency", _CRL, revocation=since),
        "orphan": leaf("agency", _ISSUER, _url("crl-dist-url", **{"crl-repo-names": ["interm2"]}), issuer="interm2"),
        "city": leaf("city", _CRL),
        "tsa": leaf("tsa", _CRL, *_STAMPS, key="tsa", profiles=[]),
        "foreign": {**authority("foreign", "foreign")},
        "tsa-foreign": leaf(
            "foreign", *_STAMPS, issuer="foreign", key="tsa", profiles=[], **{"issuer-cert": "foreign"}
        ),
    }
    names = {
        name: {"country-name": "VN", "organization-name": organisation, "common-name": common}
        for name, (common, organisation) in _ENTITIES.items()
    }

    def repository(name: str) -> dict[str, str]:
        return {"for-issuer": name, "issuer-cert": name, "signing-key": name, "simulated-update-schedule": "P7D"}

    services = {
        "crl-repo": {name: repository(name) for name in ("root", "interm", "interm2")},
        "cert-repo": {"interm2": {"for-issuer": "interm2", "issuer-cert": "interm2", "publish-issued-certs": False}},
        "ocsp": {
            "interm": {
                "for-issuer": "interm",
                "issuer-cert": "interm",
                "responder-cert": "interm",
                "signing-key": "interm",
            }
        },
        "time-stamping": {name: {"signing-cert": name, "signing-key": "tsa"} for name in ("tsa", "tsa-foreign")},
    }
    config = {
        "external-url-prefix": prefix,
        "keysets": {"keys": {"path-prefix": ".", "keys": {name: {"path": f"{name}.pem"} for name in _KEYS}}},
        "pki-architectures": {
            "live": {"keyset": "keys", "entities": names, "certs": certificates, "services": services}
        },
    }
    return next(iter(CertomancerConfig(config, key_search_dir=str(folder)).pki_archs.values()))


def _moment(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S+0000")


@dataclass
class Live:
    """The running authority."""

    url: str
    architecture: PKIArchitecture
    at: datetime  # a whole second: certomancer would write fractions, which OCSP does not have
    down: bool = False  # everything is answered 503
    visits: list[str] = field(default_factory=list)
    stamping: threading.Event = field(default_factory=threading.Event)  # cleared: timestamps are held back

    def tsa(self, name: str = "tsa") -> str:
        """Where timestamps are had."""
        return f"{self.url}/live/tsa/{name}"

    def certificate(self, label: str) -> Certificate:
        """A certificate by its label."""
        return parse_certificate(self.architecture.get_cert(CertLabel(label)).dump())

    def signer(self, label: str, issuer: str | None = "interm") -> KeySigner:
        """A signer with a certificate of the agency's key, and its issuer's unless that is left out."""
        der = self.architecture.key_set.get_private_key(KeyLabel("agency")).dump()
        key = serialization.load_der_private_key(der, None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        chain = (self.certificate(label), *((self.certificate(issuer),) if issuer else ()))
        return KeySigner(key=key, chain=chain, scheme=Scheme(family="ecdsa", hash_name="sha256"))

    def trust(self, folder: Path) -> Path:
        """A trust folder with the root and one of its authorities, without revocation data."""
        folder.mkdir(parents=True, exist_ok=True)
        for label in ("root", "interm"):
            (folder / f"{label}.cer").write_bytes(self.certificate(label).der)
        return folder

    def pair(self, folder: Path, label: str) -> tuple[Path, Path]:
        """The agency's key and a certificate of it as files."""
        signer = self.signer(label)
        key, certificate = folder / "own.key", folder / "own.pem"
        assert isinstance(signer.key, ec.EllipticCurvePrivateKey)
        key.write_bytes(signer.key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        certificate.write_bytes(b"".join(c.crypto.public_bytes(_PEM) for c in signer.chain))
        return key, certificate

    @cached_property
    def app(self) -> web.Application:
        """Certomancer's application, and the switches before it."""

        @web.middleware
        async def switches(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            self.visits.append(request.path)
            if "/tsa/" in request.path:
                await asyncio.to_thread(self.stamping.wait)
            if self.down:
                raise web.HTTPServiceUnavailable
            return await handler(request)

        animator = build_animator_app({ArchLabel("live"): self.architecture}, self.at, with_web_ui=False)
        animator.middlewares.insert(0, switches)
        return animator


@contextmanager
def live_authority() -> Iterator[Live]:
    """The authority, for as long as the context lasts."""
    with socket.create_server(("127.0.0.1", 0)) as listening, tempfile.TemporaryDirectory() as folder:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        now = datetime.now(UTC).replace(microsecond=0)
        made = Live(url=url, architecture=_architecture(Path(folder), url, now), at=now)
        made.stamping.set()
        ready, stop = threading.Event(), threading.Event()

        async def serve() -> None:
            runner = web.AppRunner(made.app, access_log=None)
            await runner.setup()
            await web.SockSite(runner, listening).start()
            ready.set()
            await asyncio.to_thread(stop.wait)
            await runner.cleanup()

        thread = threading.Thread(target=lambda: asyncio.run(serve()))
        thread.start()
        try:
            assert ready.wait(30)
            yield made
        finally:
            made.stamping.set()
            stop.set()
            thread.join()
