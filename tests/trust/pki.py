"""A live certificate authority for tests: certomancer with two generations of roots, CRLs, OCSP responders and TSAs.

Keys are made once per process in a temporary folder. Every certificate has a label; `PKI` hands out what tests need.
"""

import os
import stat
import tempfile
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import tsp
from certomancer.registry import CertLabel, CertomancerConfig, KeyLabel, PKIArchitecture, ServiceLabel
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from axis.trust.algorithms import Scheme
from axis.trust.certs import (
    Certificate,
    Organisation,
    Organisations,
    Purpose,
    RevocationData,
    TrustStore,
    parse_certificate,
)
from axis.trust.occasion import Occasion
from axis.trust.paths import Judge
from axis.trust.policy import Policy, Revocation
from axis.trust.signers import KeySigner

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
SOFT = Policy(revocation=Revocation(hard=False), both_signatures=False)
HARD = Policy(both_signatures=False)

_KEYS = {
    "root": 2048, "root2": "ec", "interm": 2048, "interm2": "ec", "agency": 2048, "person": "ec", "system": "ec",
    "other": "ec", "tsa": 2048, "weak": 1024, "foreign": "ec", "ocsp": "ec", "big": "ec384",
}  # fmt: skip
AGENCY_NAME = "Sở Y tế thành phố Hải Phòng"
ORGANISATIONS = Organisations.of(
    (
        Organisation(code="H24.11", names=(AGENCY_NAME,), codes=("000.00.11.H24",)),
        Organisation(code="H24.15", names=("Sở Xây dựng thành phố Hải Phòng",)),
    )
)
AT = Occasion(at=NOW, senders=frozenset({"H24.11"}))


def _entity(common_name: str, organisation: str = "Ban Cơ yếu", **more: str) -> dict[str, str]:
    return {"country-name": "VN", "organization-name": organisation, "common-name": common_name, **more}


_ENTITIES = {
    "root": _entity("Root G1"),
    "root2": _entity("Root G2"),
    "interm": _entity("Specialised CA G1"),
    "interm2": _entity("Specialised CA G2"),
    "agency": _entity(AGENCY_NAME, AGENCY_NAME),
    "person": _entity("Nguyễn Văn An", AGENCY_NAME),
    "system": _entity("Trục liên thông", AGENCY_NAME),
    "other": _entity("Sở Xây dựng thành phố Hải Phòng", "Sở Xây dựng thành phố Hải Phòng"),
    "stranger": _entity("Công ty Lạ", "Công ty Lạ"),
    "tsa": _entity("TSA"),
    "ocsp": _entity("OCSP"),
    "foreign": _entity("Foreign Root", "Nowhere"),
    "foreign-ocsp": _entity("Foreign OCSP", "Nowhere"),
}
_LONG = {"valid-from": "2020-01-01T00:00:00+0000", "valid-to": "2040-01-01T00:00:00+0000"}
_LEAF = {"valid-from": "2025-01-01T00:00:00+0000", "valid-to": "2029-01-01T00:00:00+0000"}
_DIGSIG = [{"id": "digsig-commitment"}]


def _ca(subject: str, issuer: str, issuer_key: str, length: int, **params: str) -> dict[str, Any]:
    profile = {"id": "simple-ca", "params": {"max-path-len": length, **params}}
    return {
        "subject": subject, "issuer": issuer, "authority-key": issuer_key, "subject-key": subject,
        "validity": _LONG, "profiles": [profile],
    }  # fmt: skip


def _leaf(subject: str, key: str, issuer: str = "interm", **more: Any) -> dict[str, Any]:
    return {
        "subject": subject, "subject-key": key, "issuer": issuer, "authority-key": issuer,
        "validity": _LEAF, "profiles": _DIGSIG, **more,
    }  # fmt: skip


def _usage(*uses: str) -> dict[str, Any]:
    return {"id": "key_usage", "critical": True, "smart-value": {"schema": "key-usage", "params": list(uses)}}


