"""All that was done with a document, at the command line: sent, updated, recalled, answered, replaced."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from axis.demo.processes import NodeProcess
from axis.edxml.model import Business, DocumentPackage, Package, ReplacementInfo
from axis.edxml.writer import to_bytes
from tests.cli.conftest import Home, Ran
from tests.exchange.harness import a_document, a_status, an_act


@pytest.fixture
async def node(home: Home) -> AsyncIterator[NodeProcess]:
    for system_id, serves in (("so-xd", "H24.3"), ("p-le-chan", "H24.42")):
        await asyncio.to_thread(home.axis, "system", "add", system_id, "--serves", serves)
    process = home.process()
    await process.start()
    yield process
    await process.stop()


def a_replacement(of: DocumentPackage) -> DocumentPackage:
    """Another document in its place."""
    infos = (ReplacementInfo(document_id=of.header.document_id, organ_ids=()),)
    other = a_document("H24.42", sender="H24.3", number="102")
    return replace(other, header=replace(other.header, business=Business(business_doc_type="3", replacements=infos)))


@pytest.mark.usefixtures("node")
async def test_a_document_is_shown_with_acts_answers_changes_and_links(home: Home, tmp_path: Path) -> None:
    async def axis(*arguments: object) -> Ran:
        return await asyncio.to_thread(home.axis, *arguments)

    async def send(package: Package, system: str = "so-xd") -> str:
        file = tmp_path / "package.edxml"
        file.write_bytes(to_bytes(package))
        ran = await axis("send", file, "--system", system)
        assert ran.code == 0, ran.err
        return ran.out.strip()

    letter = a_document("H24.42", "H24.3.12", sender="H24.3", number="101")
    await send(letter)
    update = an_act(letter, "2")
    await send(replace(update, header=replace(update.header, subject="V/v rà soát lần hai")))
    recall = await send(an_act(letter, "1", "H24.42"))
    await send(a_status(letter, "15", "H24.42"), "p-le-chan")
    await send(a_replacement(letter))
    document_id = letter.header.document_id
    ran = await axis("documents", "show", document_id, "--json")
    assert ran.code == 0, ran.err
    (shown,) = ran.json["documents"]
    assert (shown["subject"], shown["state"]) == ("V/v rà soát lần hai", "open")
    receivers = {one["organ"]: (one["transport"], one["state"]) for one in shown["receivers"]}
    assert receivers == {"H24.42": ("cancelled", "recall_agreed"), "H24.3.12": ("queued", "open")}
    replaced, recalled, updated = shown["acts"]
    assert [(act["kind"], act["effect"]) for act in shown["acts"]] == [
        ("replace", "nothing"),
        ("recall", "applied"),
        ("update", "applied"),
    ]
    assert (recalled["package_id"], recalled["reason"], recalled["agreed"]) == (recall, "có sai sót", 1)
    assert [(one["organ"], one["answer"]) for one in recalled["answers"]] == [("H24.42", "agreed")]
    assert updated["changes"] == [
        {"field": "subject", "before": "V/v tăng cường phòng, chống dịch", "after": "V/v rà soát lần hai"}
    ]
    assert {one["organ"]: one["answer"] for one in updated["answers"]} == {"H24.3.12": None, "H24.42": "withdrawn"}
    assert replaced["replaced_by"]["code"] == "102/SYT-VP"
    other = (await axis("documents", "show", replaced["replaced_by"]["document_uid"], "--json")).json["documents"][0]
    assert [one["document_uid"] for one in other["replaces"]] == [shown["document_uid"]]
    told = await axis("documents", "show", document_id)
    wanted = ("Đã hủy chuyển", "Đã thu hồi, đồng ý", "V/v rà soát lần hai", "Trích yếu", "Được thay bằng", "1 đồng ý")
    assert [word for word in wanted if word not in told.out] == []


def test_a_document_that_nobody_knows_is_said(home: Home) -> None:
    ran = home.axis("documents", "show", "none")
    assert (ran.code, "not_found" in ran.err, ran.out) == (1, True, "")
