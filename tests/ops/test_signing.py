"""The node's own key, from files and from a token."""

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from axis.errors import Busy, Code, Malformed
from axis.exchange.composing import Composer
from axis.ops.signing import node_signer
from axis.settings import Signing
from axis.trust.signers import KeySigner
from tests.cli.sealed import sealed
from tests.trust import pki

PAIR = sealed().pki.key("H24.3"), sealed().pki.certificate("H24.3")


def test_a_key_with_its_certificate_and_a_pkcs12_file_sign(tmp_path: Path) -> None:
    key, certificate = PAIR
    with node_signer(Signing(key_file=key, certificate_file=certificate)) as signer:
        assert signer is not None
        assert len(signer.chain) == 2
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    content = pkcs12.serialize_key_and_certificates(
        b"axis", private, signer.chain[0].crypto, None, serialization.BestAvailableEncryption(b"mat-khau")
    )  # type: ignore[arg-type]
    (tmp_path / "axis.p12").write_bytes(content)
    (tmp_path / "word").write_text("mat-khau\n")
    with node_signer(Signing(key_file=tmp_path / "axis.p12", password_file=tmp_path / "word")) as same:
        assert same is not None
        assert same.chain[0] == signer.chain[0]
    with node_signer(Signing()) as nobody:
        assert nobody is None


@pytest.mark.parametrize("what", ["no file", "no certificate", "another's certificate", "no key", "no token"])
def test_a_key_that_cannot_sign_is_said_at_once_and_where(tmp_path: Path, what: str) -> None:
    key, certificate = PAIR
    (tmp_path / "junk").write_text("junk")
    signing = {
        "no file": Signing(key_file=tmp_path / "none"),
        "no certificate": Signing(key_file=key),
        "another's certificate": Signing(key_file=key, certificate_file=sealed().pki.certificate("H24.5")),
        "no key": Signing(key_file=tmp_path / "junk", certificate_file=certificate),
        "no token": Signing(pkcs11_module=tmp_path / "none.so", pin_file=tmp_path / "junk"),
    }[what]
    with pytest.raises(Malformed) as refused, node_signer(signing):
        raise AssertionError(what)
    assert refused.value.code is Code.BAD_FILE
    assert refused.value.at


class Forgetful(KeySigner):
    """A key whose signatures are not its own."""

    def sign(self, data: bytes) -> bytes:
        """A signature over something else."""
        return super().sign(data + b"!")


async def test_a_key_is_tried_out_for_the_nodes_health() -> None:
    good = pki.signer("agency")
    await Composer(good).check_key()
    await Composer(None).check_key()
    with pytest.raises(Busy) as useless:
        await Composer(Forgetful(key=good.key, chain=good.chain, scheme=good.scheme)).check_key()
    assert useless.value.code is Code.KEY_UNAVAILABLE
