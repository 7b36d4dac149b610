"""Requests that are broken, hostile or not the caller's to make: each has its word, and nothing is left of it."""

import asyncio
import gzip
import io
import random
import unicodedata
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from axis.edxml.model import Limits
from axis.edxml.v1 import write_document
from axis.errors import Busy, Code
from axis.exchange.service import Exchange
from axis.store import systems
from tests.edoc.city import (
    SOAP_11,
    SOAP_12,
    XD,
    YTE,
    Answer,
    SoapCity,
    asked,
    envelope,
    manifest,
    send_envelope,
    serving,
    signature,
    status_body,
    swa,
    token_of,
)
from tests.exchange.harness import Node, a_document

PDF = {"1@dms": b"%PDF-1.7 cong van"}
SEND = "SendDocument"
PENDING = "GetPendingDocumentIds"


def request(**changes: str) -> tuple[str, bytes]:
    """Content-Type and body of a good SendDocument."""
    return swa(send_envelope(a_document("H24.15"), YTE, PDF), PDF, **changes)  # type: ignore[arg-type]


async def refused(city: SoapCity, content_type: str, body: bytes, action: str | None = SEND, **more: str) -> Answer:
    """The answer to what must leave nothing behind."""
    answer = await city.post(body, content_type=content_type, action=action, **more)
    assert await city.is_untouched()
    assert b"Traceback" not in answer.body
    return answer


