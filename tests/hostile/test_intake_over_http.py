"""Bad input at the front door of a whole node, over real HTTP: the right answer, and nothing left behind.

Each case spoils one thing of a call that would be taken. What has to hold for all of them stands in `_refuse`.
"""

import gc
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from adapters.vxp.wire import write_timestamp
from axis.edxml.model import Business, BusinessDocumentInfo, DocumentPackage, OtherInfo, Party, Receiver
from axis.edxml.writer import to_bytes
from axis.errors import Code
from axis.messages import SENTENCES, sentence
from axis.store import systems
from axis.store.spool import Spool, Spooled
from tests.exchange.harness import a_document, a_file, a_status
from tests.hostile.door import LIMIT_BYTES, PACKAGE, PACKAGE_TEXT, Door, Left
from tests.nodes import CLOCK
from tests.vxp.city import RawCall, RawReply, file_hash

DOCUMENT = a_document("H24.15")
NOBODY = ""


@dataclass(frozen=True)
class Bad:
    """One bad input and what has to come of it."""

    name: str
    code: Code
    vxp_code: str
    make: Callable[[Door], RawCall]
    actor: str = "dms-yte"  # who the audit line names; NOBODY: who calls is not proven, and no line is written


def _edxml(name: str, code: Code, vxp_code: str, package: bytes | Callable[[], bytes]) -> Bad:
    """A correct call that carries a bad package."""
    return Bad(name, code, vxp_code, lambda door: door.sending(package if isinstance(package, bytes) else package()))


def _without(element: str) -> bytes:
    """The package without one element (and what is in it)."""
    start, end = PACKAGE_TEXT.index(f"<edXML:{element}>"), PACKAGE_TEXT.index(f"</edXML:{element}>")
    return (PACKAGE_TEXT[:start] + PACKAGE_TEXT[end + len(f"</edXML:{element}>") :]).encode()


def _with(old: str, new: str) -> bytes:
    """The package with one text in place of another."""
    assert old in PACKAGE_TEXT
    return PACKAGE_TEXT.replace(old, new, 1).encode()


def _zip(content: bytes, entries: int = 1) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(entries):
            archive.writestr(f"{number}.doc", content)
    return packed.getvalue()


def _zipped(content: bytes, entries: int = 1) -> bytes:
    """A document whose one file the client has zipped."""
    file = replace(a_file(_zip(content, entries), "bao-cao.doc"), content_type="application/zip")
    return to_bytes(a_document("H24.15", files=(file,)))


def _unhashed(door: Door, package: bytes) -> RawCall:
    call = door.sending(package)
    return replace(call, values=door.values() | {"hash-file": file_hash(b"another file")})


def _of_system(system_id: str) -> Callable[[Door], RawCall]:
    return lambda door: replace(
        door.sending(PACKAGE), values=door.values(PACKAGE, system_id), secret=f"secret-{system_id}"
    )


def _at(offset: timedelta) -> Callable[[Door], RawCall]:
    return lambda door: replace(
        door.sending(PACKAGE), values=door.values(PACKAGE) | {"timestamp": write_timestamp(CLOCK.now() + offset)}
    )


