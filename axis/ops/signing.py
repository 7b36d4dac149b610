"""The node's own key, as the settings name it: loaded once when the node starts."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from axis.errors import Code, Malformed
from axis.settings import Signing
from axis.trust.certs import Certificate, read_certificates
from axis.trust.signers import Signer, load_signer
from axis.trust.token import TokenPlace, open_token


@contextmanager
def node_signer(signing: Signing) -> Iterator[Signer | None]:
    """What the node signs with, None when it has no key; good until the context is left.

    Raises Malformed(BAD_FILE, BAD_SETTINGS) for a key that is missing, locked, or without its certificate.
    """
    if signing.pkcs11_module is not None:
        place = TokenPlace(module=signing.pkcs11_module, slot=signing.pkcs11_slot, key_label=signing.pkcs11_key_label)
        with open_token(place, signing.read_pin(), _certificates(signing)) as signer:
            yield signer
    elif signing.key_file is not None:
        certificates = _content(signing.certificate_file) if signing.certificate_file else b""
        try:
            loaded = load_signer(_content(signing.key_file), certificates, password=signing.read_password())
        except Malformed as e:
            raise Malformed(e.code, e.detail, at=e.at or str(signing.key_file)) from e
        yield loaded
    else:
        yield None


def _certificates(signing: Signing) -> tuple[Certificate, ...]:
    path = signing.certificate_file
    return read_certificates(_content(path), at=str(path)) if path else ()


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as e:
        raise Malformed(Code.BAD_FILE, f"cannot be read: {e.strerror}", at=str(path)) from e