# ── MIME ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_body_that_ends_too_soon(city: SoapCity) -> None:
    content_type, body = request()
    for cut in (len(body) // 4, len(body) // 2, len(body) - 8):
        answer = await refused(city, content_type, body[:cut])
        assert answer.fault == ("Client", "truncated_upload")
        assert answer.status == 500


async def test_a_boundary_that_never_comes(city: SoapCity) -> None:
    _, body = request()
    answer = await refused(city, 'multipart/related; type="text/xml"; boundary="another"', body)
    assert answer.fault == ("Client", "truncated_upload")


@pytest.mark.parametrize("boundary", ["", '""', '"' + "b" * 201 + '"', '"a"; boundary="b"'])
async def test_a_boundary_that_is_none(city: SoapCity, boundary: str) -> None:
    answer = await refused(city, f"multipart/related; boundary={boundary}", b"--a\r\n\r\n\r\n--a--")
    assert answer.fault == ("Client", "bad_request")


async def test_a_file_that_is_not_there(city: SoapCity) -> None:
    files = {**PDF, "2@dms": b"x"}
    content_type, body = swa(send_envelope(a_document("H24.15"), YTE, files), PDF)
    answer = await refused(city, content_type, body)
    assert (answer.code, answer.why) == ("N.Manifest.Reference.Content", "attachment_absent")


async def test_a_file_that_nothing_refers_to(city: SoapCity) -> None:
    content_type, body = swa(send_envelope(a_document("H24.15"), YTE, {}), PDF)
    answer = await refused(city, content_type, body)
    assert (answer.code, answer.why) == ("N.Manifest.Reference", "attachment_unlisted")
    content_type, body = request()
    answer = await refused(city, content_type, body.replace(b"Content-ID: <1@dms>", b"X-Other: 1"))
    assert answer.why in ("attachment_unlisted", "attachment_absent")


async def test_a_content_id_that_stands_twice(city: SoapCity) -> None:
    content_type, body = request()
    mark = b"------=_Part_0_1"
    _, root, file, end = body.split(mark)
    answer = await refused(city, content_type, mark + root + mark + file + mark + file + mark + end)
    assert (answer.code, answer.why) == ("T.Manifest.Reference", "attachment_duplicate")
    twice = send_envelope(a_document("H24.15"), YTE, PDF).replace(
        b"</edXML:Manifest>", b'<edXML:Reference xlink:href="cid:1@dms"/></edXML:Manifest>'
    )
    assert (await refused(city, *swa(twice, PDF))).why == "attachment_duplicate"


async def test_a_file_both_inline_and_as_a_part(city: SoapCity) -> None:
    content_type, body = swa(send_envelope(a_document("H24.15"), YTE, PDF, inline=True), PDF)
    assert (await refused(city, content_type, body)).why == "attachment_duplicate"


async def test_a_start_that_names_no_part_or_two(city: SoapCity) -> None:
    content_type, body = request(start="Elsewhere")
    assert (await refused(city, content_type, body)).fault == ("Client", "bad_request")
    content_type, body = request()
    assert (await refused(city, content_type, body.replace(b"<1@dms>", b"<Start>"))).fault == ("Client", "bad_request")


async def test_ten_thousand_parts(city: SoapCity) -> None:
    content_type, _ = request()
    part = b"------=_Part_0_1\r\nContent-ID: <x>\r\n\r\nx\r\n"
    answer = await refused(city, content_type, part * 10_000 + b"------=_Part_0_1--\r\n")
    assert answer.fault == ("Client", "too_many")


@pytest.mark.parametrize(
    "header",
    [
        b"X-Long: " + b"a" * 20_000,
        b"\r\n".join(b"X-%d: a" % number for number in range(100)),
        b"no colon here",
        b"X-Bell: a\x07",
        b"Content-ID: <2@dms>",
        b"Content-Encoding: gzip",
    ],
)
async def test_part_headers_that_nobody_needs(city: SoapCity, header: bytes) -> None:
    content_type, body = request()
    body = body.replace(b"Content-Type: application/pdf", b"Content-Type: application/pdf\r\n" + header)
    answer = await refused(city, content_type, body)
    assert answer.why in ("too_large", "too_many", "bad_request")


async def test_a_file_in_another_encoding(city: SoapCity) -> None:
    content_type, body = request()
    for encoding in (b"x-uuencode", b"quoted-printable"):
        answer = await refused(city, content_type, body.replace(b"base64\r\nContent-ID", encoding + b"\r\nContent-ID"))
        assert answer.why == "bad_request"


async def test_base64_that_is_none(city: SoapCity) -> None:
    content_type, body = request()
    start = body.index(b"<1@dms>\r\n\r\n") + 11
    for junk in (b"!!!!", "đ".encode(), b"====", b"A"):
        answer = await refused(city, content_type, body[:start] + junk + body[start:])
        assert (answer.code, answer.why) == ("T.Manifest.Reference.Content", "bad_base64")
    inline = send_envelope(a_document("H24.15"), YTE, PDF, inline=True)
    assert (await refused(city, "text/xml", inline.replace(b"JVBE", b"J*BE"))).why == "bad_base64"
    nested = inline.replace(b"JVBE", b"JVBE<a/>")
    assert (await refused(city, "text/xml", nested)).fault == ("Client", "bad_base64")


async def test_a_body_that_is_packed(city: SoapCity) -> None:
    content_type, _ = request()
    bomb = gzip.compress(b"\0" * (8 << 20))
    answer = await refused(city, content_type, bomb, **{"Content-Encoding": "gzip"})
    assert answer.fault == ("Client", "bad_request")


async def test_a_zip_that_unpacks_to_a_thousand_times_as_much(city: SoapCity) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.doc", b"\0" * (6 << 20))
    content_type, body = swa(send_envelope(a_document("H24.15"), YTE, PDF), {"1@dms": packed.getvalue()})
    body = body.replace(b"Content-Type: application/pdf", b"Content-Type: application/zip")
    answer = await refused(city, content_type, body)
    assert answer.why == "zip_bomb"


# ── XML and SOAP ────────────────────────────────────────────────────────────────────────────────────────────────

LAUGHS = (
    '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
    f'<E:Envelope xmlns:E="{SOAP_11}"><E:Body>&b;</E:Body></E:Envelope>'
)
OUTSIDE = '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
DEEP = "<a>" * 100 + "</a>" * 100


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (LAUGHS, "dtd_forbidden"),
        (OUTSIDE, "dtd_forbidden"),
        (envelope(DEEP).decode(), "too_deep"),
        (envelope("<a/>" * 210_000).decode(), "too_many"),
        (envelope("<a " + " ".join(f'b{n}=""' for n in range(300)) + "/>").decode(), "unknown_operation"),
        (envelope("<a>").decode(), "xml_broken"),
        ("", "empty_body"),
        ("   ", "empty_body"),
        ("<a/>", "bad_request"),
        ("{}", "xml_broken"),
        (envelope("").decode().encode("utf-16").decode("latin-1"), "encoding_unsupported"),
        (f'<E:Envelope xmlns:E="{SOAP_11}"/>', "bad_request"),
        (f'<E:Envelope xmlns:E="{SOAP_11}"><E:Body/><E:Body/></E:Envelope>', "bad_request"),
        (f'<E:Envelope xmlns:E="{SOAP_11}"><E:Body/><E:Header/></E:Envelope>', "bad_request"),
        (f'<E:Envelope xmlns:E="{SOAP_11}"><Body/></E:Envelope>', "bad_request"),
        (envelope(asked(PENDING, XD) * 2).decode(), "bad_request"),
    ],
)
async def test_what_is_not_soap_is_a_fault(city: SoapCity, body: str, code: str) -> None:
    raw = body.encode("latin-1") if code == "encoding_unsupported" else body.encode()
    answer = await refused(city, "text/xml", raw, action=None)
    assert answer.fault == ("Client", code)
    assert answer.status == 500


