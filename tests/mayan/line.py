"""The line to Mayan: what goes over it is counted, broken at a chosen call, answered otherwise, and recorded."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

_KEPT_ROWS = 2
_KEPT_TEXT = 300


@dataclass
class Answer:
    """What is answered in Mayan's place."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Line:
    """A reverse proxy on loopback."""

    target: str
    url: str = ""
    beside: str = ""  # the same without anything of that but the recording, for clerks
    calls: list[str] = field(default_factory=list)
    cut_at: int = 0  # the call, counted from 1, at which the line breaks; 0: none
    cut_after: bool = False  # Mayan has done it
    answers: dict[str, Answer] = field(default_factory=dict)  # by a pattern of "METHOD path"
    before: Callable[[str], None] | None = None  # told of each call
    recorded: dict[str, dict[str, Any]] = field(default_factory=dict)

    def broken(self, at: int, *, after: bool) -> None:
        """Break at the call that is so many calls ahead."""
        self.cut_at, self.cut_after = len(self.calls) + at, after

    def whole(self) -> None:
        """From now on it works."""
        self.cut_at = 0
        self.answers.clear()
        self.before = None

    async def handle(self, request: web.Request, session: aiohttp.ClientSession) -> web.StreamResponse:
        call = f"{request.method} {request.path.removeprefix('/api/v4/')}"
        self.calls.append(call)
        cut = self.cut_at and len(self.calls) >= self.cut_at
        if self.before is not None:
            await asyncio.to_thread(self.before, call)
        if cut and not (self.cut_after and len(self.calls) == self.cut_at):
            return self._break(request)
        for pattern, answer in self.answers.items():
            if re.search(pattern, call):
                return web.Response(
                    status=answer.status,
                    body=answer.body,
                    headers={"Content-Type": answer.content_type, **answer.headers},
                )
        try:
            async with session.request(
                request.method,
                f"{self.target}{request.rel_url}",
                data=await request.read() or None,
                headers={k: v for k, v in request.headers.items() if k not in ("Host", "Accept-Encoding")},
                allow_redirects=False,
            ) as got:
                body = await got.read()
        except aiohttp.ClientError:
            return self._break(request)
        if cut:
            return self._break(request)
        content_type = got.headers.get("Content-Type", "")
        self._record(request, got.status, content_type, body)
        return web.Response(status=got.status, body=body, headers={"Content-Type": content_type} if body else {})

    def _break(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    def _record(self, request: web.Request, status: int, content_type: str, body: bytes) -> None:
        path = re.sub(r"(?<=/)[0-9]+(?=/)", "N", request.path.removeprefix("/api/v4/"))
        name = f"{request.method} {path} {status}"
        found: Any = None
        if "json" in content_type:
            found = json.loads(body.replace(self.target.encode(), b"http://mayan.invalid"))
            if isinstance(found, dict) and isinstance(found.get("results"), list):
                found["results"] = found["results"][:_KEPT_ROWS]
                found["next"] = found["previous"] = None
        elif "html" in content_type:
            found = body.decode("utf-8", "replace")[:_KEPT_TEXT]
        if name not in self.recorded or _says_more(found, self.recorded[name]["body"]):
            self.recorded[name] = {
                "method": request.method,
                "path": path,
                "status": status,
                "content_type": content_type.partition(";")[0],
                "body": found,
            }

    def write(self, folder: Path) -> int:
        """What Mayan answered, one file for each kind of call."""
        folder.mkdir(exist_ok=True)
        for name, answer in self.recorded.items():
            stem = re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()
            text = json.dumps(answer, ensure_ascii=False, indent=1, sort_keys=True)
            path = folder / f"{stem}.json"
            if not path.exists() or _says_more(answer["body"], json.loads(path.read_text())["body"]):
                path.write_text(text + "\n")
        return len(self.recorded)


def _says_more(new: Any, old: Any) -> bool:
    """A list with rows is worth more than one without; else the first answer stays."""
    return isinstance(old, dict) and old.get("results") == [] and new["results"] != []


@asynccontextmanager
async def line_to(target: str) -> AsyncIterator[Line]:
    """A line to a Mayan."""
    line = Line(target=target)
    async with aiohttp.ClientSession(auto_decompress=True) as session:

        async def handle(request: web.Request) -> web.StreamResponse:
            return await line.handle(request, session)

        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{tail:.*}", handle)
        beside = Line(target=target, recorded=line.recorded)

        async def handle_beside(request: web.Request) -> web.StreamResponse:
            return await beside.handle(request, session)

        quiet = web.Application(client_max_size=1 << 30)
        quiet.router.add_route("*", "/{tail:.*}", handle_beside)
        async with TestServer(app) as server, TestServer(quiet) as other:
            line.url, line.beside = (str(one.make_url("")).rstrip("/") for one in (server, other))
            yield line
