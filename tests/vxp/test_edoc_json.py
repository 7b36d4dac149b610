"""getEdoc's answer as a stream: any file, any way in which it is cut, whatever the writer escaped."""

import base64
import json
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.vxp.edoc_json import EdocReader, answer_bytes, write_answer
from axis.errors import PeerRefused, PeerUnreachable


def _read(pieces: list[bytes]) -> bytes:
    reader = EdocReader()
    file = b"".join(reader.feed(piece) for piece in pieces)
    reader.finish()
    return file


def _cut(body: bytes, size: int) -> list[bytes]:
    return [body[start : start + size] for start in range(0, len(body), size)]


async def _answer(doc_id: str, chunks: list[bytes]) -> bytes:
    async def stream() -> AsyncGenerator[bytes]:
        for chunk in chunks:
            yield chunk

    return b"".join([piece async for piece in write_answer(doc_id, stream())])


@pytest.mark.parametrize(
    "chunks", [[], [b""], [b"a"], [b"ab", b"c"], [b"abc", b"d", b"", b"ef"], [bytes(range(256))] * 9]
)
async def test_an_answer_is_json_of_the_length_said(chunks: list[bytes]) -> None:
    answer = await _answer("01Đ.dms", chunks)
    file = b"".join(chunks)
    assert answer.isascii()
    assert len(answer) == answer_bytes("01Đ.dms", len(file))
    reply = json.loads(answer)
    assert base64.b64decode(reply.pop("data")) == file
    assert reply == {"status": "OK", "ErrorCode": "0", "ErrorDesc": "", "DocId": "01Đ.dms"}
    for size in (1, 7, 10_000):
        assert _read(_cut(answer, size)) == file


def _plain(text: str) -> str:
    return text


def _slashes(text: str) -> str:
    return text.replace("/", "\\/")


def _lines(text: str) -> str:
    return "\\r\\n".join(text[start : start + 76] for start in range(0, len(text), 76))


def _html_safe(text: str) -> str:
    return text.replace("=", "\\u003d").replace("+", "\\u002B").replace("/", "\\u002f")


@given(
    st.binary(max_size=300),
    st.integers(1, 90),
    st.sampled_from([_plain, _slashes, _lines, _html_safe]),
    st.sampled_from(
        [
            '{"status":"OK","ErrorCode":"0","data":"%s"}',
            '\ufeff {"data" : "%s" , "status":"OK"}\r\n',
            '{"x":{"data":"no"},"ErrorDesc":"a \\" data\\\\","list":["data",":"],"data":"%s","ErrorCode":0}',
        ]
    ),
)
def test_an_answer_is_read_however_it_is_written_and_cut(file: bytes, size: int, escape, form: str) -> None:  # noqa: ANN001
    body = (form % escape(base64.b64encode(file).decode())).encode()
    assert _read(_cut(body, size)) == file


@pytest.mark.parametrize(
    "body",
    [
        b'{"status":"FAIL","ErrorCode":"18","ErrorDesc":"khong co","DocId":""}',
        b'{"status":"FAIL","ErrorCode":"18","ErrorDesc":"khong co","data":""}',
        b'{"status":"FAIL","ErrorCode":18,"ErrorDesc":"khong co","data":null}',
        b'{"data":"","ErrorDesc":"khong co","ErrorCode":"18","status":"FAIL"}',
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_a_refusal_carries_the_partners_code(body: bytes, size: int) -> None:
    with pytest.raises(PeerRefused) as caught:
        _read(_cut(body, size))
    assert caught.value.peer_code == "18"
    assert caught.value.detail == "khong co"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>502</html>",
        b'{"status":"OK"}',
        b'{"status":"OK","data":["QUJD"]}',
        b'{"status":"OK","data":"QUJD',
        b'{"status":"OK","data":"QUJD"',
        b'{"status":"OK","data":"QUJ"}',
        b'{"status":"OK","data":"QU=D"}',
        b'{"status":"OK","data":"QQ==QUJD"}',
        b'{"status":"OK","data":"QU*D"}',
        b'{"status":"OK","data":"QU\\x44D"}',
        b'{"status":"OK","data":"QUJD\\"}',
        b'{"status":"OK","data":"QUJD\\u00"}',
        b'{"status":"OK","data":"QUJD"} trailing',
        b'{"data":"QUJD"}',
    ],
)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_what_is_no_answer_is_unreachable(body: bytes, size: int) -> None:
    with pytest.raises(PeerUnreachable):
        _read(_cut(body, size))


@pytest.mark.parametrize(
    ("before", "after"), [(b'{"x":"' + b"a" * 70_000 + b'",', b"}"), (b"{", b',"x":"' + b"a" * 70_000 + b'"}')]
)
@pytest.mark.parametrize("size", [1000, 1_000_000])
def test_the_json_around_the_file_is_bounded(before: bytes, after: bytes, size: int) -> None:
    with pytest.raises(PeerUnreachable, match="too much JSON"):
        _read(_cut(before + b'"data":"QUJD"' + after, size))