async def test_another_version_of_soap_is_a_mismatch(city: SoapCity) -> None:
    body = envelope(asked(PENDING, XD), version="http://www.w3.org/2001/12/soap-envelope")
    answer = await refused(city, "text/xml", body, action=PENDING)
    assert answer.fault[0] == "VersionMismatch"


async def test_a_header_that_must_be_understood(city: SoapCity) -> None:
    header = '<x:Y xmlns:x="urn:x" SOAP-ENV:mustUnderstand="{}"/>'
    answer = await refused(city, "text/xml", envelope(asked(PENDING, XD), header.format(1)), action=PENDING)
    assert answer.fault[0] == "MustUnderstand"
    assert (await city.post(envelope(asked(PENDING, XD), header.format(0)), action=PENDING)).ok


async def test_soap_12_refuses_with_400(city: SoapCity) -> None:
    answer = await refused(city, "application/soap+xml", envelope("<x/>", version=SOAP_12), action=None)
    assert (answer.status, answer.fault) == (400, ("Sender", "unknown_operation"))


@pytest.mark.parametrize("action", ["Unknown", "sendDocument", "urn:x#GetPendingDocumentIds", "a" * 5000])
async def test_an_action_that_is_none(city: SoapCity, action: str) -> None:
    answer = await refused(city, "text/xml", envelope(asked(PENDING, XD)), action=action)
    assert answer.fault == ("Client", "unknown_operation")


async def test_an_action_that_the_body_contradicts(city: SoapCity) -> None:
    answer = await refused(city, "text/xml", envelope(asked(PENDING, XD)), action="ConfirmReceived")
    assert answer.fault == ("Client", "bad_request")


async def test_a_body_in_another_namespace(city: SoapCity) -> None:
    body = '<x:GetTraces xmlns:x="urn:other"><OrganId>H24.15</OrganId></x:GetTraces>'
    answer = await refused(city, "text/xml", envelope(body), action=None)
    assert answer.fault == ("Client", "unknown_operation")


@pytest.mark.parametrize("content_type", ["application/json", "", "text/html", "multipart/form-data; boundary=x"])
async def test_a_type_that_is_not_spoken(city: SoapCity, content_type: str) -> None:
    answer = await refused(city, content_type or "x", envelope(asked(PENDING, XD)), action=PENDING)
    assert answer.fault == ("Client", "bad_request")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_other_methods(city: SoapCity, method: str) -> None:
    async with city.session.request(method, f"{city.url}/edoc") as response:
        answer = Answer(response.status, dict(response.headers), await response.read())
    assert answer.fault == ("Client", "bad_request")


# ── Who, and whose ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("sign", "code", "why"),
    [
        ("", "CheckPermission", "bad_credentials"),
        ("<edXML:Signature/>", "CheckPermission", "bad_credentials"),
        (signature(YTE, token="wrong"), "CheckPermission", "bad_credentials"),
        (signature(YTE, token=token_of(XD)), "CheckPermission", "bad_credentials"),
        (signature(YTE, organ="H24.77"), "CheckPermission", "unknown_system"),
        (signature(YTE, organ="nowhere"), "CheckPermission", "unknown_system"),
        (signature(XD), "Permission", "foreign_sender"),
    ],
)
async def test_who_may_not_send(city: SoapCity, sign: str, code: str, why: str) -> None:
    content_type, body = swa(send_envelope(a_document("H24.15"), YTE, PDF, sign=sign), PDF)
    answer = await refused(city, content_type, body)
    assert (answer.code, answer.why) == (code, why)
    assert token_of(XD) not in answer.body.decode()


