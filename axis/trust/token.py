"""Signers whose key stays in a PKCS #11 token: a smart card, a USB token, a security module.

Only digests or what is to be digested go in, and signature values come out. The certificate is read from the token or
given; that it fits the key is tried out before anything is signed.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pkcs11
from cryptography.hazmat.primitives.asymmetric import ec
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass

from axis.errors import Busy, Code, Malformed
from axis.trust.algorithms import Scheme, verify_raw
from axis.trust.certs import Certificate, parse_certificate
from axis.trust.signers import in_order

_PROBE = b"axis: does this key fit its certificate?"
_STRONG_BITS = 256  # P-384 and above go with SHA-384
_RETRY_S = 60
_RSA_MECHANISM = Mechanism.SHA256_RSA_PKCS


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPlace:
    """Which key in which token."""

    module: Path  # the maker's PKCS #11 library
    slot: str = ""  # its number or the token's label; "" when there is one token
    key_label: str = ""  # "" when there is one private key


class TokenSigner:
    """A signer in a token; good while its session is open."""

    def __init__(self, key: Any, chain: tuple[Certificate, ...]) -> None:  # noqa: ANN401 - the library ships no types
        self._key = key
        self._chain = chain
        public = chain[0].public_key
        if isinstance(public, ec.EllipticCurvePublicKey):
            strong = public.curve.key_size > _STRONG_BITS
            self._scheme = Scheme(family="ecdsa", hash_name="sha384" if strong else "sha256")
        else:
            self._scheme = Scheme(family="rsa", hash_name="sha256")

    @property
    def chain(self) -> tuple[Certificate, ...]:
        """The certificate, then those that lead from it towards the root."""
        return self._chain

    @property
    def scheme(self) -> Scheme:
        """What it signs with."""
        return self._scheme

    def sign(self, data: bytes) -> bytes:
        """An XML signature value over data. Raises Busy(KEY_UNAVAILABLE) when the token does not work."""
        try:
            return self._sign(data)
        except pkcs11.PKCS11Error as e:
            raise Busy(Code.KEY_UNAVAILABLE, f"PKCS #11: {type(e).__name__}", retry_after_s=_RETRY_S) from e

    def _sign(self, data: bytes) -> bytes:
        if self._scheme.family == "ecdsa":
            # Hashed here: not every token can hash for ECDSA, and r and s come as XML wants them.
            digest = hashlib.new(self._scheme.hash_name, data).digest()
            return bytes(self._key.sign(digest, mechanism=Mechanism.ECDSA))
        return bytes(self._key.sign(data, mechanism=_RSA_MECHANISM))


@contextmanager
def open_token(place: TokenPlace, pin: str, certificates: tuple[Certificate, ...] = ()) -> Iterator[TokenSigner]:
    """A signer for as long as the token's session is open.

    certificates: the key's own and its issuers'; those in the token when none are given. Raises Malformed(BAD_FILE) for
    a library, token, PIN, key or certificate that is missing, wrong or not the only one.
    """
    try:
        token = _token(place)
        with token.open(user_pin=pin) as session:
            key = _only(_keys(session, place.key_label), "private key", place)
            chain = _chain(key, certificates or tuple(_carried(session)), place)
            yield TokenSigner(key, chain)
    except pkcs11.PKCS11Error as e:
        raise Malformed(Code.BAD_FILE, f"PKCS #11: {type(e).__name__} {e}".rstrip(), at=str(place.module)) from e


def _token(place: TokenPlace) -> Any:  # noqa: ANN401 - as above
    try:
        slots = pkcs11.lib(str(place.module)).get_slots(token_present=True)
    except RuntimeError as e:
        raise Malformed(Code.BAD_FILE, f"PKCS #11: {e}", at=str(place.module)) from e
    tokens = [(slot.slot_id, slot.get_token()) for slot in slots]
    ready = [(number, token) for number, token in tokens if token.flags & pkcs11.TokenFlag.TOKEN_INITIALIZED]
    wanted = [token for number, token in ready if place.slot in ("", str(number), token.label.strip())]
    return _only(wanted, "token", place)


def _keys(session: Any, label: str) -> list[Any]:  # noqa: ANN401 - as above
    wanted: dict[Attribute, object] = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
    if label:
        wanted[Attribute.LABEL] = label
    found = list(session.get_objects(wanted))
    return [key for key in found if key.key_type in (KeyType.RSA, KeyType.EC)]


def _carried(session: Any) -> Iterator[Certificate]:  # noqa: ANN401 - as above
    for found in session.get_objects({Attribute.CLASS: ObjectClass.CERTIFICATE}):
        try:
            yield parse_certificate(bytes(found[Attribute.VALUE]))
        except ValueError:
            continue  # what else lies in the token is not ours to judge


def _only(found: list[Any], what: str, place: TokenPlace) -> Any:  # noqa: ANN401 - as above
    if len(found) != 1:
        raise Malformed(Code.BAD_FILE, f"{len(found)} fitting: {what}", at=str(place.module))
    return found[0]


def _chain(key: Any, certificates: tuple[Certificate, ...], place: TokenPlace) -> tuple[Certificate, ...]:  # noqa: ANN401
    """The certificate that fits the key, and its issuers: tried out, since tokens name their objects as they like."""
    for certificate in certificates:
        of_ec = isinstance(certificate.public_key, ec.EllipticCurvePublicKey)
        if certificate.is_authority or of_ec != (key.key_type is KeyType.EC):
            continue
        probe = TokenSigner(key, (certificate,))
        if verify_raw(certificate.public_key, probe.scheme, probe.sign(_PROBE), _PROBE):
            return in_order(certificate, certificates)
    raise Malformed(Code.BAD_FILE, "no certificate for this key", at=str(place.module))