CREDENTIALS = (
    Bad("wrong HMAC", Code.BAD_CREDENTIALS, "15", lambda d: replace(d.sending(PACKAGE), mac="0" * 64), NOBODY),
    Bad("another's secret", Code.BAD_CREDENTIALS, "15", lambda d: replace(d.sending(PACKAGE), secret="x"), NOBODY),
    Bad("no HMAC", Code.BAD_CREDENTIALS, "15", lambda d: replace(d.sending(PACKAGE), mac=" "), NOBODY),
    Bad("an old timestamp", Code.TIMESTAMP_OUTSIDE_WINDOW, "15", _at(-timedelta(hours=25)), NOBODY),
    Bad("a future timestamp", Code.TIMESTAMP_OUTSIDE_WINDOW, "15", _at(timedelta(hours=25)), NOBODY),
    Bad("no timestamp at all", Code.BAD_REQUEST, "21", lambda d: d.signing(PACKAGE, timestamp="hôm nay"), NOBODY),
    Bad(
        "header JSON differs from a header",
        Code.HEADER_MISMATCH,
        "15",
        lambda d: replace(d.sending(PACKAGE), real={"from": "H24.15"}),
        NOBODY,
    ),
    Bad(
        "a header that is not signed",
        Code.HEADER_UNSIGNED,
        "15",
        lambda d: replace(d.sending(PACKAGE), values=d.values(), real={"hash-file": file_hash(PACKAGE)}),
    ),
    Bad(
        "header JSON that is none",
        Code.BAD_REQUEST,
        "21",
        lambda d: replace(d.sending(PACKAGE), signed_text="{not json"),
        NOBODY,
    ),
    Bad(
        "deeply nested header JSON",
        Code.BAD_REQUEST,
        "21",
        lambda d: replace(d.sending(PACKAGE), signed_text="[" * 4_000),
        NOBODY,
    ),
    Bad("an unknown system", Code.UNKNOWN_SYSTEM, "15", _of_system("dms-la"), NOBODY),
    Bad("a disabled system", Code.SYSTEM_DISABLED, "15", _of_system("dms-cu"), NOBODY),
    Bad("a system id that is a path", Code.UNKNOWN_SYSTEM, "15", _of_system("../../etc/passwd"), NOBODY),
)
BODIES = (
    Bad("a hash that does not fit", Code.HASH_MISMATCH, "10", lambda d: _unhashed(d, PACKAGE)),
    Bad("an empty body", Code.EMPTY_BODY, "10", lambda d: replace(d.sending(PACKAGE), body=b"")),
    Bad("a body of one line end", Code.EMPTY_BODY, "10", lambda d: replace(d.sending(b""), body=b"\r\n")),
    Bad(
        "a length over the limit",
        Code.TOO_LARGE,
        "21",
        lambda d: replace(d.sending(PACKAGE), content_length=LIMIT_BYTES + 3),
    ),
    Bad("too large", Code.TOO_LARGE, "21", lambda d: d.chunked(bytes(LIMIT_BYTES + 3))),
    Bad("a zipped body", Code.BAD_REQUEST, "21", lambda d: d.gzipped(PACKAGE)),
    Bad("a wrong method", Code.BAD_REQUEST, "21", lambda d: replace(d.sending(PACKAGE), method="PUT"), NOBODY),
)
XML = (
    _edxml("broken XML", Code.XML_BROKEN, "22", _with("</edXML:Subject>", "</edXML:Content>")),
    _edxml("XML that ends early", Code.XML_BROKEN, "22", PACKAGE[: len(PACKAGE) * 2 // 3]),
    _edxml("no XML", Code.XML_BROKEN, "22", b"%PDF-1.7\n" + bytes(200)),
    _edxml("bytes that are not UTF-8", Code.ENCODING_UNSUPPORTED, "22", PACKAGE.replace("ò".encode(), b"\xf2", 1)),
    _edxml("UTF-16", Code.ENCODING_UNSUPPORTED, "22", PACKAGE_TEXT.encode("utf-16")),
    _edxml("a DTD", Code.DTD_FORBIDDEN, "22", _with("<edXML ", "<!DOCTYPE edXML>\n<edXML ")),
    _edxml(
        "an outside entity",
        Code.DTD_FORBIDDEN,
        "22",
        _with("<edXML ", '<!DOCTYPE edXML [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<edXML ').replace(
            b"<edXML:Subject>", b"<edXML:Subject>&x;"
        ),
    ),
    _edxml(
        "a billion laughs",
        Code.DTD_FORBIDDEN,
        "22",
        _with(
            "<edXML ",
            "<!DOCTYPE edXML ["
            + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(10))
            + "]>\n<edXML ",
        ),
    ),
    _edxml("an entity that nobody declared", Code.XML_BROKEN, "22", _with("<edXML:Subject>", "<edXML:Subject>&x;")),
    _edxml("a wrong root", Code.WRONG_ROOT, "22", b'<?xml version="1.0"?><html><body/></html>'),
    _edxml(
        "the root of another namespace",
        Code.WRONG_ROOT,
        "22",
        PACKAGE.replace(b"http://www.mic.gov.vn/TBT/QCVN_102_2016", b"http://www.e-doc.vn/Schema/"),
    ),
    _edxml("too deep", Code.TOO_DEEP, "21", _with("<edXML:Subject>", "<edXML:Subject>" + "<a>" * 100)),
    _edxml("too many elements", Code.TOO_MANY, "21", _with("<edXML:Subject>", "<edXML:Subject>" + "<a/>" * 200_001)),
)
FIELDS = (
    _edxml("no From", Code.MISSING_FROM, "22", _without("From")),
    _edxml("a From without a code", Code.MISSING_FROM, "22", _with("<edXML:OrganId>H24.11<", "<edXML:OrganId><")),
    _edxml("no To", Code.MISSING_TO, "22", _without("To")),
    _edxml("no DocumentId", Code.MISSING_DOCUMENT_ID, "22", _without("DocumentId")),
    _edxml(
        "a DocumentId without end",
        Code.FIELD_INVALID,
        "22",
        lambda: to_bytes(a_document("H24.15", document_id="x" * 100_000)),
    ),
    _edxml(
        "an unknown act",
        Code.BAD_BUSINESS_TYPE,
        "22",
        lambda: to_bytes(a_document("H24.15", business=Business(business_doc_type="9"))),
    ),
    _edxml(
        "a status that is none",
        Code.BAD_STATUS_CODE,
        "22",
        lambda: to_bytes(a_status(DOCUMENT, "99", "H24.11", to="H24.15")),
    ),
    _edxml(
        "a status on nothing",
        Code.STATUS_UNMATCHED,
        "21",
        lambda: to_bytes(a_status(DOCUMENT, "03", "H24.11", to="H24.15")),
    ),
)
FILES = (
    _edxml("broken base64", Code.BAD_BASE64, "22", _with("JVBER", "JV*ER")),
    _edxml("base64 that ends early", Code.BAD_BASE64, "22", _with("JVBER", "JVBE")),
    _edxml(
        "a file that is listed and absent",
        Code.ATTACHMENT_ABSENT,
        "22",
        lambda: _cut("<AttachmentEncoded>", "</AttachmentEncoded>"),
    ),
    _edxml(
        "a file that is there and not listed",
        Code.ATTACHMENT_UNLISTED,
        "22",
        lambda: _cut("<edXML:Reference>", "</edXML:Reference>"),
    ),
    _edxml(
        "a file listed twice",
        Code.ATTACHMENT_DUPLICATE,
        "22",
        lambda: to_bytes(a_document("H24.15", files=(a_file(), a_file()))),
    ),
    _edxml("a zip bomb", Code.ZIP_BOMB, "21", lambda: _zipped(bytes(64 << 20))),
    _edxml("a zip of very many", Code.ZIP_BOMB, "21", lambda: _zipped(b"", entries=101)),
    _edxml(
        "too many files",
        Code.TOO_MANY,
        "21",
        lambda: to_bytes(a_document("H24.15", files=tuple(a_file(name=f"{n}.pdf") for n in range(501)))),
    ),
)
PARTIES = (
    _edxml("a foreign From", Code.FOREIGN_SENDER, "19", lambda: to_bytes(a_document("H24.11", sender="H24.15"))),
    _edxml("an unknown From", Code.UNKNOWN_SENDER, "19", lambda: to_bytes(a_document("H24.15", sender="H24.99"))),
    _edxml("a From outside", Code.UNKNOWN_SENDER, "19", lambda: to_bytes(a_document("H24.15", sender="G01"))),
    _edxml("an unknown receiver", Code.UNKNOWN_RECEIVER, "18", lambda: to_bytes(a_document("H24.15", "H24.98"))),
    _edxml("a closed receiver", Code.RECEIVER_CLOSED, "23", lambda: to_bytes(a_document("H24.15", "H24.40"))),
    _edxml(
        "more receivers than allowed",
        Code.TOO_MANY,
        "21",
        lambda: to_bytes(a_document(*(f"G{n}" for n in range(5_001)))),
    ),
    _edxml("an unknown added receiver", Code.UNKNOWN_RECEIVER, "18", lambda: _adding("H24.98")),
)
SECRETS = tuple(
    _edxml(f"a secret marking in {field}", Code.SECRET_MARKING, "21", package)
    for field, package in {
        "Subject": to_bytes(a_document("H24.15", subject="MẬT: V/v bố trí lực lượng 4711")),
        "SphereOfPromulgation": to_bytes(a_document("H24.15", other=OtherInfo(sphere_of_promulgation="Tối mật"))),
        "Subject, decomposed": to_bytes(a_document("H24.15", subject="TUYE\u0323\u0302T MA\u0323\u0302T V/v 4711")),
    }.items()
)
ALL = (*CREDENTIALS, *BODIES, *XML, *FIELDS, *FILES, *PARTIES, *SECRETS)


def _cut(start: str, end: str) -> bytes:
    before, _, rest = PACKAGE_TEXT.partition(start)
    _, found, after = rest.partition(end)
    assert found
    return (before + after).encode()


def _adding(code: str) -> bytes:
    changes = BusinessDocumentInfo(document_receiver="1", receivers=(Receiver(organ_id=code, receiver_type="0"),))
    return to_bytes(a_document("H24.15", business=Business(business_doc_type="2", document_info=changes)))


async def _refuse(door: Door, bad: Bad, before: Left) -> RawReply:
    """Make the bad call, and check everything that holds for every refusal."""
    reply = await door.call(bad.make(door))
    assert reply.status == 200
    assert (reply.json["ErrorCode"], reply.code) == (bad.vxp_code, bad.code)
    assert list(reply.json) == ["status", "ErrorCode", "ErrorDesc", "DocId"]
    assert reply.json["DocId"] == ""
    words = str(reply.json["ErrorDesc"])
    assert SENTENCES[bad.code].what_vi in words
    assert sentence(bad.code, "en") in words
    assert words.endswith(f" [{reply.headers['x-request-id']}]")
    assert "Traceback" not in words
    after = await door.left()
    assert after.rows == before.rows
    assert after.files == before.files
    audit = [line for line in after.audit if line not in before.audit]
    if bad.actor == NOBODY:
        assert audit == []
    else:
        ((kind, actor, fields),) = audit
        assert (kind, actor, json.loads(fields)["code"]) == ("package_refused", bad.actor, bad.code)
    return reply


@pytest.mark.parametrize("bad", ALL, ids=lambda bad: bad.name.replace(" ", "_"))
async def test_bad_input_is_refused_by_its_own_code_and_leaves_nothing(door: Door, bad: Bad) -> None:
    await door.node.store.write(lambda c: systems.set_enabled(c, "dms-cu", enabled=False, at=CLOCK.now(), actor="test"))
    await door.refresh()
    before = await door.left()
    assert set(before.rows.values()) == {0}
    await _refuse(door, bad, before)
    # The door is not jammed: what is right goes through.
    assert (await door.call(door.sending(PACKAGE))).json["status"] == "OK"


async def test_a_refused_call_leaves_nothing_to_the_garbage_collector(door: Door) -> None:
    calls = [door.sending(to_bytes(a_document("H24.15", "H24.98", number=str(number)))) for number in range(5)]
    await door.call(calls[0])
    gc.collect()
    gc.disable()
    try:
        before = _of_packages()
        for call in calls:
            assert (await door.call(call)).code == Code.UNKNOWN_RECEIVER
        assert (await door.call(door.asking("countReceiveEdoc"))).json["count"] == 0
        assert _of_packages() <= before
    finally:
        gc.enable()


def _of_packages() -> int:
    return sum(isinstance(one, DocumentPackage | Spooled | Spool) for one in gc.get_objects())


async def test_a_secret_package_leaves_its_content_nowhere(door: Door) -> None:
    for bad in SECRETS:
        await _refuse(door, bad, await door.left())
    assert "4711" not in str((await door.left()).audit)
    assert b"4711" not in b"".join(path.read_bytes() for path in door.data_dir.rglob("axis.db*"))


async def test_another_content_under_a_known_id_is_a_conflict_and_changes_nothing(door: Door) -> None:
    first = await door.call(door.sending(PACKAGE))
    before = await door.left()
    for name, package in {
        "other files": to_bytes(a_document("H24.15", files=(a_file(b"%PDF-1.7 khac"),))),
        "another number": to_bytes(
            replace(DOCUMENT, header=replace(DOCUMENT.header, code=replace(DOCUMENT.header.code, code_number="102")))
        ),
    }.items():
        await _refuse(door, _edxml(name, Code.DOCUMENT_CONFLICT, "21", package), await door.left())
    after = await door.left()
    assert (after.rows, after.files) == (before.rows, before.files)
    assert (await door.call(door.sending(PACKAGE))).json["DocId"] == first.json["DocId"]


async def test_an_unknown_operation_is_said_in_the_dialect(door: Door) -> None:
    for operation in ("sendEdocs", "..%2f..%2fetc%2fpasswd", "%00", "sendEdoc%20"):
        reply = await door.call(replace(door.sending(PACKAGE), operation=operation))
        assert (reply.status, reply.code) == (404, Code.UNKNOWN_OPERATION)
    assert set((await door.left()).rows.values()) == {0}


async def test_five_thousand_receivers_are_served(door: Door) -> None:
    codes = [f"G{number:04}" for number in range(4_998)]
    package = to_bytes(a_document("H24.15", "H24.88", *codes))
    reply = await door.call(door.sending(package))
    assert reply.json["status"] == "OK", reply.json
    rows = (await door.left()).rows
    assert (rows["delivery"], rows["consignment"], rows["queue"]) == (5_000, 5_000, 1)
    again = await door.call(door.sending(package))
    assert again.json["DocId"] == reply.json["DocId"]
    assert (await door.left()).rows == rows


SCRIPT = "<script>alert(1)</script>"
NAMES = (
    "../../../../tmp/axis-hostile",
    "/etc/passwd",
    "..\\..\\boot.ini",
    "a\u202efdp.exe",
    "CON",
    SCRIPT,
    "x" * 5_000,
)


async def test_names_of_files_never_become_paths(door: Door) -> None:
    files = tuple(
        replace(a_file(bytes(200_000) + bytes([number]), f"{number}"), name=name) for number, name in enumerate(NAMES)
    )
    before = await door.left()
    reply = await door.call(door.sending(to_bytes(a_document("H24.15", files=files))))
    assert reply.json["status"] == "OK", reply.json
    new = (await door.left()).files - before.files
    (blob,) = new
    assert blob.startswith("blobs/")
    stored = await door.node.store.read(
        lambda c: c.exec_driver_sql("SELECT name FROM attachment ORDER BY position").scalars().all()
    )
    assert tuple(stored) == NAMES
    assert not list(door.data_dir.parent.parent.rglob("axis-hostile*"))


async def test_script_in_every_field_is_stored_as_the_text_that_it_is(door: Door) -> None:
    hostile = Party(organ_id="H24.15", organ_name=SCRIPT, email=SCRIPT, website="javascript:alert(1)")
    sender = replace(hostile, organ_id="H24.11")
    package = a_document(
        "H24.15",
        document_id=f"{SCRIPT}' OR 1=1 --",
        subject=f"{SCRIPT}'; DROP TABLE package; --",
        files=(replace(a_file(), name=SCRIPT, description=SCRIPT),),
    )
    package = replace(package, header=replace(package.header, sender=sender, receivers=(hostile,)))
    raw = to_bytes(package)
    sent = await door.call(door.sending(raw))
    assert sent.json["status"] == "OK", sent.json
    (row,) = await door.node.store.read(lambda c: c.exec_driver_sql("SELECT document_id, subject FROM document").all())
    assert tuple(row) == (package.header.document_id, package.header.subject)
    listed = await door.call(door.asking("getReceivedEdocList", "dms-xd"))
    assert listed.headers["content-type"] == "application/json"
    assert listed.headers["x-content-type-options"] == "nosniff"
    assert "<script>" not in listed.body.decode("ascii") or listed.json["status"] == "OK"
    sent_list = await door.call(door.asking("getSentEdocList", docId=str(sent.json["DocId"])))
    assert sent_list.json["data"][0]["title"] == package.header.subject  # type: ignore[index]