async def test_two_signatures_are_ambiguous(city: SoapCity) -> None:
    sign = signature(YTE) + signature(XD)
    answer = await refused(city, *swa(send_envelope(a_document("H24.15"), YTE, PDF, sign=sign), PDF))
    assert answer.why == "field_invalid"


async def test_a_system_of_another_front_has_no_way_in(city: SoapCity) -> None:
    await city.node.store.write(lambda c: c.exec_driver_sql("UPDATE system SET front = 'vxp'"))
    await city.node.store.write(lambda c: systems.set_enabled(c, XD, city.node.clock.now(), "test", enabled=True))
    await city.node.directory.refresh()
    assert (await city.ask(PENDING, XD)).why == "unknown_system"


async def test_a_disabled_system_is_told_so(city: SoapCity) -> None:
    at = city.node.clock.now()
    await city.node.store.write(lambda c: systems.set_enabled(c, XD, at, "test", enabled=False))
    await city.node.directory.refresh()
    answer = await city.ask(PENDING, XD)
    assert (answer.code, answer.why) == ("Permission", "system_disabled")


async def test_another_systems_documents_are_not_there(city: SoapCity) -> None:
    document_id = (await city.send(a_document("H24.88"))).texts("DocumentId")[0]
    for action in ("GetDocument", "ConfirmReceived"):
        for named in (document_id, "01ARZ3NDEKTSV4RRFFQ69G5FAV", "../../etc/passwd", "x" * 9000, "101/SYT-VP"):
            answer = await city.ask(action, XD, DocumentId=named)
            assert (answer.code, answer.why) == ("M.DocumentId", "not_found")
        assert (await city.ask(action, XD)).code == "N.MessageHeader.DocumentId"
    assert await city.pending("dms-phuong") == [document_id]


async def test_a_status_for_what_was_never_sent(city: SoapCity) -> None:
    answer = await city.post(envelope(status_body("03", "nothing"), signature(XD)), action="UpdateTraces")
    assert (answer.code, answer.why) == ("M.DocumentId", "status_unmatched")
    answer = await city.post(envelope(status_body("99", "nothing"), signature(XD)), action="UpdateTraces")
    assert (answer.code, answer.why) == ("R.Status.StatusCode", "bad_status_code")
    other = status_body("03", "nothing", sender="H24.88")
    answer = await city.post(envelope(other, signature(XD)), action="UpdateTraces")
    assert (answer.code, answer.why) == ("Permission", "foreign_sender")


async def test_a_moment_that_is_none(city: SoapCity) -> None:
    for text in ("yesterday", "2026/13/45", "0000/00/00 00:00:00"):
        assert (await city.ask("GetTraces", XD, TimeStamp=text)).why == "field_invalid"


async def test_what_a_document_lacks_has_a_word(city: SoapCity) -> None:
    good = write_document(a_document("H24.15").header)
    for gone, code in (
        ("<edXML:OrganId>H24.11</edXML:OrganId>", "N.MessageHeader.From.OrganId"),
        ("<edXML:DocumentId>H24.11,2026/11/24,101/SYT-VP</edXML:DocumentId>", "N.MessageHeader.DocumentId"),
        ("<edXML:OrganId>H24.15</edXML:OrganId>", "N.MessageHeader.To.OrganId"),
    ):
        assert gone in good
        body = envelope(manifest({}), good.replace(gone, "") + signature(YTE))
        assert (await refused(city, "text/xml", body)).code == code
    unknown = envelope(manifest({}), good.replace("H24.15", "H24.999") + signature(YTE))
    assert (await refused(city, "text/xml", unknown)).code == "M.OrganId"


