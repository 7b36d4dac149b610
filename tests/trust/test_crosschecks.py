"""Outside verifiers agree: libxmlsec1, signxml, OpenSSL, poppler.

pdfsig comes with poppler-utils; where it is not installed, that test says so and checks nothing.
"""

import re
import shutil
import subprocess
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest
import signxml
import xmlsec
from cryptography.hazmat.primitives import serialization
from lxml import etree

from axis.trust.envelope import verify_envelope
from axis.trust.model import Overall
from axis.trust.sealing import Xades, attach_timestamp, sign_envelope, timestamp_content
from axis.trust.timestamps import build_request, check_reply
from tests.trust import papers, pki
from tests.trust.samples import envelope

DS = "http://www.w3.org/2000/09/xmldsig#"
SIGNERS = ["agency", "agency-ec", "agency-384", "agency2"]


def pem(label: str) -> bytes:
    return pki.certificate(label).crypto.public_bytes(serialization.Encoding.PEM)


def key_pem(name: str) -> bytes:
    return pki.private_key(name).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def xmlsec_verify(raw: bytes, *roots: str) -> None:
    """Raises when libxmlsec1 does not find the signature valid under the roots."""
    manager = xmlsec.KeysManager()
    for root in roots:
        manager.load_cert_from_memory(
            pem(root), xmlsec.constants.KeyDataFormatCertPem, xmlsec.constants.KeyDataTypeTrusted
        )
    node = next(etree.fromstring(raw).iter(f"{{{DS}}}Signature"))
    for properties in node.iter("{http://uri.etsi.org/01903/v1.3.2#}SignedProperties"):
        xmlsec.tree.add_ids(properties, ["Id"])
    xmlsec.SignatureContext(manager).verify(node)


@pytest.mark.parametrize("label", SIGNERS)
@pytest.mark.parametrize("xades", [None, Xades(signing_time=pki.NOW)], ids=["plain", "xades"])
def test_libxmlsec1_accepts_what_we_sign(label: str, xades: Xades | None) -> None:
    xmlsec_verify(sign_envelope(envelope(), pki.signer(label), xades), "root", "root2")


def test_libxmlsec1_accepts_a_timestamped_signature() -> None:
    raw = sign_envelope(envelope(), pki.signer("agency"), Xades(signing_time=pki.NOW))
    request = build_request(timestamp_content(raw))
    token, finding = check_reply(pki.timestamp(request.der), request, pki.judge(revocation=pki.crls()), pki.NOW)
    assert finding.proven_at == pki.NOW
    xmlsec_verify(attach_timestamp(raw, token), "root")


def test_libxmlsec1_refuses_what_was_changed() -> None:
    raw = sign_envelope(envelope(), pki.signer("agency")).replace(b"H24.15", b"H24.16")
    with pytest.raises(xmlsec.Error):
        xmlsec_verify(raw, "root")


TRANSFORMS = {
    "exclusive": xmlsec.constants.TransformExclC14N,
    "inclusive": xmlsec.constants.TransformInclC14N,
    "inclusive-1.1": xmlsec.constants.TransformInclC14N11,
}
METHODS = {
    "rsa-sha256": ("agency", "agency", xmlsec.constants.TransformRsaSha256),
    "rsa-sha512": ("agency", "agency", xmlsec.constants.TransformRsaSha512),
    "ecdsa-sha256": ("agency-ec", "system", xmlsec.constants.TransformEcdsaSha256),
    "ecdsa-sha384": ("agency-384", "big", xmlsec.constants.TransformEcdsaSha384),
}


@pytest.mark.parametrize("canonical", TRANSFORMS)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("prefix", [None, "ds"])
def test_we_accept_what_libxmlsec1_signs(canonical: str, method: str, prefix: str | None) -> None:
    label, key_name, algorithm = METHODS[method]
    root = etree.fromstring(envelope())
    header = next(root.iter("{*}edXMLHeader"))
    node = xmlsec.template.create(root, TRANSFORMS[canonical], algorithm, ns=prefix)
    header.append(node)
    reference = xmlsec.template.add_reference(node, xmlsec.constants.TransformSha256, uri="")
    xmlsec.template.add_transform(reference, xmlsec.constants.TransformEnveloped)
    xmlsec.template.add_transform(reference, TRANSFORMS[canonical])
    info = xmlsec.template.ensure_key_info(node)
    xmlsec.template.x509_data_add_certificate(xmlsec.template.add_x509_data(info))
    context = xmlsec.SignatureContext()
    context.key = xmlsec.Key.from_memory(key_pem(key_name), xmlsec.constants.KeyDataFormatPem)
    context.key.load_cert_from_memory(pem(label), xmlsec.constants.KeyDataFormatPem)
    context.sign(node)
    found = verify_envelope(etree.tostring(root), pki.judge(revocation=pki.crls()), pki.AT)
    assert found.overall is Overall.VALID, [(c.reason, c.reason_en) for c in found.all_checks()]


