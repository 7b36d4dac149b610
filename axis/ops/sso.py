"""Single sign-on: an OpenID Connect provider tells who somebody is.

Norm: OpenID Connect Core 1.0 (authorization code flow), Discovery 1.0, RFC 7636 (PKCE, S256).

What the provider says counts only by its signature, by the keys that its own document names; only public-key
algorithms are taken, so that neither `none` nor a key taken for a shared secret opens anything. Documents and keys are
kept for a while, and asked for again when a token names a key that is not among them.
"""

import base64
import json
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

import aiohttp
import structlog
from aiohttp import hdrs
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, KeySet

from axis.clock import Clock
from axis.errors import PeerRefused, PeerUnreachable
from axis.ops.outward import FAILURES, check_url, connector, failure_words
from axis.settings import Sso

log = structlog.get_logger(__name__)

BACK: Final = "/login/sso/back"
ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
_ANSWER_BYTES: Final = 256 << 10
_TOKEN_CHARACTERS: Final = 32 << 10
_SUBJECT_CHARACTERS: Final = 255
_KINDS: Final = frozenset({"RSA", "EC", "OKP"})
_KEPT = timedelta(hours=1)
_ASKED_AGAIN = timedelta(minutes=1)  # at the earliest, for a key that is not known
_LEEWAY_S = 60  # clocks differ


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """A browser that is sent to the provider."""

    url: str
    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who somebody is, as the provider says."""

    issuer: str
    subject: str
    claims: Mapping[str, Any]

    def text(self, claim: str) -> str:
        """A claim as text; "" when it is none."""
        value = self.claims.get(claim)
        return value if isinstance(value, str) else ""

    def words(self, claim: str) -> tuple[str, ...]:
        """A claim as a list of words; one word counts as a list."""
        value = self.claims.get(claim)
        values = value if isinstance(value, list) else [value]
        return tuple(one for one in values if isinstance(one, str))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Provider:
    """What the provider's own document says."""

    authorization: str
    token: str
    jwks: str
    end_session: str
    basic: bool  # whether our secret goes into a header, else into the form
    read_at: datetime


