"""A small package is parsed whole, any other in a stream: both ways have to see the same."""

import gc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axis.edxml import reader
from axis.edxml.content import Content, Decoder, Shelf
from axis.edxml.findings import Findings
from axis.edxml.model import Limits, Package
from axis.edxml.skeleton import CHUNK_BYTES, Node, Skeleton, parse, parse_whole
from axis.errors import Malformed
from tests.packages import document_bytes, status_bytes

SAMPLES = sorted((Path(__file__).parent.parent / "data" / "samples").glob("*.edxml"))
PACKAGE = document_bytes()
STATUS = status_bytes()
SUBJECT = b"<edXML:Subject>"
PIECES = (
    b"<!-- a comment -->",
    b"<?a pi?>",
    b"<![CDATA[<&]]>",
    b"&amp;&#x41;&#10;",
    b"\r\n",
    b'<x a="1" b="2"/>',
    b'<f:x xmlns:f="urn:f"><f:y/></f:x>',
    b"<edXML:Signature><a><b/></a></edXML:Signature>",
    b"<Bussiness/>",
    b"&undeclared;",
    b"<g:x/>",
    b"</edXML:Subject>",
    b"<!DOCTYPE edXML>",
    b"\x00",
    b"\xff",
    b"<" * 3,
    b"<d>" * 70 + b"</d>" * 70,
    b"<d>" * 300 + b"</d>" * 300,
)


def _tree(node: Node) -> object:
    content = node.content and (node.content.size_bytes, node.content.sha256_hex)
    return node.name, node.attributes, node.text, node.is_split, content, [_tree(child) for child in node.children]


def _decoder(at: str) -> Decoder:
    shelf = Shelf(in_memory=True, spool_dir=None, scratch_dir=None)
    return Decoder(at=at, keeper=shelf.keeper(), most_bytes=1 << 30)


def _both(xml: bytes) -> tuple[tuple[object, ...], tuple[object, ...] | None]:
    streamed, whole = Findings(), Findings()
    slow = parse([xml], limits=Limits(), findings=streamed, decoder=_decoder, line=0)
    fast = parse_whole(xml, limits=Limits(), findings=whole, decoder=_decoder)
    return _seen(slow, streamed), fast and _seen(fast, whole)


def _seen(skeleton: Skeleton, findings: Findings) -> tuple[object, ...]:
    return _tree(skeleton.root), skeleton.has_signature, findings.all()


@pytest.mark.parametrize("piece", PIECES[:9])
@pytest.mark.parametrize("before", [b"<?xml", SUBJECT, b"JVBER", b"</edXML:Subject>", b"</edXML>"])
def test_both_ways_see_the_same_tree(piece: bytes, before: bytes) -> None:
    for package in (PACKAGE, STATUS):
        head, found, tail = package.partition(before)
        for xml in (head + found + piece + tail, head + piece + found + tail):
            if _outcome(xml) is not None:
                streamed, whole = _both(xml)
                assert whole == streamed


def _outcome(xml: bytes) -> Skeleton | None:
    try:
        return parse([xml], limits=Limits(), findings=Findings(), decoder=_decoder, line=0)
    except Malformed:
        return None


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_both_ways_read_the_samples_alike(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = sample.read_bytes()
    first = _read(raw)
    monkeypatch.setattr(reader, "parse_whole", lambda *_, **__: None)
    assert _read(raw) == first


def _read(raw: bytes) -> Package | tuple[object, ...]:
    try:
        return reader.read(raw)
    except Malformed as e:
        return e.code, e.at, e.detail


@given(
    cuts=st.lists(
        st.tuples(st.integers(0, len(PACKAGE)), st.integers(0, 30), st.sampled_from((b"", *PIECES))), max_size=3
    )
)
def test_both_ways_come_to_the_same_end_whatever_is_spoilt(cuts: list[tuple[int, int, bytes]]) -> None:
    raw = PACKAGE
    for at, length, piece in cuts:
        raw = raw[:at] + piece + raw[at + length :]
    first = _read(raw)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "parse_whole", lambda *_, **__: None)
        assert _read(raw) == first


def test_what_is_not_plainly_well_formed_is_left_to_the_stream() -> None:
    for xml in (b"<!DOCTYPE edXML>" + PACKAGE, PACKAGE[:-20], PACKAGE.replace(SUBJECT, SUBJECT + b"<g:x/>"), b""):
        assert parse_whole(xml, limits=Limits(), findings=Findings(), decoder=_decoder) is None


def test_a_package_of_more_than_a_chunk_is_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError

    monkeypatch.setattr(reader, "parse_whole", never)
    reader.read(PACKAGE.replace(b"</edXML>", b" " * CHUNK_BYTES + b"</edXML>"))


@pytest.mark.parametrize("tail", [b"", b"<a/>", b"</edXML>", b" " * CHUNK_BYTES])
def test_nothing_of_a_package_waits_for_the_garbage_collector(tail: bytes) -> None:
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            _read(PACKAGE.replace(b"</edXML>", tail + b"</edXML>"))
        assert not [one for one in gc.get_objects() if isinstance(one, Node | Shelf | Decoder)]
    finally:
        gc.enable()


def test_an_attribute_is_kept_and_no_object_of_the_parser() -> None:
    xml = PACKAGE.replace(SUBJECT, b'<edXML:Subject lang="vi">')
    found = parse_whole(xml, limits=Limits(), findings=Findings(), decoder=_decoder)
    assert found is not None
    nodes = [found.root]
    for node in nodes:
        nodes += node.children
        assert type(node.attributes) in (dict, type(None))
        assert isinstance(node.content, Content | None)
    assert {"lang": "vi"} in [node.attributes for node in nodes]
