"""A city's single sign-on for tests: Authlib's own server side, on a real socket; it can be made to do wrong."""

import json
import secrets
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from aiohttp import web
from aiohttp.test_utils import TestServer
from authlib.oauth2.rfc6749 import AuthorizationServer, OAuth2Payload, OAuth2Request
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core.grants import OpenIDCode
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.console.archive import Clock

CLIENT_ID, CLIENT_SECRET = "truc-h24", "bí mật của phép thử"
SUBJECT = "b0c4-người-dùng"
Spoil = Callable[[dict[str, Any], dict[str, Any]], str]
"""Makes another identity token of a right one's header and claims."""


@dataclass
class _Client:
    redirect_uri: str

    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_default_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return redirect_uri == self.redirect_uri

    def check_client_secret(self, client_secret: str) -> bool:
        return unquote(client_secret) == CLIENT_SECRET

    def check_endpoint_auth_method(self, method: str, _endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "authorization_code"


@dataclass
class _Issued:
    code: str
    request: OAuth2Request
    data: Mapping[str, str]

    def get_redirect_uri(self) -> str:
        return self.data["redirect_uri"]

    def get_scope(self) -> str:
        return self.data["scope"]

    def get_nonce(self) -> str:
        return self.data.get("nonce", "")

    def get_auth_time(self) -> None:
        return None

    get_acr = get_amr = get_auth_time

    @property
    def code_challenge(self) -> str | None:
        return self.data.get("code_challenge")

    @property
    def code_challenge_method(self) -> str | None:
        return self.data.get("code_challenge_method")


class _Payload(OAuth2Payload):
    def __init__(self, data: Mapping[str, str]) -> None:
        self._data = dict(data)

    @property
    def data(self) -> dict[str, str]:
        return self._data

    @property
    def datalist(self) -> Any:
        return defaultdict(list, {key: [value] for key, value in self._data.items()})


class _Request(OAuth2Request):
    def __init__(
        self, method: str, headers: Mapping[str, str], args: Mapping[str, str], form: Mapping[str, str]
    ) -> None:
        super().__init__(method, "https://sso.invalid/", headers=headers)  # it takes no other scheme
        self._args, self._form = dict(args), dict(form)
        self.payload = _Payload({**self._args, **self._form})

    @property
    def args(self) -> dict[str, str]:
        return self._args

    @property
    def form(self) -> dict[str, str]:
        return self._form


class _Server(AuthorizationServer):
    def __init__(self, client: _Client) -> None:
        super().__init__()
        self._client = client
        self.register_token_generator(
            "default", lambda **_: {"access_token": secrets.token_urlsafe(), "token_type": "Bearer", "scope": "openid"}
        )

    def query_client(self, client_id: str) -> _Client | None:
        return self._client if client_id == CLIENT_ID else None

    def save_token(self, token: Any, request: Any) -> None:
        """Nothing is asked with it."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def create_oauth2_request(self, request: Any) -> Any:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> web.Response:
        if isinstance(body, dict):
            return web.json_response(body, status=status)
        return web.Response(status=status, text=body or "", headers=dict(headers))


@dataclass
class Provider:
    """What it knows, and how it is made to misbehave."""

    clock: Clock
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "k1"}))
    published: list[RSAKey] = field(default_factory=list)  # besides the key
    claims: dict[str, Any] = field(default_factory=dict)  # of whoever logs in
    issuer: str = ""
    spoil: Spoil | None = None
    document: dict[str, Any] = field(default_factory=dict)  # said in place of what is right
    down: bool = False
    asked: list[str] = field(default_factory=list)
    server: Any = None
    codes: dict[str, _Issued] = field(default_factory=dict)
    reuse: bool = False  # whether it takes a code twice

    async def metadata(self, _: web.Request) -> web.Response:
        said = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/bye",
        }
        return web.json_response(said | self.document)

    async def jwks(self, _: web.Request) -> web.Response:
        keys = [key.as_dict(private=False) for key in (self.key, *self.published)]
        return web.json_response({"keys": [*keys, {"kty": "ZZ"}, {"kty": "oct", "k": "AAAA", "kid": "shared"}]})

    async def authorize(self, request: web.Request) -> Any:
        asked = _Request("GET", request.headers, request.query, {})
        user = {"sub": SUBJECT}
        grant = self.server.get_consent_grant(asked, end_user=user)
        return self.server.create_authorization_response(asked, grant_user=user, grant=grant)

    async def token(self, request: web.Request) -> Any:
        form = {name: str(value) for name, value in (await request.post()).items()}
        answer = self.server.create_token_response(_Request("POST", request.headers, {}, form))
        if self.spoil is not None and answer.status == 200:
            body = json.loads(answer.text)
            right = jwt.decode(body["id_token"], self.key)
            body["id_token"] = self.spoil(dict(right.header), dict(right.claims))
            return web.json_response(body)
        return answer

    @web.middleware
    async def watch(self, request: web.Request, handler: Any) -> Any:
        self.asked.append(request.path)
        if self.down:
            return web.Response(status=503, text="<html>")
        return await handler(request)


def _grants(provider: Provider) -> tuple[type, list[Any]]:
    class Grant(AuthorizationCodeGrant):
        TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

        def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
            provider.codes[code] = _Issued(code=code, request=request, data=dict(request.payload.data))

        def query_authorization_code(self, code: str, _client: Any) -> _Issued | None:
            return provider.codes.get(code)

        def delete_authorization_code(self, authorization_code: _Issued) -> None:
            if not provider.reuse:
                del provider.codes[authorization_code.code]

        def authenticate_user(self, _issued: _Issued) -> dict[str, str]:
            return {"sub": SUBJECT}

    class Code(OpenIDCode):
        def resolve_client_private_key(self, _client: Any) -> RSAKey:
            return provider.key

        def get_encode_header(self, _client: Any) -> dict[str, str]:
            return {"alg": "RS256", "kid": provider.key.kid or ""}

        def exists_nonce(self, nonce: str, _request: Any) -> bool:
            return any(issued.get_nonce() == nonce for issued in provider.codes.values())

        def generate_user_info(self, user: Any, _scope: str) -> dict[str, Any]:
            now = int(provider.clock.now().timestamp())
            times = {"iat": now, "exp": now + 300, "auth_time": now}
            return {"iss": provider.issuer, "sub": user["sub"], **times, **provider.claims}

    return Grant, [Code(require_nonce=True), CodeChallenge(required=True)]


@asynccontextmanager
async def running(clock: Clock, redirect_uri: str) -> AsyncIterator[Provider]:
    """A provider on a port of its own."""
    provider = Provider(clock=clock)
    provider.server = _Server(_Client(redirect_uri))
    provider.server.register_grant(*_grants(provider))
    app = web.Application(middlewares=[provider.watch])
    app.add_routes(
        [
            web.get("/.well-known/openid-configuration", provider.metadata),
            web.get("/jwks", provider.jwks),
            web.get("/authorize", provider.authorize),
            web.post("/token", provider.token),
        ]
    )
    async with TestServer(app, access_log=None) as server:
        provider.issuer = str(server.make_url("/")).rstrip("/")
        yield provider