class SingleSignOn:
    """The provider, from this node's side."""

    def __init__(self, rules: Sso, secret: str, clock: Clock) -> None:
        self.rules = rules
        self._secret = secret
        self._clock = clock
        self._provider: _Provider | None = None
        self._keys: tuple[KeySet, datetime] | None = None

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends browsers back to."""
        return self.rules.public_url.rstrip("/") + BACK

    async def leave(self) -> Leaving:
        """Where to send a browser, and what to remember. Raises PeerUnreachable, PeerRefused."""
        provider = await self._find_provider()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        query = urlencode(
            {
                "response_type": "code",
                "client_id": self.rules.client_id,
                "redirect_uri": self.redirect_uri,
                "scope": " ".join(self.rules.scopes),
                "state": state,
                "nonce": nonce,
                "code_challenge": create_s256_code_challenge(verifier),  # type: ignore[no-untyped-call] # of the stubs
                "code_challenge_method": "S256",
            }
        )
        joined = "&" if "?" in provider.authorization else "?"
        return Leaving(url=f"{provider.authorization}{joined}{query}", state=state, nonce=nonce, verifier=verifier)

    async def come_back(self, code: str, nonce: str, verifier: str) -> Identity:
        """Who came back with this code. Raises PeerUnreachable, PeerRefused for whatever cannot be trusted."""
        provider = await self._find_provider()
        answer = await self._exchange(provider, code, verifier)
        token = answer.get("id_token")
        if not isinstance(token, str) or len(token) > _TOKEN_CHARACTERS:
            raise PeerRefused("the provider gave no identity token")
        return await self._verify(provider, token, nonce, answer.get("access_token"))

    async def farewell(self) -> str | None:
        """Where a browser logs out of the provider as well; None where it has no such place, or does not answer."""
        try:
            provider = await self._find_provider()
        except (PeerUnreachable, PeerRefused):
            return None
        if not provider.end_session:
            return None
        back = self.rules.public_url.rstrip("/") + "/login"
        query = urlencode({"client_id": self.rules.client_id, "post_logout_redirect_uri": back})
        return f"{provider.end_session}{'&' if '?' in provider.end_session else '?'}{query}"

    async def _find_provider(self) -> _Provider:
        now = self._clock.now()
        if self._provider is not None and now - self._provider.read_at < _KEPT:
            return self._provider
        address = self.rules.issuer.rstrip("/") + "/.well-known/openid-configuration"
        said = await self._call("GET", address)
        if said.get("issuer") != self.rules.issuer:
            raise PeerRefused("the provider's document names another issuer")
        methods = said.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        self._provider = _Provider(
            authorization=self._address(said, "authorization_endpoint"),
            token=self._address(said, "token_endpoint"),
            jwks=self._address(said, "jwks_uri"),
            end_session=self._address(said, "end_session_endpoint") if "end_session_endpoint" in said else "",
            basic=not isinstance(methods, list) or "client_secret_basic" in methods,
            read_at=now,
        )
        return self._provider

    def _address(self, said: Mapping[str, Any], key: str) -> str:
        """An address in the provider's document: HTTPS, unless the issuer itself is on this machine."""
        address = said.get(key)
        secure = isinstance(address, str) and (
            address.startswith("https://") or self.rules.issuer.startswith("http://")
        )
        if not isinstance(address, str) or not secure:
            raise PeerRefused(f"the provider's document has no usable {key}")
        return address

    async def _exchange(self, provider: _Provider, code: str, verifier: str) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": verifier,
        }
        headers = {}
        if provider.basic:
            said = f"{quote(self.rules.client_id, safe='')}:{quote(self._secret, safe='')}"
            headers[hdrs.AUTHORIZATION] = "Basic " + base64.b64encode(said.encode()).decode()
        else:
            form |= {"client_id": self.rules.client_id, "client_secret": self._secret}
        return await self._call("POST", provider.token, data=form, headers=headers)

    async def _verify(self, provider: _Provider, token: str, nonce: str, access_token: object) -> Identity:
        try:
            try:
                said = jwt.decode(token, await self._find_keys(provider), algorithms=ALGORITHMS)
            except (JoseError, ValueError):  # perhaps by a key that is newer than those we know
                said = jwt.decode(token, await self._find_keys(provider, again=True), algorithms=ALGORITHMS)
            claims = CodeIDToken(
                said.claims,
                said.header,
                {
                    "iss": {"essential": True, "value": self.rules.issuer},
                    "aud": {"essential": True, "value": self.rules.client_id},
                },
                {"nonce": nonce, "client_id": self.rules.client_id, "access_token": access_token},
            )
            claims.validate(now=int(self._clock.now().timestamp()), leeway=_LEEWAY_S)
        except (JoseError, ValueError, TypeError, KeyError) as e:
            log.warning("sso_token_refused", error=f"{type(e).__name__}: {e}"[:200])
            raise PeerRefused("the identity token cannot be trusted") from e
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 0 < len(subject) <= _SUBJECT_CHARACTERS or "\0" in subject:
            raise PeerRefused("the identity token names nobody")
        return Identity(issuer=self.rules.issuer, subject=subject, claims=dict(claims))

    async def _find_keys(self, provider: _Provider, *, again: bool = False) -> KeySet:
        now = self._clock.now()
        if self._keys is not None:
            keys, read_at = self._keys
            if now - read_at < (_ASKED_AGAIN if again else _KEPT):
                return keys
        said = await self._call("GET", provider.jwks)
        keys = _public_keys(said.get("keys"))
        self._keys = keys, now
        return keys

    async def _call(self, method: str, address: str, **more: Any) -> Mapping[str, Any]:  # noqa: ANN401 - of aiohttp
        """One call, bounded in time and size, without redirects. Raises PeerUnreachable, PeerRefused."""
        private = self.rules.private_addresses
        try:
            url = check_url(address, private_addresses=private)
            async with (
                aiohttp.ClientSession(
                    connector=connector(private_addresses=private),
                    timeout=aiohttp.ClientTimeout(total=self.rules.timeout_s),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    headers={"Accept": "application/json"},
                ) as session,
                session.request(method, url, allow_redirects=False, **more) as response,
            ):
                body = await response.content.read(_ANSWER_BYTES + 1)
                while len(body) <= _ANSWER_BYTES and (more_bytes := await response.content.read(_ANSWER_BYTES)):
                    body += more_bytes
                status = response.status
        except FAILURES as e:
            log.warning("sso_unreachable", error=failure_words(e))
            raise PeerUnreachable("the single sign-on does not answer") from e
        return _read(status, body)


def _read(status: int, body: bytes) -> Mapping[str, Any]:
    if status >= 500:  # noqa: PLR2004 - its own trouble
        raise PeerUnreachable(f"the single sign-on answered {status}")
    try:
        said = json.loads(body) if len(body) <= _ANSWER_BYTES else None
    except ValueError:
        said = None
    if status != 200 or not isinstance(said, dict):  # noqa: PLR2004
        raise PeerRefused(f"the single sign-on answered {status}")
    return said


def _public_keys(listed: object) -> KeySet:
    """The keys that signatures may be checked with; others, and those that cannot be read, are passed over."""
    found = []
    for key in listed if isinstance(listed, list) else []:
        if isinstance(key, dict) and key.get("kty") in _KINDS and key.get("use", "sig") == "sig":
            with suppress(JoseError, ValueError, TypeError, KeyError):
                found.append(JWKRegistry.import_key(key))
    if not found:
        raise PeerRefused("the provider has no key that signatures could be checked with")
    return KeySet(found)