async def test_a_refusal_is_audited_without_content(city: SoapCity) -> None:
    body = envelope(manifest({"1@dms": b"x"}), write_document(a_document("H24.15").header) + signature(YTE))
    assert (await refused(city, "text/xml", body)).why == "attachment_absent"
    assert (await city.node.audit_kinds())[-1] == "package_refused"
    rows = await city.node.store.read(lambda c: c.exec_driver_sql("SELECT fields FROM audit").scalars().all())
    assert not any("tăng cường" in row or token_of(YTE) in row for row in rows)


# ── Large, many, at once ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_large_body_of_nobody_is_not_taken(city: SoapCity) -> None:
    big = {"1@dms": random.Random(1).randbytes(3 << 20)}
    for sign in (signature(YTE, token="wrong"), ""):
        content_type, body = swa(send_envelope(a_document("H24.15"), YTE, big, sign=sign), big, encoding="binary")
        body += b"\r\n" * (1 << 19)
        answer = await refused(city, content_type, body)
        assert answer.fault == ("Client", "bad_credentials")


async def test_a_large_body_needs_its_credentials_early(node: Node, tmp_path: Path) -> None:
    async with serving(node, tmp_path / "data", limits=Limits(package_bytes=16 << 20)) as city:
        content_type, body = request()
        answer = await refused(city, content_type, b"\r\n" * (6 << 20) + body)
        assert answer.fault == ("Client", "too_large")


async def test_a_large_body_of_somebody_is_taken(city: SoapCity) -> None:
    files = {"1@dms": random.Random(1).randbytes(3 << 20)}
    content_type, body = swa(send_envelope(a_document("H24.15"), YTE, files), files, encoding="binary")
    assert (await city.post(body, content_type=content_type, action=SEND)).ok


async def test_nothing_but_a_document_is_large(city: SoapCity) -> None:
    body = envelope(asked(PENDING, XD) + "\n" * (1 << 20), signature(XD))
    answer = await refused(city, "text/xml", body, action=PENDING)
    assert answer.why == "too_large"


async def test_more_than_the_node_takes(node: Node, tmp_path: Path) -> None:
    async with serving(node, tmp_path / "data", limits=Limits(package_bytes=1 << 20)) as city:
        files = {"1@dms": b"x" * (3 << 20)}
        content_type, body = swa(send_envelope(a_document("H24.15"), YTE, files), files)
        assert (await refused(city, content_type, body)).fault == ("Client", "too_large")


async def test_a_full_disk_is_trouble_of_ours(node: Node, tmp_path: Path) -> None:
    def full() -> None:
        raise Busy(Code.DISK_FULL, retry_after_s=7)

    exchange = Exchange(node.context, node.judges, check_intake=full)
    async with serving(node, tmp_path / "data", exchange) as city:
        answer = await refused(city, *request())
        assert (answer.status, answer.headers["Retry-After"]) == (503, "7")
        assert answer.fault == ("Server", "disk_full")
        assert (await city.ask(PENDING, XD)).ok


async def test_a_silent_body_is_given_up(node: Node, tmp_path: Path) -> None:
    async with serving(node, tmp_path / "data", body_idle_s=0.2) as city:
        host, _, port = city.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"POST /edoc HTTP/1.1\r\nHost: x\r\nSOAPAction: {SEND}\r\nContent-Type: text/xml\r\n"
        head += "Content-Length: 999\r\n\r\n"
        writer.write(head.encode() + b"<a")
        answer = await reader.read(65536)
        writer.close()
        assert b"truncated_upload" in answer
        assert await city.is_untouched()


async def test_a_silent_sender_is_given_up(node: Node, tmp_path: Path) -> None:
    async with serving(node, tmp_path / "data", body_s=0.2) as city:
        host, _, port = city.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"POST /edoc HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nTransfer-Encoding: chunked\r\n\r\n")
        answer = await reader.read(65536)
        writer.close()
        assert b"truncated_upload" in answer


async def test_the_same_document_twice_at_once_is_one(city: SoapCity) -> None:
    content_type, body = request()
    answers = await asyncio.gather(
        *(city.post(body, content_type=content_type, action=SEND) for _ in range(8)),
    )
    assert all(answer.ok for answer in answers)
    assert len({answer.texts("DocumentId")[0] for answer in answers}) == 1
    assert await city.node.count("package") == 1
    assert await city.node.count("original") == 1


