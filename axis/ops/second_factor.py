"""The second factor of a log-in: codes of a telephone, and recovery codes in their place.

Norm: RFC 6238 (TOTP: SHA-1, six digits, thirty seconds, one step to either side), RFC 4226.

The secret is stored encrypted with the node's key, recovery codes as HMACs under a key of the node's: who has a copy of
the database alone can make no code.
"""

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import Final

import pyotp
import segno

from axis.errors import AxisError
from axis.keys import NodeKey, typeable
from axis.store.records import Account
from axis.store.second_factors import Attempt

RECOVERY_CODES: Final = 10
STEP_S: Final = 30
_DIGITS = 6
_BESIDE = 1  # steps before and after the present one whose codes are taken: clocks differ
_OFFER_GOOD = timedelta(minutes=15)
_KNOWN_GOOD = timedelta(days=180)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A secret that is shown once, to be taken into a telephone."""

    secret: str  # base32, to be typed in where there is no camera
    sealed: str  # for the form that comes back: only this node can open it
    picture: str  # QR code, SVG


class SecondFactor:
    """Makes and checks codes.

    issuer: the node's name, as the telephone shows it.
    """

    def __init__(self, key: NodeKey, issuer: str) -> None:
        self._key = key
        self._issuer = issuer
        self._mac_key = key.derive("recovery codes")
        self._browser_key = key.derive("known browsers")

    def offer(self, account: Account, now: datetime, secret: str | None = None) -> Offer:
        """A new secret for an account (or the one that was offered before, once more); nothing is stored."""
        chosen = secret or pyotp.random_base32()
        uri = pyotp.TOTP(chosen).provisioning_uri(name=account.username, issuer_name=self._issuer)
        drawn = BytesIO()
        segno.make(uri, error="m").save(drawn, kind="svg", scale=4, border=2, xmldecl=False, svgns=False, light="#fff")
        sealed = self._key.encrypt(json.dumps([account.account_id, chosen, now.timestamp()])).decode()
        return Offer(secret=chosen, sealed=sealed, picture=drawn.getvalue().decode())

    def opened(self, account: Account, sealed: str, now: datetime) -> str | None:
        """The secret of an offer to this account that is not too old; None for anything else."""
        try:
            account_id, secret, at = json.loads(self._key.decrypt(sealed.encode()))
        except (AxisError, ValueError):
            return None
        age = now.timestamp() - at
        return secret if account_id == account.account_id and 0 <= age <= _OFFER_GOOD.total_seconds() else None

    def encrypt(self, secret: str) -> bytes:
        """A secret as it is stored."""
        return self._key.encrypt(secret)

    def attempt(self, account: Account, typed: str, now: datetime) -> Attempt:
        """What somebody typed, as it can be compared inside a transaction. It says not yet that it is right."""
        code = "".join(typed.split()).lower()
        if code.isascii() and code.isdigit():
            secret = self._key.decrypt(account.totp_encrypted).decode() if account.totp_encrypted else None
            return Attempt(step=None if secret is None else matching_step(secret, code, now))
        return Attempt(code_mac=self.mac(account.account_id, code))

    def recovery_codes(self, account_id: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """New recovery codes, as they are shown once, and as they are stored."""
        codes = tuple(typeable(2) for _ in range(RECOVERY_CODES))
        return codes, tuple(self.mac(account_id, code) for code in codes)

    def mac(self, account_id: str, code: str) -> str:
        """A recovery code as it is stored; hyphens do not matter."""
        said = f"{account_id} {code.replace('-', '')}".encode()
        return hmac.new(self._mac_key, said, hashlib.sha256).hexdigest()

    def browser_mark(self, account: Account, now: datetime) -> str:
        """What a browser keeps that has logged in to this account: strangers' wrong passwords do not lock it out."""
        until = int((now + _KNOWN_GOOD).timestamp())
        mark = f"{until}.{secrets.token_urlsafe(12)}"
        return f"{mark}.{self._browser_mac(account, mark)}"

    def known_browser(self, account: Account, mark: str, now: datetime) -> str | None:
        """The name of the browser that bears this mark of this account; None when it bears none, or a forged one."""
        said, _, mac = mark.rpartition(".")
        until, _, name = said.partition(".")
        if not hmac.compare_digest(mac.encode(), self._browser_mac(account, said).encode()):
            return None
        return name if until.isdigit() and int(until) > now.timestamp() else None

    def _browser_mac(self, account: Account, said: str) -> str:
        """Another password makes all marks worthless."""
        text = f"{account.account_id} {hashlib.sha256(account.password_hash.encode()).hexdigest()} {said}".encode()
        return base64.urlsafe_b64encode(hmac.new(self._browser_key, text, hashlib.sha256).digest()).decode().rstrip("=")


def matching_step(secret: str, code: str, now: datetime) -> int | None:
    """The time step, near the present one, whose code this is; every candidate is compared, whichever fits."""
    present = int(now.timestamp()) // STEP_S
    totp = pyotp.TOTP(secret, digits=_DIGITS, interval=STEP_S)
    fitting = [
        step
        for step in range(present - _BESIDE, present + _BESIDE + 1)
        if hmac.compare_digest(totp.generate_otp(step), code)
    ]
    return max(fitting, default=None)


def is_required(roles: Sequence[str], required_for: Sequence[str]) -> bool:
    """Whether somebody with these roles needs a second factor."""
    return not frozenset(roles).isdisjoint(required_for)
