"""Replies: strict when written, lenient when read."""

import json
from datetime import UTC, datetime
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.vxp import replies
from adapters.vxp.replies import (
    Row,
    read_agency,
    read_received,
    read_reply,
    read_sent,
    write_list,
    write_ok,
)
from axis.errors import PeerRefused, PeerUnreachable
from axis.terms import PackageKind


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 1000])
def test_a_list_of_any_length_is_one_json_object(count: int) -> None:
    rows: list[Row] = [{"docId": f"Đ{number}", "n": number, "closed": number % 2 == 0} for number in range(count)]
    raw = b"".join(write_list(iter(rows)))
    assert raw.isascii()
    reply = json.loads(raw)
    assert reply.pop("data") == rows
    assert reply == {"status": "OK", "ErrorCode": "0", "ErrorDesc": "", "DocId": ""}


def test_an_answer_that_says_yes_has_the_four_keys() -> None:
    assert json.loads(write_ok("01A", count=3)) == {
        "status": "OK", "ErrorCode": "0", "ErrorDesc": "", "DocId": "01A", "count": 3,
    }  # fmt: skip


def test_numbers_may_be_texts_and_keys_may_be_missing() -> None:
    reply = read_reply(b'\xef\xbb\xbf{"STATUS":"ok","errorCode":0,"count":"12","data":null}')
    assert reply.count == 12
    assert reply.rows == ()
    assert reply.doc_id == ""
    assert read_reply(b'{"ErrorCode":"0","DocId":42,"count":7.5}').doc_id == "42"
    assert read_reply(b'{"status":"OK","count":-1}').count == 0


@pytest.mark.parametrize(
    "raw",
    [b"", b"<html>", b"[]", b"null", b'{"data":[]}', b'{"status":""}', b"[" * 50_000, b'{"status":"OK"', b"\xff\xfe"],
)
def test_what_is_no_reply_is_unreachable(raw: bytes) -> None:
    with pytest.raises(PeerUnreachable):
        read_reply(raw)


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(value=_values, indent=st.sampled_from([None, 0, 3]))
def test_a_long_answer_is_read_as_a_short_one_is(value: object, indent: int | None) -> None:
    with mock.patch("adapters.vxp.replies._AT_ONCE", 0):
        assert replies._read_json(f" {json.dumps(value, indent=indent)}\n") == value


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1,}', '{"a":1 "b":2}', '{"a":1}x', '{"a":[1,]}', '{"a":[1 2]}', '{"a":[1', '{"a":[', '{"a"', '{"a":', "{",
        "{1:2}", '{"a" 1}', '{,"a":1}', '{"a":[,1]}', '{"a":1}}', '{"a":[1}]', "",
    ],
)  # fmt: skip
def test_what_is_no_json_is_none_in_a_long_answer_either(text: str) -> None:
    with mock.patch("adapters.vxp.replies._AT_ONCE", -1), pytest.raises(ValueError):  # noqa: PT011 - the caller's contract
        replies._read_json(text)
    with pytest.raises(ValueError):  # noqa: PT011 - the same
        json.loads(text)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"status":"FAIL","ErrorCode":"15","ErrorDesc":"sai"}', "15"),
        (b'{"status":"FAIL"}', ""),
        (b'{"status":"fail","ErrorCode":20}', "20"),
        (b'{"status":"OK","ErrorCode":"21"}', "21"),
    ],
)
def test_a_refusal_keeps_the_partners_code(raw: bytes, code: str) -> None:
    with pytest.raises(PeerRefused) as caught:
        read_reply(raw)
    assert caught.value.peer_code == code


def test_a_partners_words_are_bounded_and_printable() -> None:
    with pytest.raises(PeerRefused) as caught:
        read_reply(json.dumps({"status": "FAIL", "ErrorDesc": "a\r\n\x1b[31m" + "b" * 9_000}).encode())
    assert caught.value.detail.isprintable()
    assert len(caught.value.detail) == 500


def test_rows_of_others_are_read_leniently() -> None:
    raw = {
        "status": "OK",
        "data": [
            {"docid": 17, "messageType": "STATUS", "created_time": "24/11/2026 09:30:00", "to": ["H24.1", "H24.2"]},
            {"docId": "x", "messageType": "?", "from": None, "created_time": "?"},
            "no row",
        ],
    }
    first, second = (read_received(row) for row in read_reply(json.dumps(raw).encode()).rows)
    assert first.doc_id == "17"
    assert first.kind is PackageKind.STATUS
    assert first.created_at == datetime(2026, 11, 24, 2, 30, tzinfo=UTC)
    assert first.to_codes == "H24.1,H24.2"
    assert (second.kind, second.from_code, second.created_at) == (None, "", None)


@pytest.mark.parametrize(("word", "done"), [("done", True), ("DONE", True), ("processing", False), ("", False)])
def test_only_done_is_acknowledged(word: str, done: bool) -> None:
    raw = json.dumps({"status": "OK", "data": [{"toCode": "A", "receiveStatus": word, "sendStatus": "done"}]}).encode()
    assert read_sent(read_reply(raw).rows[0]).is_acknowledged is done


@pytest.mark.parametrize(("value", "deleted"), [(True, True), ("true", True), (1, True), ("0", False), (None, False)])
def test_an_agency_is_read_from_any_of_the_three_lists(value: object, deleted: bool) -> None:
    raw = {"status": "OK", "data": [{"code": "H24.11", "id": 5, "code102": "000.00.11.H24", "deleted": value}]}
    agency = read_agency(read_reply(json.dumps(raw).encode()).rows[0])
    assert (agency.code, agency.id, agency.other_code, agency.deleted) == ("H24.11", "5", "000.00.11.H24", deleted)
