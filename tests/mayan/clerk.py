"""A clerk at Mayan, by the same REST API: files, tags, moves the workflow on, and reads what the node has done."""

import itertools
from dataclasses import dataclass, field
from typing import Any, Self

import aiohttp

STATES = ("Đã đến", "Vào sổ", "Phân công", "Đang xử lý", "Hoàn thành")
REFUSED = "Từ chối"
WORKFLOW = "Xử lý văn bản đến"
MEANINGS = "Đã đến=01, Vào sổ=03, Phân công=04, Đang xử lý=05, Hoàn thành=06, Từ chối=02"
ARRIVING, LEAVING = "Văn bản đến", "Văn bản đi"


@dataclass
class Clerk:
    """Somebody with a token."""

    url: str
    token: str
    session: aiohttp.ClientSession = field(init=False)

    async def __aenter__(self) -> Self:
        self.session = aiohttp.ClientSession(headers={"Authorization": f"Token {self.token}"})
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def call(self, method: str, path: str, **request: Any) -> Any:
        async with self.session.request(method, f"{self.url}/api/v4/{path}", **request) as answer:
            assert answer.status < 300, (method, path, answer.status, await answer.text())
            return await answer.json() if answer.content_type == "application/json" else await answer.read()

    async def each(self, path: str) -> list[dict[str, Any]]:
        rows, page = [], 1
        while True:
            answer = await self.call("GET", path, params={"page_size": "100", "page": str(page)})
            rows += answer["results"]
            if not answer["next"]:
                return rows
            page += 1

    async def make_workflow(self, label: str, document_type: int) -> None:
        """The workflow of what arrives: five states in a row, and a refusal at the first."""
        ref = (
            await self.call(
                "POST",
                "workflow_templates/",
                json={"label": label, "internal_name": f"w{document_type}", "auto_launch": True},
            )
        )["id"]
        states = {}
        for label_of in (*STATES, REFUSED):
            body = {
                "label": label_of,
                "initial": label_of == STATES[0],
                "final": label_of in (STATES[-1], REFUSED),
                "completion": 0,
            }
            states[label_of] = (await self.call("POST", f"workflow_templates/{ref}/states/", json=body))["id"]
        steps = [*itertools.pairwise(STATES), (STATES[0], REFUSED)]
        for origin, target in steps:
            body = {"label": f"→ {target}", "origin_state_id": states[origin], "destination_state_id": states[target]}
            await self.call("POST", f"workflow_templates/{ref}/transitions/", json=body)
        await self.call(
            "POST", f"workflow_templates/{ref}/document_types/add/", json={"document_type_id": document_type}
        )

    async def documents(self, type_label: str) -> list[dict[str, Any]]:
        """All of a type, the oldest first."""
        rows = [row for row in await self.each("documents/") if row["document_type"]["label"] == type_label]
        return sorted(rows, key=lambda row: row["id"])

    async def write(self, type_label: str, label: str, said: dict[str, str], files: dict[str, bytes]) -> int:
        """A document of one's own, with metadata and files."""
        kinds = {row["label"]: row["id"] for row in await self.each("document_types/")}
        names = {row["name"]: row["id"] for row in await self.each("metadata_types/")}
        body = {"document_type_id": kinds[type_label], "label": label, "language": "vie"}
        ref: int = (await self.call("POST", "documents/", json=body))["id"]
        for name, value in said.items():
            body = {"metadata_type_id": names[f"axis_{name}"], "value": value}
            await self.call("POST", f"documents/{ref}/metadata/", json=body)
        for number, (name, content) in enumerate(files.items()):
            form = aiohttp.FormData(quote_fields=False)
            form.add_field("action_name", "append" if number else "replace")
            form.add_field("filename", name)
            form.add_field("file_new", content, filename="file.pdf", content_type="application/pdf")
            await self.call("POST", f"documents/{ref}/files/", data=form)
        return ref

    async def tag(self, ref: int, label: str) -> None:
        tags = {row["label"]: row["id"] for row in await self.each("tags/")}
        await self.call("POST", f"documents/{ref}/tags/attach/", json={"tag": tags[label]})

    async def tags(self, ref: int) -> set[str]:
        return {row["label"] for row in await self.each(f"documents/{ref}/tags/")}

    async def comments(self, ref: int) -> list[str]:
        return [row["text"] for row in await self.each(f"documents/{ref}/comments/")]

    async def metadata(self, ref: int) -> dict[str, str]:
        rows = await self.each(f"documents/{ref}/metadata/")
        return {row["metadata_type"]["name"].removeprefix("axis_"): row["value"] or "" for row in rows}

    async def set(self, ref: int, name: str, value: str) -> None:
        for row in await self.each(f"documents/{ref}/metadata/"):
            if row["metadata_type"]["name"] == f"axis_{name}":
                await self.call("PATCH", f"documents/{ref}/metadata/{row['id']}/", json={"value": value})
                return
        raise LookupError(name)

    async def files(self, ref: int) -> dict[str, bytes]:
        return {
            row["filename"]: await self.call("GET", f"documents/{ref}/files/{row['id']}/download/")
            for row in await self.each(f"documents/{ref}/files/")
        }

    async def count_files(self, ref: int) -> int:
        return len(await self.each(f"documents/{ref}/files/"))

    async def move(self, ref: int, state: str, comment: str = "") -> None:
        """One step of the workflow."""
        (flow,) = await self.each(f"documents/{ref}/workflow_instances/")
        path = f"documents/{ref}/workflow_instances/{flow['id']}/log_entries/"
        steps = {row["destination_state"]["label"]: row["id"] for row in await self.each(f"{path}transitions/")}
        await self.call("POST", path, json={"transition_id": steps[state], "comment": comment})

    async def trash(self, ref: int) -> None:
        await self.call("DELETE", f"documents/{ref}/")