_EKU = "extended_key_usage"
_CERTS = {
    "root": _ca("root", "root", "root", 2, **{"crl-repo": "root"}),
    "root2": _ca("root2", "root2", "root2", 2, **{"crl-repo": "root2"}),
    "foreign": _ca("foreign", "foreign", "foreign", 2),
    "interm": _ca("interm", "root", "root", 0, **{"crl-repo": "interm", "ocsp-service": "interm"}),
    "interm2": _ca("interm2", "root2", "root2", 0, **{"crl-repo": "interm2"}),
    "agency": _leaf("agency", "agency"),
    "agency2": _leaf("agency", "agency", "interm2"),
    "agency-ec": _leaf("agency", "system"),
    "agency-384": _leaf("agency", "big"),
    "person": _leaf("person", "person"),
    "system": _leaf("system", "system"),
    "other": _leaf("other", "other"),
    "stranger": _leaf("stranger", "other"),
    "weak": _leaf("agency", "weak"),
    "expired": _leaf("agency", "agency", validity={**_LEAF, "valid-to": "2026-11-21T02:00:00+0000"}),
    "future": _leaf("agency", "agency", validity={**_LEAF, "valid-from": "2026-12-01T00:00:00+0000"}),
    "revoked": _leaf(
        "agency", "agency", revocation={"revoked-since": "2026-11-01T00:00:00+0000", "reason": "key_compromise"}
    ),
    "encipher": _leaf("agency", "agency", profiles=[], extensions=[_usage("key_encipherment")]),
    "tls": _leaf("agency", "agency", profiles=[], extensions=[
        _usage("digital_signature"), {"id": _EKU, "value": ["server_auth"]},
    ]),
    "unchained": _leaf("agency", "agency", "foreign"),
    "below-leaf": {**_leaf("other", "other", "agency"), "issuer-cert": "agency"},
    "tsa": _leaf("tsa", "tsa", "interm", profiles=[], extensions=[
        _usage("digital_signature"), {"id": _EKU, "critical": True, "value": ["time_stamping"]},
    ]),
    "tsa-no-eku": _leaf("tsa", "tsa", "interm", profiles=[], extensions=[_usage("digital_signature")]),
    "tsa-lax-eku": _leaf("tsa", "tsa", "interm", profiles=[], extensions=[
        _usage("digital_signature"), {"id": _EKU, "value": ["time_stamping", "email_protection"]},
    ]),
    "tsa-foreign": _leaf("tsa", "foreign", "foreign", profiles=[], extensions=[
        _usage("digital_signature"), {"id": _EKU, "critical": True, "value": ["time_stamping"]},
    ]),
    "tsa-expired": _leaf("tsa", "tsa", "interm", validity={**_LEAF, "valid-to": "2026-01-01T00:00:00+0000"},
        profiles=[], extensions=[
            _usage("digital_signature"), {"id": _EKU, "critical": True, "value": ["time_stamping"]},
    ]),
    "ocsp": _leaf("ocsp", "ocsp", "interm", profiles=[{"id": "ocsp-responder"}]),
    "ocsp-plain": _leaf("ocsp", "ocsp", "interm"),
    "ocsp-foreign": _leaf("foreign-ocsp", "foreign", "foreign", profiles=[{"id": "ocsp-responder"}]),
}  # fmt: skip


def _responder(cert: str, key: str) -> dict[str, Any]:
    return {
        "for-issuer": "interm",
        "issuer-cert": "interm",
        "responder-cert": cert,
        "signing-key": key,
        "validity-period": {"days": 2},
    }


_SERVICES = {
    "crl-repo": {
        name: {"for-issuer": name, "issuer-cert": name, "signing-key": name, "simulated-update-schedule": "P7D"}
        for name in ("root", "root2", "interm", "interm2")
    },
    "ocsp": {
        "interm": _responder("ocsp", "ocsp"),
        "plain": _responder("ocsp-plain", "ocsp"),
        "foreign": _responder("ocsp-foreign", "foreign"),
    },
    "time-stamping": {
        name: {"signing-cert": name, "signing-key": "foreign" if name == "tsa-foreign" else "tsa"}
        for name in ("tsa", "tsa-no-eku", "tsa-lax-eku", "tsa-foreign", "tsa-expired")
    },
}


@cache
def _architecture() -> PKIArchitecture:
    folder = Path(tempfile.gettempdir()) / f"axis-test-pki-{os.getpid()}"
    folder.mkdir(mode=stat.S_IRWXU, exist_ok=True)
    for name, kind in _KEYS.items():
        key: Any
        if kind in ("ec", "ec384"):
            key = ec.generate_private_key(ec.SECP256R1() if kind == "ec" else ec.SECP384R1())
        else:
            key = rsa.generate_private_key(65537, kind)
        (folder / f"{name}.pem").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
    config = {
        "keysets": {"keys": {"path-prefix": ".", "keys": {name: {"path": f"{name}.pem"} for name in _KEYS}}},
        "pki-architectures": {
            "city": {"keyset": "keys", "entities": _ENTITIES, "certs": _CERTS, "services": _SERVICES}
        },
    }
    loaded = CertomancerConfig(config, key_search_dir=str(folder))
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    return next(iter(loaded.pki_archs.values()))


