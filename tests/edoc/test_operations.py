"""The eight operations over real HTTP, as clients write them."""

import asyncio
import hashlib
import json
from pathlib import Path

import pytest

from adapters.edoc.originals import blanked, traces_as_received
from axis.edxml.dates import write_timestamp
from axis.store import queries
from tests.edoc.city import (
    SOAP_12,
    XD,
    YTE,
    SoapCity,
    asked,
    envelope,
    send_envelope,
    signature,
    status_body,
    swa,
    token_of,
)
from tests.exchange.harness import a_document, an_act

PDF = b"%PDF-1.7 cong van"


async def send_one(city: SoapCity, number: str = "101") -> str:
    """A document from Sở Y tế to Sở Xây dựng; returns the id of the answer."""
    answer = await city.send(a_document("H24.15", number=number))
    assert answer.ok, answer.body
    return answer.texts("DocumentId")[0]


async def recorded(city: SoapCity) -> None:
    """Wait until what an answer gave out is on record, a moment after its last byte."""
    query = (
        "SELECT count(*) FROM consignment JOIN package ON package.package_id = consignment.package_id "
        "WHERE package.kind = 'status' AND state = 'queued'"
    )
    while await city.node.store.read(lambda c: c.exec_driver_sql(query).scalar_one()):  # noqa: ASYNC110 - the front's
        await asyncio.sleep(0.01)


async def test_a_document_goes_from_one_system_to_another(city: SoapCity) -> None:
    document_id = await send_one(city)
    assert await city.pending(XD) == [document_id]
    got = await city.ask("GetDocument", XD, DocumentId=document_id)
    assert got.status == 200
    assert got.headers["Content-Type"].startswith('multipart/related; type="text/xml"; start="<Start>"; boundary="')
    assert got.texts("MessageHeader/Subject") == ["V/v tăng cường phòng, chống dịch"]
    assert got.texts("MessageHeader/To/OrganId") == ["H24.15"]
    assert got.texts("Manifest/Reference/AttachmentName") == ["Công văn 1.pdf"]
    assert got.files == {"1@dms": PDF}
    assert int(got.headers["Content-Length"]) == len(got.body)
    assert not got.texts("Token")
    assert (await city.ask("ConfirmReceived", XD, DocumentId=document_id)).ok
    assert await city.pending(XD) == []
    assert city.temporary_files() == []


async def test_what_is_stored_is_a_package_of_the_norm(city: SoapCity) -> None:
    sent = a_document("H24.15", "H24.88")
    answer = await city.send(sent, files={"1@dms": PDF, "2@dms": b"phu luc"})
    stored = await city.stored(answer.texts("DocumentId")[0])
    assert stored.header == sent.header
    assert [(file.name, file.content, file.content_type) for file in stored.attachments] == [
        ("Công văn 1.pdf", PDF, "application/pdf"),
        ("Công văn 2.pdf", b"phu luc", "application/pdf"),
    ]


async def test_the_request_is_kept_without_its_token(city: SoapCity) -> None:
    document = a_document("H24.15")
    content_type, body = swa(send_envelope(document, YTE, {"1@dms": PDF}), {"1@dms": PDF})
    answer = await city.post(body, content_type=content_type, action="SendDocument")
    kept, raw = await city.original(answer.texts("DocumentId")[0])
    assert raw == body.replace(token_of(YTE).encode(), b"*" * len(token_of(YTE)))
    assert token_of(YTE).encode() in body
    assert (kept.form, kept.converted_by, kept.source_system) == (
        "edXML 1.0, SendDocument",
        "axis adapters.edoc",
        YTE,
    )
    assert json.loads(kept.findings) == []
    assert "package_converted" in await city.node.audit_kinds()