async def test_confirming_twice_at_once_is_one(city: SoapCity) -> None:
    document_id = (await city.send(a_document("H24.15"))).texts("DocumentId")[0]
    await city.ask("GetDocument", XD, DocumentId=document_id)
    answers = await asyncio.gather(*(city.ask("ConfirmReceived", XD, DocumentId=document_id) for _ in range(8)))
    assert all(answer.ok for answer in answers)
    assert (await city.ask("GetTraces", YTE)).texts("Traces/Status/StatusCode") == ["01"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
async def test_names_are_kept_as_they_come(city: SoapCity, form: str) -> None:
    root = send_envelope(a_document("H24.15"), YTE, PDF).decode()
    name = unicodedata.normalize(form, "../../Đề án số hoá.pdf")  # type: ignore[arg-type]
    content_type, body = swa(root.replace("Công văn 1.pdf", name).encode(), PDF)
    answer = await city.post(body, content_type=content_type, action=SEND)
    [file] = (await city.stored(answer.texts("DocumentId")[0])).attachments
    assert file.name == name
    assert city.temporary_files() == []


async def test_a_link_may_hold_an_ampersand(city: SoapCity) -> None:
    files = {"a&b@dms": b"x"}
    root = send_envelope(a_document("H24.15"), YTE, files).replace(b"cid:a&b@dms", b"cid:a&amp;b@dms")
    content_type, body = swa(root, files)
    assert (await city.post(body, content_type=content_type, action=SEND)).ok


async def test_flipped_bytes_never_break_the_front(city: SoapCity) -> None:
    chance = random.Random(20261124)
    content_type, body = request()
    for _ in range(150):
        at = chance.randrange(len(body))
        flipped = body[:at] + bytes([body[at] ^ (1 << chance.randrange(8))]) + body[at + 1 :]
        answer = await city.post(flipped, content_type=content_type, action=SEND)
        assert answer.status in (200, 500)
        if answer.status == 500:
            assert answer.fault[0] in ("Client", "VersionMismatch", "MustUnderstand"), (at, answer.body)
    assert city.temporary_files() == []


async def test_a_status_is_no_document(city: SoapCity) -> None:
    await city.send(a_document("H24.15"))
    body = status_body("03", "H24.11,2026/11/24,101/SYT-VP")
    assert (await city.post(envelope(body, signature(XD)), action="UpdateTraces")).ok
    [item] = await city.node.exchange.pending(YTE, 10)
    assert (await city.ask("GetDocument", YTE, DocumentId=item.package_id)).why == "not_found"
    assert await city.pending(YTE) == []


async def test_other_systems_traces_are_not_shown(city: SoapCity) -> None:
    await city.send(a_document("H24.15"))
    body = status_body("03", "H24.11,2026/11/24,101/SYT-VP")
    assert (await city.post(envelope(body, signature(XD)), action="UpdateTraces")).ok
    for asked_from in ({}, {"TimeStamp": "2020/01/01 00:00:00"}):
        assert (await city.ask("GetTraces", XD, **asked_from)).texts("Traces/Status/StatusCode") == []
    since = city.node.clock.now() - timedelta(days=1)
    assert await city.node.exchange.told_since(XD, since, 10) == ()
    assert len(await city.node.exchange.told_since(YTE, since, 10)) == 1
    told = await city.ask("GetTraces", YTE, TimeStamp="2020/01/01 00:00:00")
    assert told.texts("Traces/Status/StatusCode") == ["03"]


async def test_a_damaged_document_is_not_handed_out(city: SoapCity) -> None:
    document_id = (await city.send(a_document("H24.15"))).texts("DocumentId")[0]
    damage = (
        "UPDATE blob SET content = CAST(replace(CAST(content AS TEXT), 'H24.15', 'H24.16') AS BLOB) "
        "WHERE sha256_hex = (SELECT sha256_hex FROM package WHERE kind = 'document')"
    )
    await city.node.store.write(lambda c: c.exec_driver_sql(damage))
    answer = await city.ask("GetDocument", XD, DocumentId=document_id)
    assert answer.fault == ("Server", "internal")
    assert await city.pending(XD) == [document_id]
