"""The node's own key: encrypts the secrets that must be kept readable (HMAC secrets of connected systems).

It is also the root of the keys that the node needs for one purpose each (signed links, couriers).

The key is a file of its own beside the database, readable by its owner only; whoever has a copy of the database alone
has no secrets. It is made by `axis init`, and belongs into the backup, apart from the data.
"""

import base64
import hashlib
import os
import re
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from axis.errors import Code, Internal, Malformed

_SECRET_BYTES = 32
_TYPEABLE = "abcdefghjkmnpqrstuvwxyz23456789"  # none that looks like another
_GROUP_LETTERS = 5
_TOKEN_PREFIX = "axt_"  # noqa: S105 - of every token, and no secret: so that a token that lies about is known for what it is
_TOKEN_FORM = re.compile(_TOKEN_PREFIX + "[A-Za-z0-9_-]{43}")


class NodeKey:
    """Encrypts and decrypts small secrets (Fernet: AES-128-CBC with HMAC-SHA-256)."""

    def __init__(self, key: bytes) -> None:
        self._fernet = Fernet(key)
        self._key = key

    @classmethod
    def create(cls, path: Path) -> "NodeKey":
        """Make a new key file, mode 0600. Raises Malformed(BAD_FILE) if there is one already."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError as e:
            raise Malformed(Code.BAD_FILE, "a node key exists already and is never overwritten", at=str(path)) from e
        with os.fdopen(handle, "wb") as file:
            file.write(Fernet.generate_key())
            file.flush()
            os.fsync(file.fileno())
        return cls.load(path)

    @classmethod
    def load(cls, path: Path) -> "NodeKey":
        """Read the key file. Raises Malformed(BAD_FILE) when it is missing or not a key."""
        try:
            return cls(path.read_bytes().strip())
        except (OSError, ValueError) as e:
            raise Malformed(Code.BAD_FILE, f"node key unreadable: {e}", at=str(path)) from e

    def encrypt(self, secret: str) -> bytes:
        """The secret in a form that may be stored."""
        return self._fernet.encrypt(secret.encode())

    def decrypt(self, encrypted: bytes) -> bytes:
        """The secret's UTF-8 bytes. Raises Internal when this key did not encrypt it."""
        try:
            return self._fernet.decrypt(encrypted)
        except InvalidToken as e:
            raise Internal("a stored secret was encrypted with another node key") from e

    def derive(self, purpose: str) -> bytes:
        """32 bytes for one purpose: always the same, and telling nothing of the key or of another purpose's.

        Norm: RFC 5869 (HKDF with SHA-256).
        """
        root = base64.urlsafe_b64decode(self._key)
        return HKDF(algorithm=SHA256(), length=_SECRET_BYTES, salt=None, info=b"axis " + purpose.encode()).derive(root)


def new_secret() -> str:
    """A new HMAC secret: 43 URL-safe characters, 256 bits."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def typeable(groups: int) -> str:
    """A random word that can be typed from paper, in groups of five letters with 24 bits each."""
    return "-".join("".join(secrets.choice(_TYPEABLE) for _ in range(_GROUP_LETTERS)) for _ in range(groups))


def new_token() -> str:
    """A new token of the REST API: 256 random bits, shown once."""
    return _TOKEN_PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def is_token(text: str) -> bool:
    """Whether a text has a token's form."""
    return _TOKEN_FORM.fullmatch(text) is not None


def token_digest(token: str) -> str:
    """What is stored of a token. So many random bits need no slow hash: nobody can try them all."""
    return hashlib.sha256(token.encode()).hexdigest()
