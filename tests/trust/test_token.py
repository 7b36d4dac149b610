"""Keys in a PKCS #11 token sign envelopes and PDF files; SoftHSM2 stands for the token.

SoftHSM2 comes with Debian's softhsm2; where it is not installed, these tests say so and check nothing.
"""

import asyncio
import os
import subprocess
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from axis.clock import SystemClock
from axis.demo.pki import Holder, Pki, Seal, make_pki
from axis.edxml.model import Party, ResponseFor
from axis.errors import Busy, Code, Malformed
from axis.exchange.composing import Composer, StatusWish
from axis.ops.signing import node_signer
from axis.settings import Signing
from axis.terms import StatusCode
from axis.trust.certs import Organisation, Organisations, load_trust_store, read_certificates
from axis.trust.envelope import verify_envelope
from axis.trust.model import Overall
from axis.trust.occasion import Occasion
from axis.trust.paths import Judge
from axis.trust.pdf import verify_pdf
from axis.trust.pdf_signing import PdfSigning, sign_pdf
from axis.trust.policy import Policy
from axis.trust.sealing import sign_envelope
from axis.trust.token import TokenPlace, open_token
from tests.trust.papers import paper
from tests.trust.samples import envelope

MODULES = [
    path
    for path in (Path("/usr/lib/softhsm/libsofthsm2.so"), Path("/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"))
    if path.exists()
]
PIN = "24112026"


@dataclass(frozen=True, kw_only=True)
class Token:
    """A token with an agency's RSA key and its head's EC key."""

    pki: Pki

    def place(self, seal: Seal) -> TokenPlace:
        return TokenPlace(module=MODULES[0], slot="axis-test", key_label=seal)

    def judge(self) -> Judge:
        organisations = Organisations.of([Organisation(code="H24.11", names=("Sở Y tế",))])
        return Judge(load_trust_store(self.pki.trust), Policy(both_signatures=False), organisations)


def softhsm(*arguments: str) -> None:
    done = subprocess.run(["softhsm2-util", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Token | None]:
    if not MODULES:
        warnings.warn("SoftHSM2 (softhsm2) is not installed: no token to sign with", stacklevel=1)
        yield None
        return
    folder = tmp_path_factory.mktemp("token")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    # The library reads it when it is first loaded in this process, and keeps it.
    os.environ.setdefault("SOFTHSM2_CONF", str(folder / "softhsm2.conf"))
    softhsm("--init-token", "--free", "--label", "axis-test", "--so-pin", PIN, "--pin", PIN)
    pki = make_pki(folder / "pki", [Holder(code="H24.11", name="Sở Y tế")], SystemClock().now())
    for number, seal in enumerate((Seal.AGENCY, Seal.PERSON), 1):
        key = serialization.load_pem_private_key(pki.key("H24.11", seal).read_bytes(), None)
        plain = folder / "plain.key"
        plain.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        softhsm("--import", str(plain), "--token", "axis-test", "--label", seal, "--id", f"0{number}", "--pin", PIN)
        plain.unlink()
    yield Token(pki=pki)
    os.environ.pop("SOFTHSM2_CONF", None)


@pytest.mark.parametrize("seal", [Seal.AGENCY, Seal.PERSON], ids=["rsa", "ecdsa"])
def test_a_key_in_a_token_signs_an_envelope_and_a_pdf(token: Token | None, seal: Seal) -> None:
    if token is None:
        return
    chain = read_certificates(token.pki.certificate("H24.11", seal).read_bytes())
    at = SystemClock().now()
    with open_token(token.place(seal), PIN, chain) as signer:
        signed = sign_envelope(envelope(), signer)
        pdf = sign_pdf(paper(), signer, PdfSigning(at=at))
    occasion = Occasion(at=at + timedelta(seconds=1), senders=frozenset({"H24.11"}))
    found = verify_envelope(signed, token.judge(), occasion)
    assert (found.overall, found.signatures[0].algorithm) == (Overall.VALID, str(signer.scheme))
    assert verify_pdf(pdf, token.judge(), occasion).overall is Overall.VALID
    assert verify_envelope(signed.replace(b"H24.15", b"H24.16"), token.judge(), occasion).overall is Overall.INVALID


def test_what_does_not_fit_signs_nothing(token: Token | None) -> None:
    if token is None:
        return
    agency = read_certificates(token.pki.certificate("H24.11", Seal.AGENCY).read_bytes())
    system = read_certificates(token.pki.certificate("H24.11", Seal.SYSTEM).read_bytes())
    place = token.place(Seal.PERSON)
    for wrong, pin, certificates in (
        (token.place(Seal.AGENCY), "00000000", agency),
        (place, PIN, agency),  # of another kind of key
        (place, PIN, system),  # of another key of this kind
        (place, PIN, ()),  # the token carries none
        (TokenPlace(module=place.module, slot="axis-test"), PIN, agency),  # which of the two keys?
        (TokenPlace(module=place.module, slot="another", key_label=Seal.AGENCY), PIN, agency),
        (TokenPlace(module=Path("/nowhere/lib.so"), key_label=Seal.AGENCY), PIN, agency),
    ):
        with pytest.raises(Malformed), open_token(wrong, pin, certificates):
            raise AssertionError(wrong)


async def test_the_node_signs_with_a_token_and_says_when_it_is_gone(token: Token | None, tmp_path: Path) -> None:
    if token is None:
        return
    (tmp_path / "pin").write_text(f"{PIN}\n")
    signing = Signing(
        pkcs11_module=MODULES[0],
        pkcs11_slot="axis-test",
        pkcs11_key_label=Seal.AGENCY,
        pin_file=tmp_path / "pin",
        certificate_file=token.pki.certificate("H24.11", Seal.AGENCY),
    )
    wish = StatusWish(
        sender=Party(organ_id="H24.11"),
        response_for=ResponseFor(organ_id="H24.15", document_id="x"),
        code=StatusCode.ACCEPTED,
        at=SystemClock().now(),
    )
    with node_signer(signing) as signer:
        composer = Composer(signer)
        await composer.check_key()
        first, *others = await asyncio.gather(*(composer.compose_status(wish) for _ in range(20)))  # one at a time
        assert set(others) == {first}
    occasion = Occasion(at=SystemClock().now() + timedelta(seconds=1), senders=frozenset({"H24.11"}))
    assert verify_envelope(first, token.judge(), occasion).overall is Overall.VALID
    for use in (composer.check_key(), composer.compose_status(wish)):  # its session is over
        with pytest.raises(Busy) as gone:
            await use
        assert gone.value.code is Code.KEY_UNAVAILABLE