async def test_what_has_no_place_in_the_norm_is_a_finding(city: SoapCity) -> None:
    root = send_envelope(a_document("H24.15"), YTE, {}).decode()
    root = root.replace(
        "<edXML:ErrorList/>", "<edXML:ErrorList><edXML:Error/></edXML:ErrorList><edXML:Hint>x</edXML:Hint>"
    )
    root = root.replace("<edXML:Manifest>", "<edXML:Manifest><edXML:Note>y</edXML:Note>")
    answer = await city.post(root.encode(), action="SendDocument")
    kept, _ = await city.original(answer.texts("DocumentId")[0])
    assert {(one["code"], one["at"]) for one in json.loads(kept.findings)} == {
        ("not_carried", "ErrorList"),
        ("not_carried", "Hint"),
        ("not_carried", "Manifest/Note"),
    }


async def test_no_sweep_takes_what_is_kept(city: SoapCity) -> None:
    document_id = await send_one(city)
    city.node.clock.advance(days=30)
    await city.node.store.blobs.sweep(city.node.clock.now())
    _, raw = await city.original(document_id)
    assert raw.endswith(b"--\r\n")


async def test_a_repeat_gets_the_first_answer(city: SoapCity) -> None:
    first = await send_one(city)
    assert await send_one(city) == first
    other = a_document("H24.15")
    content_type, body = swa(send_envelope(other, YTE, {"x@y": PDF}), {"x@y": PDF}, boundary="another")
    assert (await city.post(body, content_type=content_type)).texts("DocumentId") == [first]
    assert await city.node.count("package") == 1
    assert await city.node.count("original") == 1


async def test_another_content_under_the_same_id_is_an_error(city: SoapCity) -> None:
    await send_one(city)
    answer = await city.send(a_document("H24.15"), files={"1@dms": b"another file"})
    assert (answer.code, answer.why) == ("M.Exist", "document_conflict")


async def test_soap_12_is_answered_in_soap_12(city: SoapCity) -> None:
    body = envelope(asked("GetPendingDocumentIds", XD), version=SOAP_12)
    answer = await city.post(body, content_type='application/soap+xml; charset=utf-8; action="GetPendingDocumentIds"')
    assert answer.ok
    assert answer.headers["Content-Type"] == "application/soap+xml; charset=utf-8"
    assert answer.root.tag == f"{{{SOAP_12}}}Envelope"


@pytest.mark.parametrize("action", [None, '"GetPendingDocumentIds"', "GetPendingDocumentIds", '""', ""])
async def test_the_action_may_be_missing_or_quoted(city: SoapCity, action: str | None) -> None:
    answer = await city.post(envelope(asked("GetPendingDocumentIds", XD)), action=action)
    assert answer.ok


async def test_bodies_come_with_and_without_the_namespace(city: SoapCity) -> None:
    body = asked("GetPendingDocumentIds", XD).replace("</", "\0").replace("<", "<edXML:").replace("\0", "</edXML:")
    assert (await city.post(envelope(body), action="GetPendingDocumentIds")).ok


async def test_files_stand_inline_as_base64(city: SoapCity) -> None:
    root = send_envelope(a_document("H24.15"), YTE, {"1@dms": PDF}, inline=True)
    answer = await city.post(root, action="SendDocument")
    assert answer.ok
    assert [file.content for file in (await city.stored(answer.texts("DocumentId")[0])).attachments] == [PDF]


async def test_files_come_by_mtom(city: SoapCity) -> None:
    xop = "http://www.w3.org/2004/08/xop/include"
    include = f'<edXML:Content><xop:Include xmlns:xop="{xop}" href="cid:a%40b"/></edXML:Content>'
    root = send_envelope(a_document("H24.15"), YTE, {"1@dms": PDF}).decode()
    root = root.replace("</edXML:Reference>", f"{include}</edXML:Reference>")
    _, body = swa(root.encode(), {"a@b": PDF}, encoding="binary")
    body = body.replace(b"text/xml; charset=utf-8", b'application/xop+xml; charset=utf-8; type="text/xml"')
    kind = (
        'multipart/related; type="application/xop+xml"; start="<Start>"; start-info="text/xml"; '
        'boundary="----=_Part_0_1"'
    )
    answer = await city.post(body, content_type=kind, action="SendDocument")
    assert answer.ok, answer.body
    [file] = (await city.stored(answer.texts("DocumentId")[0])).attachments
    assert (file.name, file.content, file.content_id) == ("Công văn 1.pdf", PDF, "cid:1@dms")


