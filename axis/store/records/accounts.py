"""Who may log in to the console, who is logged in, and who has looked at what."""

from dataclasses import dataclass
from datetime import datetime

from axis.terms import ViewKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A person's log-in to the console."""

    account_id: str
    username: str
    password_hash: str
    roles: str
    enabled: bool
    failures: int = 0
    locked_until: datetime | None = None
    created_at: datetime
    full_name: str = ""
    password_once: bool = False  # has to be changed at the next log-in
    password_until: datetime | None = None
    last_login_at: datetime | None = None
    totp_encrypted: bytes | None = None
    totp_step: int | None = None  # of the last code that was taken
    totp_failures: int = 0
    totp_locked_until: datetime | None = None
    sso_issuer: str | None = None
    sso_subject: str | None = None
    language: str = ""  # of the pages; "": none was chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountOrgan:
    """An organisation that an account acts for, everybody below it included."""

    account_id: str
    organ_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCode:
    """What opens an account in place of the code of a telephone, once."""

    account_id: str
    code_mac: str
    used_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A console session; the cookie holds the token whose digest this is."""

    token_sha256: str
    account_id: str
    csrf_token: str
    created_at: datetime
    expires_at: datetime
    session_id: str
    used_at: datetime
    address: str = ""
    browser: str = ""
    way: str = "password"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginStep:
    """A log-in that lacks the code of a telephone."""

    token_sha256: str
    account_id: str
    csrf_token: str
    next_path: str
    tries: int = 0
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SsoLogin:
    """A log-in that has been sent to the single sign-on and is not back yet."""

    state_sha256: str
    browser_sha256: str
    nonce: str
    verifier: str
    next_path: str
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSearch:
    """The address of a list that somebody wants to find again."""

    saved_id: str
    account_id: str
    name: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewing:
    """One look at a document, or one thing that was taken along."""

    viewing_id: str
    at: datetime
    account_id: str
    kind: ViewKind
    document_uid: str | None = None
    package_id: str | None = None
    position: int | None = None
    address: str = ""
    detail: str = ""