@cache
def certificate(label: str) -> Certificate:
    """A certificate by its label."""
    return parse_certificate(_architecture().get_cert(CertLabel(label)).dump())


@cache
def private_key(name: str) -> Any:
    """A private key by its name."""
    der = _architecture().key_set.get_private_key(KeyLabel(name)).dump()
    return serialization.load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)


@cache
def signer(label: str, *, pss: bool = False, hash_name: str = "", with_chain: bool = True) -> KeySigner:
    """A signer with a certificate; its key is the one that the certificate names."""
    spec = _CERTS[label]
    key = private_key(spec["subject-key"])
    family = "ecdsa" if isinstance(key, ec.EllipticCurvePrivateKey) else "rsa-pss" if pss else "rsa"
    wide = family == "ecdsa" and key.curve.key_size > 256
    chain = (certificate(label), certificate(spec["issuer"])) if with_chain else (certificate(label),)
    return KeySigner(
        key=key, chain=chain, scheme=Scheme(family=family, hash_name=hash_name or ("sha384" if wide else "sha256"))
    )


def trust_store(
    *,
    roots: tuple[str, ...] = ("root", "root2"),
    intermediates: tuple[str, ...] = ("interm", "interm2"),
) -> TrustStore:
    """A trust store of some of the authorities, for every purpose."""
    return TrustStore(
        anchors=tuple((p, certificate(label)) for p in Purpose for label in roots),
        intermediates=tuple((p, certificate(label)) for p in Purpose for label in intermediates),
    )


@cache
def crl(issuer: str, at: datetime = NOW) -> bytes:
    """The CRL that was current at a moment."""
    return _architecture().service_registry.get_crl(ServiceLabel(issuer), at_time=at).dump()


@cache
def crls(at: datetime = NOW) -> RevocationData:
    """All current CRLs."""
    return RevocationData(crls=tuple(crl(issuer, at) for issuer in ("root", "root2", "interm", "interm2")))


@cache
def ocsp(label: str, responder: str = "interm", at: datetime = NOW, about: str = "interm") -> bytes:
    """An OCSP answer about a certificate."""
    request = asn1_ocsp.OCSPRequest({"tbs_request": {"request_list": [{"req_cert": _certificate_id(label, about)}]}})
    answer = _architecture().service_registry.summon_responder(ServiceLabel(responder), at_time=at)
    return answer.build_ocsp_response(request).dump()


def _certificate_id(label: str, issuer: str) -> asn1_ocsp.CertId:
    subject, authority = certificate(label).asn1, certificate(issuer).asn1
    return asn1_ocsp.CertId(
        {
            "hash_algorithm": {"algorithm": "sha1"},
            "issuer_name_hash": authority.subject.sha1,
            "issuer_key_hash": authority.public_key.sha1,
            "serial_number": subject.serial_number,
        }
    )


def timestamp(request: bytes, authority: str = "tsa", at: datetime = NOW) -> bytes:
    """A TSA's reply to a request."""
    stamper = _architecture().service_registry.summon_timestamper(ServiceLabel(authority), at_time=at)
    return stamper.request_tsa_response(tsp.TimeStampReq.load(request)).dump()


def token(digest: bytes, authority: str = "tsa", at: datetime = NOW) -> bytes:
    """A timestamp token over a SHA-256 digest."""
    request = tsp.TimeStampReq(
        {
            "version": 1,
            "message_imprint": {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": digest},
            "cert_req": True,
        }
    )
    reply = tsp.TimeStampResp.load(timestamp(request.dump(), authority, at))
    return reply["time_stamp_token"].dump()


@cache
def judge(policy: Policy = SOFT, revocation: RevocationData | None = None, trust: TrustStore | None = None) -> Judge:
    """A judge that trusts both roots and knows the city's organisations; one for each set of rules and data."""
    return Judge(trust or trust_store(), policy, ORGANISATIONS, revocation)


def days(count: float) -> timedelta:
    """So many days."""
    return timedelta(days=count)
