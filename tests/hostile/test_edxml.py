"""Packages made to hurt: each is refused with its own code, in bounded time and memory.

Every one is read in a process of its own that may use little memory and little processor time; a reader that swells or
hangs is killed, and the test fails.
"""

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from axis.edxml.model import DocumentPackage
from axis.edxml.reader import read
from axis.edxml.writer import to_bytes
from axis.errors import Code, Malformed
from tests.packages import attachment, big_document, document, document_bytes, status_bytes

MESSAGE = "edXMLHeader/MessageHeader"
MEGABYTE = 1 << 20
ROOT = Path(__file__).parent.parent.parent

READER = """
import json, os, resource, sys
from pathlib import Path
from axis.edxml.reader import read
from axis.errors import AxisError

def answer(path, spool):
    try:
        package = read(Path(path), spool_dir=Path(spool)) if spool else read(Path(path).read_bytes())
        return ["read", [a.size_bytes for a in getattr(package, "attachments", ())]]
    except AxisError as e:
        return [e.code, e.at]

print(json.dumps(answer(sys.argv[1], "")), flush=True)  # everything is imported and warm
for line in sys.stdin:
    path, spool, memory, seconds = json.loads(line)
    child = os.fork()
    if child == 0:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        print(json.dumps(answer(path, spool)), flush=True)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status:
        print(json.dumps(["killed", status]), flush=True)
"""