@pytest.mark.parametrize("encoding", ["base64", "binary", "8bit"])
@pytest.mark.parametrize("start", ["Start", "<Start>", ""])
async def test_attachments_come_as_base64_or_as_they_are(city: SoapCity, encoding: str, start: str) -> None:
    files = {"1@dms": b"%PDF-1.7\r\n--not the boundary\r\n\x00\xff"}
    root = send_envelope(a_document("H24.15"), YTE, files)
    content_type, body = swa(root, files, encoding=encoding, start=start)
    answer = await city.post(body, content_type=content_type, action="SendDocument")
    assert answer.ok, answer.body
    assert (await city.stored(answer.texts("DocumentId")[0])).attachments[0].content == files["1@dms"]


async def test_the_root_need_not_come_first(city: SoapCity) -> None:
    files = {"1@dms": PDF}
    content_type, body = swa(send_envelope(a_document("H24.15"), YTE, files), files)
    mark = b"------=_Part_0_1"
    _, root, file, end = body.split(mark)
    answer = await city.post(mark + file + mark + root + mark + end, content_type=content_type, action="SendDocument")
    assert answer.ok, answer.body


async def test_confirming_says_01_once(city: SoapCity) -> None:
    document_id = await send_one(city)
    await city.ask("GetDocument", XD, DocumentId=document_id)
    for _ in range(3):
        city.node.clock.advance(minutes=5)
        assert (await city.ask("ConfirmReceived", XD, DocumentId=document_id)).ok
    traces = await city.ask("GetTraces", YTE)
    assert traces.texts("Traces/Status/StatusCode") == ["01"]
    assert traces.texts("Traces/Status/From/OrganId") == ["H24.15"]
    assert traces.texts("Traces/Status/ResponseFor/OrganId") == ["H24.11"]
    assert "status_composed" in await city.node.audit_kinds()


async def test_01_is_not_said_after_03(city: SoapCity) -> None:
    document_id = await send_one(city)
    await city.ask("GetDocument", XD, DocumentId=document_id)
    body = status_body("03", "H24.11,2026/11/24,101/SYT-VP")
    assert (await city.post(envelope(body, signature(XD)), action="UpdateTraces")).ok
    assert (await city.ask("ConfirmReceived", XD, DocumentId=document_id)).ok
    assert (await city.ask("GetTraces", YTE)).texts("Traces/Status/StatusCode") == ["03"]


@pytest.mark.parametrize("prefix", ["", "edXML:"])
async def test_a_status_reaches_the_sender(city: SoapCity, prefix: str) -> None:
    package_id = await send_one(city)
    body = status_body("03", "H24.11,2026/11/24,101/SYT-VP", prefix=prefix)
    answer = await city.post(envelope(body, signature(XD)), action="UpdateTraces")
    assert answer.ok, answer.body
    assert b"UpdateTracesResponse" in answer.body
    traces = await city.ask("GetTraces", YTE)
    assert traces.texts("Traces/Status/StatusCode") == ["03"]
    assert traces.texts("Traces/Status/StaffInfo/Staff") == ["Lê Văn C"]
    assert traces.texts("Traces/Status/Timestamp") == ["2026/11/24 09:00:00"]
    rows = await city.node.store.read(lambda c: queries.package(c, package_id))
    assert rows is not None