@pytest.mark.parametrize("canonical", ["exclusive", "inclusive"])
def test_we_accept_what_signxml_signs(canonical: str) -> None:
    """signxml appends to the root: valid, with the remark that the place is unusual."""
    method = {
        "exclusive": signxml.CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        "inclusive": signxml.CanonicalizationMethod.CANONICAL_XML_1_1,
    }[canonical]
    signer = signxml.XMLSigner(c14n_algorithm=method)
    root = etree.fromstring(envelope())
    signed = signer.sign(root, key=pki.private_key("agency"), cert=pem("agency").decode())
    found = verify_envelope(etree.tostring(signed), pki.judge(revocation=pki.crls()), pki.AT)
    assert found.overall is Overall.VALID_WITH_WARNINGS, [(c.reason, c.reason_en) for c in found.all_checks()]
    assert [c.reason for c in found.all_checks() if c.outcome == "warning"] == ["signature_elsewhere"]


def test_signxml_accepts_what_we_sign(tmp_path: Path) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_bytes(pem("root"))
    raw = sign_envelope(envelope(), pki.signer("agency"))
    result = signxml.XMLVerifier().verify(raw, ca_pem_file=str(roots))
    assert b"H24.15" in etree.tostring(result.signed_xml)


def openssl(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)


def test_openssl_accepts_the_cms_in_our_pdf(tmp_path: Path) -> None:
    raw = papers.signed("agency")
    numbers = [int(n) for n in re.findall(rb"\d+", re.search(rb"/ByteRange ?\[[^\]]*\]", raw).group())]  # type: ignore[union-attr]
    _, first, start, length = numbers
    (tmp_path / "content").write_bytes(raw[:first] + raw[start : start + length])
    der = bytes.fromhex(raw[first + 1 : start - 1].decode())
    (tmp_path / "cms").write_bytes(der)
    (tmp_path / "roots").write_bytes(pem("root"))
    done = openssl(
        "cms", "-verify", "-binary", "-inform", "DER", "-in", str(tmp_path / "cms"),
        "-content", str(tmp_path / "content"),
        "-CAfile", str(tmp_path / "roots"), "-purpose", "any", "-out", str(tmp_path / "out"),
        "-attime", str(int(pki.NOW.timestamp())),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (tmp_path / "content").write_bytes(raw[: first - 1] + b"x" + raw[start : start + length])
    refused = openssl(
        "cms", "-verify", "-binary", "-inform", "DER", "-in", str(tmp_path / "cms"),
        "-content", str(tmp_path / "content"),
        "-CAfile", str(tmp_path / "roots"), "-purpose", "any", "-out", str(tmp_path / "out"),
        "-attime", str(int(pki.NOW.timestamp())),
    )  # fmt: skip
    assert refused.returncode != 0


def test_openssl_understands_our_timestamp_request_and_we_its_reply(tmp_path: Path) -> None:
    """`openssl ts` as a TSA: our request goes in, its reply is accepted; and it accepts the test authority's."""
    content = b"what is stamped"
    request = build_request(content)
    (tmp_path / "request").write_bytes(request.der)
    (tmp_path / "data").write_bytes(content)
    (tmp_path / "roots").write_bytes(pem("root"))
    (tmp_path / "chain").write_bytes(pem("interm"))
    (tmp_path / "reply").write_bytes(pki.timestamp(request.der))
    shown = openssl("ts", "-query", "-in", str(tmp_path / "request"), "-text")
    assert "Hash Algorithm: sha256" in shown.stdout
    verified = openssl(
        "ts", "-verify", "-in", str(tmp_path / "reply"), "-data", str(tmp_path / "data"),
        "-CAfile", str(tmp_path / "roots"), "-untrusted", str(tmp_path / "chain"),
        "-attime", str(int(pki.NOW.timestamp())),
    )  # fmt: skip
    assert "OK" in verified.stdout, verified.stderr
    (tmp_path / "tsa.pem").write_bytes(pem("tsa"))
    (tmp_path / "tsa.key").write_bytes(key_pem("tsa"))
    (tmp_path / "serial").write_text("01\n")
    (tmp_path / "ts.cnf").write_text(
        f"[tsa]\ndefault_tsa = t\n[t]\nserial = {tmp_path}/serial\nsigner_cert = {tmp_path}/tsa.pem\n"
        f"certs = {tmp_path}/chain\nsigner_key = {tmp_path}/tsa.key\nsigner_digest = sha256\n"
        "default_policy = 1.2.3.4\ndigests = sha256\n"
    )
    made = openssl(
        "ts", "-reply", "-config", str(tmp_path / "ts.cnf"), "-queryfile", str(tmp_path / "request"),
        "-out", str(tmp_path / "theirs"),
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    now = datetime.now(UTC)
    _, finding = check_reply((tmp_path / "theirs").read_bytes(), request, pki.judge(), now)
    assert finding.proven_at is not None, finding


def test_pdfsig_agrees(tmp_path: Path) -> None:
    tool = shutil.which("pdfsig")
    if tool is None:
        warnings.warn("pdfsig (poppler-utils) is not installed: not compared", stacklevel=1)
        return
    good, bad = tmp_path / "good.pdf", tmp_path / "bad.pdf"
    raw = papers.signed_twice()
    good.write_bytes(raw)
    at = raw.index(b"/MediaBox")
    bad.write_bytes(raw[:at] + b"/MediaBoX" + raw[at + 9 :])
    seen = subprocess.run([tool, "-nocert", str(good)], capture_output=True, text=True, check=False).stdout
    assert seen.count("Signature is Valid") == 2, seen
    seen = subprocess.run([tool, "-nocert", str(bad)], capture_output=True, text=True, check=False).stdout
    assert "Signature is Valid" not in seen, seen