class Victim:
    """Reads packages under tight limits."""

    def __init__(self, folder: Path, process: "subprocess.Popen[str]") -> None:
        self.folder = folder
        self.spool = folder / "spool"
        self.spool.mkdir()
        self._process = process

    def read(self, raw: bytes, *, memory: int = 64 * MEGABYTE, seconds: int = 10) -> list[Any]:
        """What the reader answers: the code and the place; the same from memory and from disk."""
        path = self.folder / "package"
        path.write_bytes(raw)
        in_memory = self._ask(path, None, len(raw) + memory, seconds)
        assert self.read_file(path, memory=memory, seconds=seconds) == in_memory
        return in_memory

    def read_file(self, path: Path, *, memory: int, seconds: int) -> list[Any]:
        """The answer to a package on disk; what is refused has left nothing in the spool."""
        answer = self._ask(path, self.spool, memory, seconds)
        assert answer[0] == "read" or list(self.spool.iterdir()) == []
        return answer

    def _ask(self, path: Path, spool: Path | None, memory: int, seconds: int) -> list[Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        question = [str(path), str(spool) if spool else "", memory, seconds]
        print(json.dumps(question), file=self._process.stdin, flush=True)
        answer: list[Any] = json.loads(self._process.stdout.readline())
        return answer


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator["subprocess.Popen[str]"]:
    ordinary = tmp_path_factory.mktemp("victim") / "ordinary"
    ordinary.write_bytes(document_bytes())
    command = [sys.executable, "-c", READER, str(ordinary)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as started:
        assert started.stdout is not None
        assert json.loads(started.stdout.readline())[0] == "read"
        yield started
        assert started.stdin is not None
        started.stdin.close()


@pytest.fixture
def victim(tmp_path: Path, process: "subprocess.Popen[str]") -> Victim:
    return Victim(tmp_path, process)


def test_the_limits_of_these_tests_hold(victim: Victim) -> None:
    raw = document_bytes(files={"a": b"x" * 20_000_000})
    assert victim.read(raw, memory=128 * MEGABYTE) == ["read", [20_000_000]]
    with pytest.raises(AssertionError):
        victim.read(raw, memory=8 * MEGABYTE)


def edited(raw: bytes, *changes: tuple[str, str]) -> bytes:
    text = raw.decode()
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text.encode()


def with_dtd(dtd: str, reference: str = "") -> bytes:
    return edited(document_bytes(), ("<edXML ", f"{dtd}<edXML "), ("<edXML:Subject>", f"<edXML:Subject>{reference}"))


LAUGHS = "".join(f'<!ENTITY l{i + 1} "{f"&l{i};" * 10}">' for i in range(12))


@pytest.mark.parametrize(
    "raw",
    [
        with_dtd(f'<!DOCTYPE edXML [<!ENTITY l0 "ha">{LAUGHS}]>', "&l12;"),
        with_dtd(f'<!DOCTYPE edXML [<!ENTITY a "{"a" * 100_000}">]>', "&a;" * 20_000),
        with_dtd(f'<!DOCTYPE edXML [<!ENTITY a "{"a" * 1_000_000}">]>', "&a;" * 20_000),
        with_dtd('<!DOCTYPE edXML [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "&x;"),
        with_dtd('<!DOCTYPE edXML [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x.dtd">%p;]>'),
        with_dtd('<!DOCTYPE edXML SYSTEM "http://127.0.0.1:9/x.dtd">'),
        with_dtd('<!DOCTYPE edXML PUBLIC "-//X" "file:///dev/zero">'),
        with_dtd("<!DOCTYPE edXML>"),
        with_dtd('<!-- x --><?pi x?>\n<!DOCTYPE edXML [<!ATTLIST edXML:From a CDATA "x">]>'),
        with_dtd(f"<!--{' ' * 70_000}--><!DOCTYPE edXML>"),
        edited(document_bytes(), ('<?xml version="1.0" encoding="UTF-8"?>', "<!DOCTYPE edXML>")),
    ],
    ids=[
        *("billion laughs", "quadratic", "long entity", "external entity", "parameter entity", "external dtd"),
        *("public dtd", "empty dtd", "attribute default", "after a long comment", "no declaration"),
    ],
)
def test_a_dtd_is_forbidden_whatever_is_in_it(victim: Victim, raw: bytes) -> None:
    assert victim.read(raw) == ["dtd_forbidden", None]


def test_an_entity_that_nobody_declared_is_broken_xml(victim: Victim) -> None:
    raw = edited(document_bytes(), ("<edXML:Subject>", "<edXML:Subject>&xxe;"))
    assert victim.read(raw)[0] == "xml_broken"


def test_deep_nesting_is_refused(victim: Victim) -> None:
    deep = "<edXML:a>" * 100_000
    assert victim.read(edited(document_bytes(), ("<edXML:Subject>", deep + "<edXML:Subject>"))) == ["too_deep", None]
    deep = "<a>" * 100_000
    in_signature = edited(
        document_bytes(), ("</edXML:edXMLHeader>", f"<Signature>{deep}</Signature></edXML:edXMLHeader>")
    )
    assert victim.read(in_signature) == ["too_deep", None]


@pytest.mark.parametrize("element", ["<edXML:a/>", "<edXML:To><edXML:OrganId/></edXML:To>"])
def test_a_million_elements_are_refused(victim: Victim, element: str) -> None:
    raw = edited(document_bytes(), ("<edXML:To>", element * 1_000_000 + "<edXML:To>"))
    answer = victim.read(raw, memory=160 * MEGABYTE, seconds=20)
    assert answer in (["too_many", None], ["too_large", None])


def test_a_million_elements_in_a_signature_are_refused(victim: Victim) -> None:
    inside = "<a/>" * 1_000_000
    raw = edited(document_bytes(), ("</edXML:edXMLHeader>", f"<Signature>{inside}</Signature></edXML:edXMLHeader>"))
    assert victim.read(raw) == ["too_many", None]


@pytest.mark.parametrize(
    "tag",
    [
        f'<edXML:Subject a="{"x" * 20_000_000}">',
        "<edXML:Subject " + " ".join(f'a{i}=""' for i in range(600_000)) + ">",
        "<edXML:Subject " + " ".join(f'xmlns:a{i}="u{i}"' for i in range(300_000)) + ">",
        f"<edXML:Subject{' ' * 20_000_000}>",
        f"<edXML:{'S' * 20_000_000}><edXML:Subject>",
        f"<!--{'x' * 20_000_000}--><edXML:Subject>",
        f"<?x {'x' * 20_000_000}?><edXML:Subject>",
    ],
    ids=["attribute", "attributes", "namespaces", "blanks", "name", "comment", "instruction"],
)
def test_a_huge_tag_is_refused(victim: Victim, tag: str) -> None:
    raw = edited(document_bytes(), ("<edXML:Subject>", tag))
    assert victim.read(raw, memory=32 * MEGABYTE) == ["too_large", None]


@pytest.mark.parametrize(
    "text", ["x" * 60_000_000, f"<![CDATA[{'x' * 20_000_000}]]>", "&#65;" * 3_000_000, "\r\n" * 6_000_000]
)
def test_a_huge_text_is_refused(victim: Victim, text: str) -> None:
    raw = edited(document_bytes(), ("<edXML:Subject>", f"<edXML:Subject>{text}"))
    assert victim.read(raw, memory=32 * MEGABYTE) == ["too_large", None]


def test_a_file_hidden_in_references_to_characters_is_refused(victim: Victim) -> None:
    raw = edited(
        document_bytes(files={"a": b""}),
        ("></edXML:ContentTransferEncoded>", f">{'&#65;' * 3_000_000}</edXML:ContentTransferEncoded>"),
    )
    assert victim.read(raw, memory=128 * MEGABYTE) == ["too_large", None]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7"])
def test_another_encoding_is_refused(victim: Victim, encoding: str) -> None:
    raw = edited(document_bytes(), ("UTF-8", encoding)).decode().encode(encoding)
    assert victim.read(raw)[0] == "encoding_unsupported"


def test_nul_bytes_are_broken_xml(victim: Victim) -> None:
    for old, new in (("Sở", "S\0"), ("<edXML:From>", "<edXML:Fr\0om>"), ("</edXML>", "</edXML>\0")):
        assert victim.read(edited(document_bytes(), (old, new)))[0] == "xml_broken"


def test_a_package_cut_anywhere_is_refused() -> None:
    raw = document_bytes().rstrip()
    for end in range(len(raw)):
        with pytest.raises(Malformed):
            read(raw[:end])


def test_a_package_with_any_byte_changed_is_read_or_refused() -> None:
    raw = document_bytes(files={"a": b"123"})
    refused = 0
    for position in range(0, len(raw), 3):
        for byte in (0x00, 0x3C, 0x80):
            try:
                read(raw[:position] + bytes([byte]) + raw[position + 1 :])
            except Malformed:
                refused += 1
    assert refused > len(raw) // 3


def test_more_than_a_kilobyte_of_junk_is_refused(victim: Victim) -> None:
    for junk in (b"x" * 1025, b"\n" * 10_000_000, b"x" * 10_000_000, b"\0" * 2000):
        code, _ = victim.read(junk + document_bytes(), memory=192 * MEGABYTE)
        assert code in ("xml_broken", "empty_body")


def zipped(content: bytes, name: str = "a") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return file.getvalue()


def overlapping(entries: int) -> bytes:
    """A ZIP all of whose entries are the same megabytes."""
    raw = zipped(bytes(range(256)) * 8_000)
    directory, end = raw.index(b"PK\x01\x02"), raw.index(b"PK\x05\x06")
    header = raw[directory:end]
    tail = bytearray(raw[end:])
    tail[8:10] = tail[10:12] = entries.to_bytes(2, "little")
    tail[12:16] = (len(header) * entries).to_bytes(4, "little")
    return raw[:directory] + header * entries + bytes(tail)


def with_zip(content: bytes) -> bytes:
    file = attachment("a.doc", b"", content_type="application/zip")
    object.__setattr__(file, "content", content)
    return to_bytes(DocumentPackage(header=document().header, attachments=(file,)))


@pytest.mark.parametrize(
    "content",
    [overlapping(100), overlapping(60_000)],
    ids=["overlapping", "many overlapping"],
)
def test_a_zip_of_overlapping_entries_does_no_harm(victim: Victim, content: bytes) -> None:
    answer = victim.read(with_zip(content))
    # A directory longer than any client's is never opened, and newer Pythons refuse overlapping entries: plain files.
    assert answer in (["zip_bomb", "AttachmentEncoded/Attachment[1]"], ["read", [len(content)]])


def test_a_zip_bomb_is_refused(victim: Victim) -> None:
    content = zipped(bytes(60_000_000))
    assert victim.read(with_zip(content)) == ["zip_bomb", "AttachmentEncoded/Attachment[1]"]


def test_a_nested_zip_bomb_does_not_go_off(victim: Victim) -> None:
    content = zipped(zipped(zipped(bytes(60_000_000))))
    assert victim.read(with_zip(content)) == ["read", [len(content)]]


def test_ten_thousand_receivers_are_refused(victim: Victim) -> None:
    raw = document_bytes(receivers=[f"H24.{i}" for i in range(10_000)])
    assert victim.read(raw, memory=128 * MEGABYTE) == ["too_many", f"{MESSAGE}/To"]


def test_a_thousand_files_are_refused(victim: Victim) -> None:
    raw = document_bytes(files={f"{i}": b"x" for i in range(1000)})
    assert victim.read(raw) == ["too_many", "AttachmentEncoded"]


ELEMENTS = [
    ("<edXML:From>", "<edXML:From><edXML:OrganId>H24.9</edXML:OrganId></edXML:From>", f"{MESSAGE}/From"),
    ("<edXML:DocumentId>", "<edXML:DocumentId>x</edXML:DocumentId>", f"{MESSAGE}/DocumentId"),
    ("<edXML:Code>", "<edXML:Code/>", f"{MESSAGE}/Code"),
    ("<edXML:CodeNumber>", "<edXML:CodeNumber>1</edXML:CodeNumber>", f"{MESSAGE}/Code/CodeNumber"),
    ("<edXML:Subject>", "<Subject/>", f"{MESSAGE}/Subject"),
    ("<edXML:OrganId>", "<edXML:OrganId>H24.1</edXML:OrganId>", f"{MESSAGE}/From/OrganId"),
    ("<edXML:MessageHeader>", "<edXML:MessageHeader/>", "edXMLHeader/MessageHeader"),
    ("<edXML:edXMLHeader>", "<edXML:edXMLHeader/>", "edXMLEnvelope/edXMLHeader"),
    ("<edXML:edXMLBody>", "<edXML:edXMLBody/>", "edXMLEnvelope/edXMLBody"),
    ("<edXML:edXMLManifest", "<edXML:edXMLManifest/>", "edXMLBody/edXMLManifest"),
    ("<edXML:edXMLEnvelope ", "<edXMLEnvelope/>", "edXML/edXMLEnvelope"),
    ("<AttachmentEncoded>", "<AttachmentEncoded/>", "edXML/AttachmentEncoded"),
    ("<edXML:TraceHeaderList>", "<edXML:TraceHeaderList/>", "edXMLHeader/TraceHeaderList"),
    ("<edXML:Bussiness>", "<edXML:Bussiness/>", "edXMLHeader/TraceHeaderList/Bussiness"),
    ("<edXML:Bussiness>", "<edXML:Business/>", "edXMLHeader/TraceHeaderList/Bussiness"),
    (
        "<edXML:BussinessDocType>",
        "<edXML:BussinessDocType>1</edXML:BussinessDocType>",
        "edXMLHeader/TraceHeaderList/Bussiness/BussinessDocType",
    ),
    ("<edXML:ContentId>", "<edXML:ContentId>x</edXML:ContentId>", "edXMLBody/edXMLManifest/Reference[1]/ContentId"),
    ("<ContentId>", "<ContentId>x</ContentId>", "AttachmentEncoded/Attachment[1]/ContentId"),
    (
        "<edXML:ContentTransferEncoded",
        "<ContentTransferEncoded>QQ==</ContentTransferEncoded>",
        "AttachmentEncoded/Attachment[1]/ContentTransferEncoded",
    ),
]


@pytest.mark.parametrize(("before", "extra", "at"), ELEMENTS, ids=[f"{extra[:24]}" for _, extra, _ in ELEMENTS])
def test_an_element_that_stands_twice_is_an_ambiguity_and_refused(before: str, extra: str, at: str) -> None:
    with pytest.raises(Malformed) as refused:
        read(edited(document_bytes(), (before, extra + before)))
    assert (refused.value.code, refused.value.at) == (Code.FIELD_INVALID, at)


def test_a_status_with_two_codes_is_refused(victim: Victim) -> None:
    raw = edited(status_bytes(), ("<edXML:StatusCode>", "<edXML:StatusCode>06</edXML:StatusCode><edXML:StatusCode>"))
    assert victim.read(raw) == ["field_invalid", f"{MESSAGE}/StatusCode"]


def test_elements_inside_a_text_are_refused(victim: Victim) -> None:
    raw = edited(document_bytes(), ("<edXML:DocumentId>", "<edXML:DocumentId>x<b>y</b>"))
    assert victim.read(raw) == ["field_invalid", f"{MESSAGE}/DocumentId"]


def test_a_second_root_is_refused(victim: Victim) -> None:
    assert victim.read(document_bytes() + document_bytes())[0] == "xml_broken"


def test_words_of_a_stranger_are_short_and_printable(victim: Victim) -> None:
    name = "x" * 10_000
    raw = edited(document_bytes(), ("<edXML:Subject>", f"<edXML:{name}/><edXML:Subject>"))
    assert victim.read(raw)[0] == "read"
    assert all(len(finding.at) <= 200 for finding in read(raw).findings)


def test_fifty_megabytes_are_read_in_little_memory(victim: Victim, tmp_path: Path) -> None:
    path = tmp_path / "big"
    big_document(path, 50_000_000)
    assert victim.read_file(path, memory=24 * MEGABYTE, seconds=20) == ["read", [37_500_000]]


@pytest.mark.long
def test_five_hundred_megabytes_are_read_in_little_memory(victim: Victim, tmp_path: Path) -> None:
    path = tmp_path / "big"
    big_document(path, 500_000_000)
    assert victim.read_file(path, memory=24 * MEGABYTE, seconds=60) == ["read", [375_000_000]]