async def test_a_status_may_name_the_document_by_the_lists_id(city: SoapCity) -> None:
    package_id = await send_one(city)
    answer = await city.post(envelope(status_body("03", package_id, Code=""), signature(XD)), action="UpdateTraces")
    assert answer.ok, answer.body
    traces = await city.ask("GetTraces", YTE)
    assert traces.texts("Traces/Status/ResponseFor/DocumentId") == ["H24.11,2026/11/24,101/SYT-VP"]


async def test_traces_can_be_read_again(city: SoapCity) -> None:
    await send_one(city)
    begun = write_timestamp(city.node.clock.now())
    for code in ("01", "03"):
        city.node.clock.advance(minutes=1)
        body = status_body(code, "H24.11,2026/11/24,101/SYT-VP")
        assert (await city.post(envelope(body, signature(XD)), action="UpdateTraces")).ok

    async def read(**asked: str) -> list[str]:
        answer = await city.ask("GetTraces", YTE, **asked)
        assert answer.ok, answer.body
        return answer.texts("Traces/Status/StatusCode")

    assert await read() == ["01", "03"]
    assert await read() == ["01", "03"], "a reply may be lost"
    assert await read(TimeStamp=begun) == ["01", "03"]
    await recorded(city)
    city.node.clock.advance(minutes=1)
    later = write_timestamp(city.node.clock.now())
    assert await read(TimeStamp=later) == [], "what came before, and was read, the caller has"
    assert await read() == []
    assert await read(TimeStamp=begun) == ["01", "03"], "and still can be read again"


async def test_a_cursor_ahead_of_its_time_loses_nothing(city: SoapCity) -> None:
    await send_one(city)
    body = status_body("01", "H24.11,2026/11/24,101/SYT-VP")
    await city.post(envelope(body, signature(XD)), action="UpdateTraces")
    city.node.clock.advance(days=3)
    ahead = write_timestamp(city.node.clock.now())
    assert (await city.ask("GetTraces", YTE, TimeStamp=ahead)).texts("Traces/Status/StatusCode") == ["01"]


async def test_who_never_names_a_moment_is_not_told_for_ever(city: SoapCity) -> None:
    await send_one(city)
    body = status_body("01", "H24.11,2026/11/24,101/SYT-VP")
    await city.post(envelope(body, signature(XD)), action="UpdateTraces")
    assert (await city.ask("GetTraces", YTE)).texts("Traces/Status/StatusCode") == ["01"]
    await recorded(city)
    city.node.clock.advance(hours=25)
    assert (await city.ask("GetTraces", YTE)).texts("Traces/Status/StatusCode") == []


async def test_organisations_are_listed(city: SoapCity) -> None:
    answer = await city.ask("GetOrganizations")
    assert answer.ok
    listed = dict(
        zip(answer.texts("Organization/OrganId"), answer.texts("Organization/OrganizationInCharge"), strict=True)
    )
    assert listed["H24.11"] == "H24"
    assert listed["H24"] == ""
    assert "H24.30" not in listed, "closed"
    assert "Sở Xây dựng" in answer.texts("Organization/OrganName")


async def test_permission_is_checked_by_the_header(city: SoapCity) -> None:
    inside = f"<edXML:OrganId>H24.11</edXML:OrganId><edXML:Token>{token_of(YTE)}</edXML:Token>"
    block = f"<edXML:CheckPermission>{inside}</edXML:CheckPermission>"
    for action in ("CheckPermission", None):
        answer = await city.post(envelope("", block), action=action)
        assert answer.ok, answer.body
        assert b"CheckPermissionResponse" in answer.body
    wrong = await city.post(envelope("", block.replace("secret", "secreT")), action="CheckPermission")
    assert (wrong.code, wrong.why) == ("CheckPermission", "bad_credentials")


async def test_acts_go_the_same_way(city: SoapCity) -> None:
    document = a_document("H24.15")
    first = (await city.send(document)).texts("DocumentId")[0]
    await city.ask("GetDocument", XD, DocumentId=first)
    await city.ask("ConfirmReceived", XD, DocumentId=first)
    recall = (await city.send(an_act(document, "1"), files={})).texts("DocumentId")[0]
    assert await city.pending(XD) == [recall]
    got = await city.ask("GetDocument", XD, DocumentId=recall)
    assert got.texts("TraceHeaderList/Business/BusinessDocType") == ["1"]
    assert (await city.ask("ConfirmReceived", XD, DocumentId=recall)).ok
    assert (await city.ask("GetTraces", YTE)).texts("Traces/Status/StatusCode") == ["01"], "an act is not a document"


async def test_having_an_update_is_not_having_the_document(city: SoapCity) -> None:
    document = a_document("H24.15")
    await city.send(document)
    update = (await city.send(an_act(document, "2"), files={})).texts("DocumentId")[0]
    assert (await city.ask("ConfirmReceived", XD, DocumentId=update)).ok
    assert (await city.ask("GetTraces", YTE)).texts("Traces/Status/StatusCode") == []


async def test_a_wsdl_is_there(city: SoapCity) -> None:
    async with city.session.get(f"{city.url}/edoc?wsdl") as response:
        text = await response.text()
    assert response.status == 200
    assert f'location="{city.url}/edoc"' in text


def test_each_trace_is_kept_as_it_stood_in_the_answer(tmp_path: Path) -> None:
    one = b"<e:Status a='1'>\n<e:StatusCode>01</e:StatusCode> s3cr3t! </e:Status >"
    raw = b"<Traces>" + one + b"<Status/><Status><StatusCode/></Status><!-- <Status> --></Traces>"
    on_disk = tmp_path / "answer"
    on_disk.write_bytes(raw)
    for content in (raw, on_disk):
        kept = [kept.content for kept in traces_as_received(content, 3, "s3cr3t!") if kept]
        assert kept == [one.replace(b"s3cr3t!", b"*******"), b"<Status/>", b"<Status><StatusCode/></Status>"]
    whole = traces_as_received(raw, 2, "s3cr3t!")
    assert [kept and kept.content for kept in whole] == [raw.replace(b"s3cr3t!", b"*******")] * 2
    assert traces_as_received(raw + b" " * (1 << 20), 2, "s3cr3t!") == [None, None]


def test_a_token_is_blanked_however_it_is_written(tmp_path: Path) -> None:
    secret = "geheim-wort"
    for written in (secret, f"<![CDATA[{secret}]]>", "geheim&#45;wort", f"<!-- {secret} -->{secret}"):
        raw = f"--b\r\n\r\n<a><x:Token a='1'>{written}</x:Token><Token/><b>{secret}</b></a>".encode()
        path = tmp_path / "request"
        path.write_bytes(raw)
        in_memory = blanked(raw, 7, secret)
        assert isinstance(in_memory.content, bytes)
        assert len(in_memory.content) == len(raw)
        assert secret.encode() not in in_memory.content
        assert b"geheim" not in in_memory.content
        on_disk = blanked(path, 7, secret)
        assert (path.read_bytes(), on_disk.sha256_hex) == (in_memory.content, in_memory.sha256_hex)


def test_a_token_is_blanked_in_a_file_from_the_envelope_on(tmp_path: Path) -> None:
    secret = "geheim-wort"
    for before in (0, 4095, 4096, 9000):  # the envelope begins anywhere in a page
        front = (secret * 1000)[:before]
        raw = f"{front}<a><Token>{secret}</Token><b>{secret}</b></a>".encode()
        (tmp_path / "request").write_bytes(raw)
        on_disk = blanked(tmp_path / "request", before, secret)
        kept = (tmp_path / "request").read_bytes()
        assert kept == blanked(raw, before, secret).content
        assert kept == front.encode() + raw[before:].replace(secret.encode(), b"*" * len(secret))
        assert on_disk.sha256_hex == hashlib.sha256(kept).hexdigest()
