"""The dialect, pure: signatures over raw bytes, hashes without padding, times without zones, ids without state."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.vxp import wire
from axis.errors import AxisError, Code
from axis.exchange.values import Acknowledgement
from axis.terms import PackageKind, TransportState

SECRET = "bí mật".encode()
VALUES = {"systemid": "dms-yte", "timestamp": "24112026T093000+0123", "docId": "X.dms-yte"}


def _raw(headers: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers]


def _signed(text: str, *more: tuple[str, str], secret: bytes = SECRET) -> list[tuple[bytes, bytes]]:
    return _raw([(wire.SIGN_HEADER, text), (wire.HASH_HEADER, wire.sign(text.encode(), secret)), *more])


def _refusal(headers: list[tuple[bytes, bytes]]) -> Code:
    with pytest.raises(AxisError) as caught:
        wire.read_call(headers)
    return caught.value.code


# ── Signed headers ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_call_goes_out_as_the_vendor_client_writes_it() -> None:
    headers = dict(wire.write_headers({**VALUES, "Content-Type": "application/json"}, SECRET))
    assert headers["Content-Type"] == "application/json"
    assert headers["XroadVnpt-Content-Type"] == "application/json"
    assert headers["XroadVnpt-systemid"] == "dms-yte"
    assert headers["XroadVnpt-sign-header-key"] == "systemid;timestamp;docId;Content-Type"
    assert headers["XroadVnpt-version"] == "3.0.201608"
    assert headers["User-Agent"] == "JAVASDKAgent/1.0.0 XRoad/VPCP"
    assert json.loads(headers["XroadVnpt-sign-header"])["XroadVnpt-docId"] == "X.dms-yte"
    assert headers["XroadVnpt-hash-header"] == wire.sign(headers["XroadVnpt-sign-header"].encode(), SECRET)


@given(st.dictionaries(st.sampled_from(["docId", "status", "from", "to", "filePath"]), st.text(max_size=20)))
def test_what_is_signed_is_read_again(values: dict[str, str]) -> None:
    sent = {name: value.strip() for name, value in values.items() if "\r" not in value and "\n" not in value}
    call = wire.read_call(
        [(n.encode(), v.encode("utf-8", "surrogatepass")) for n, v in wire.write_headers(sent, SECRET)]
    )
    assert call.is_signed_by([b"another", SECRET])
    call.check_agreement()
    assert {name: call.get(name) for name in sent} == {name: value or None for name, value in sent.items()}


def test_the_signature_is_over_the_bytes_and_not_over_equal_json() -> None:
    text = '{ "XroadVnpt-systemid" : "dms-yte" ,"XroadVnpt-from":"H\\u0032\\u0034"}'
    call = wire.read_call(_signed(text))
    assert call.is_signed_by([SECRET])
    assert call.get("from") == "H24"
    other = wire.read_call([(wire.SIGN_HEADER.encode(), json.dumps(json.loads(text)).encode()), _signed(text)[1]])
    assert not other.is_signed_by([SECRET])


def test_the_signature_is_accepted_in_capitals() -> None:
    text = '{"XroadVnpt-systemid":"a"}'
    mac = wire.sign(text.encode(), SECRET).upper()
    assert wire.read_call(_raw([(wire.SIGN_HEADER, text), (wire.HASH_HEADER, mac)])).is_signed_by([SECRET])


def test_a_stray_signed_name_without_a_real_header_is_allowed() -> None:
    call = wire.read_call(_signed('{"XroadVnpt-systemid":"a","XroadVnpt-filePath":"d:/tam"}'))
    call.check_agreement()


@pytest.mark.parametrize(
    "real",
    [
        ("XroadVnpt-docId", "another"),
        ("xroadvnpt-DOCID", "another"),
        ("XroadVnpt-docId", ""),
        ("XroadVnpt-hash-file", "ab"),
        ("hash-file", "ab"),
    ],
)
def test_a_real_header_that_differs_from_the_signed_one_is_refused(real: tuple[str, str]) -> None:
    call = wire.read_call(_signed('{"XroadVnpt-docId":"one","XroadVnpt-hash-file":"cd"}', real))
    with pytest.raises(AxisError) as caught:
        call.check_agreement()
    assert caught.value.code is Code.HEADER_MISMATCH


def test_a_real_header_may_be_latin_1_as_java_writes_it() -> None:
    call = wire.read_call([*_signed('{"XroadVnpt-from":"\\u00e9"}'), (b"XroadVnpt-from", b"\xe9")])
    call.check_agreement()


@pytest.mark.parametrize("name", ["XroadVnpt-docId", "docId", "XROADVNPT-DOCID"])
def test_a_header_that_is_used_but_not_signed_is_refused(name: str) -> None:
    call = wire.read_call(_signed('{"XroadVnpt-systemid":"a"}', (name, "x")))
    for ask in (call.get, call.need):
        with pytest.raises(AxisError) as caught:
            ask("docId")
        assert caught.value.code is Code.HEADER_UNSIGNED
    assert wire.read_call(_signed("{}")).get("docId") is None


def test_names_are_found_in_any_case_and_without_the_prefix() -> None:
    call = wire.read_call(_signed('{"xroadvnpt-DOCID":" one ","hash-file":"ab"}', ("hash-file", "ab")))
    call.check_agreement()
    assert call.need("docId") == "one"
    assert call.get("hash-file") == "ab"


@pytest.mark.parametrize(
    "text",
    [
        '{"XroadVnpt-docId":"a","XroadVnpt-docId":"b"}',
        '{"XroadVnpt-docId":"a","XroadVnpt-docId":"a"}',
        '{"XroadVnpt-docId":"a","xroadvnpt-docid":"a"}',
        '{"XroadVnpt-docId":"a","docId":"b"}',
        '{"XroadVnpt-docId":["a"]}',
        '{"XroadVnpt-docId":{"a":"b"}}',
        '["XroadVnpt-docId"]',
        '"text"',
        '{"XroadVnpt-docId":"a"',
        "[" * 5_000,
        '{"a":' * 5_000,
        '{"a":' + "9" * 10_000 + "}",
    ],
)
def test_signed_text_that_is_no_plain_object_is_refused(text: str) -> None:
    assert _refusal(_signed(text)) is Code.BAD_REQUEST


def test_a_header_that_comes_twice_is_refused() -> None:
    assert _refusal([*_signed("{}"), (b"XroadVnpt-docId", b"a"), (b"xroadvnpt-docid", b"a")]) is Code.BAD_REQUEST
    assert _refusal([*_signed("{}"), *_signed("{}")]) is Code.BAD_REQUEST
    wire.read_call([*_signed("{}"), (b"Via", b"a"), (b"Via", b"b")])  # what proxies repeat does not matter


def test_the_headers_of_a_call_are_bounded() -> None:
    many = [(f"X-{number}".encode(), b"") for number in range(wire.MAX_HEADERS)]
    assert _refusal([*_signed("{}"), *many]) is Code.TOO_MANY
    assert _refusal(_signed('{"a":"' + "b" * wire.MAX_FIELD_BYTES + '"}')) is Code.TOO_LARGE


def test_a_call_without_a_signature_is_refused() -> None:
    assert _refusal([]) is Code.BAD_CREDENTIALS
    assert _refusal(_raw([(wire.SIGN_HEADER, "{}")])) is Code.BAD_CREDENTIALS
    assert _refusal(_raw([(wire.HASH_HEADER, "ab")])) is Code.BAD_CREDENTIALS


def test_signed_numbers_and_nulls_are_read_as_the_headers_say_them() -> None:
    call = wire.read_call(_signed('{"level":2,"XroadVnpt-to":null}', ("XroadVnpt-level", "2"), ("XroadVnpt-to", "")))
    call.check_agreement()
    assert call.get("level") == "2"
    assert call.get("to") is None


# ── Times ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_follows_the_plus_is_milliseconds_and_no_zone() -> None:
    at = wire.read_timestamp("24112026T093000+0700")
    assert at == datetime(2026, 11, 24, 2, 30, 0, 700_000, tzinfo=UTC)
    assert wire.write_timestamp(at) == "24112026T093000+0700"


@given(
    st.integers(0, 200 * 365 * 86_400_000).map(lambda ms: datetime(1980, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms))
)
def test_a_timestamp_is_read_as_it_was_written(at: datetime) -> None:
    assert wire.read_timestamp(wire.write_timestamp(at)) == at


@pytest.mark.parametrize(
    "text",
    ["", "24112026", "2026-11-24T09:30:00", "31022026T000000+0000", "24112026T250000+0000", "٢٤112026T093000+0000"],
)
def test_a_timestamp_that_names_no_moment_is_refused(text: str) -> None:
    with pytest.raises(AxisError) as caught:
        wire.read_timestamp(text)
    assert caught.value.code is Code.BAD_REQUEST


@pytest.mark.parametrize(
    "text",
    [
        "2026/11/24 09:30:00",
        "24/11/2026 09:30:00",
        "2026-11-24 09:30:00",
        "2026-11-24T09:30:00+07:00",
        "24/11/2026 09:30",
    ],
)
def test_times_of_others_are_read_in_any_usual_form(text: str) -> None:
    assert wire.read_list_time(text) == datetime(2026, 11, 24, 2, 30, tzinfo=UTC)


def test_a_time_that_cannot_be_told_is_none() -> None:
    assert wire.read_list_time("hôm qua") is None
    assert wire.write_list_time(None) == ""
    assert wire.write_list_time(datetime(2026, 11, 24, 2, 30, tzinfo=UTC)) == "2026/11/24 09:30:00"


# ── The file's hash ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_hash_is_printed_without_padding() -> None:
    assert wire.write_file_hash("0a1000ff") == "a100ff"


def _sha(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _drops(body: bytes, declared: str | None) -> bool:
    without = _sha(body[:-2]) if body.endswith(b"\r\n") else None
    return wire.drops_crlf(declared, body_hex=_sha(body), without_crlf_hex=without)


@given(st.binary(max_size=8), st.sampled_from([b"", b"\r", b"\n", b"\r\n", b"\r\n\r\n"]), st.booleans())
def test_the_crlf_of_the_wire_is_told_from_that_of_the_file(start: bytes, end: bytes, padded: bool) -> None:
    file = start + end
    declared = _sha(file) if padded else wire.write_file_hash(_sha(file))
    assert _drops(file + b"\r\n", declared)
    assert not _drops(file, declared)
    assert _drops(file + b"\r\n", declared.upper())


def test_without_a_hash_one_crlf_goes() -> None:
    assert _drops(b"file\r\n", None)
    assert _drops(b"file\r\n\r\n", None)
    assert not _drops(b"file", None)
    assert not _drops(b"file\r", None)


@pytest.mark.parametrize("body", [b"file", b"file\r\n"])
def test_a_hash_of_something_else_is_refused(body: bytes) -> None:
    with pytest.raises(AxisError) as caught:
        _drops(body, _sha(b"another"))
    assert caught.value.code is Code.HASH_MISMATCH


# ── Ids and words ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_list_item_names_its_package_and_its_system() -> None:
    doc_id = wire.write_item_id("01ABC", "dms.yte")
    assert wire.read_item_id(doc_id, "dms.yte") == "01ABC"
    assert wire.read_item_id("01ABC", "dms.yte") == "01ABC"
    for foreign in ("01ABC.dms-xd", "01ABC.dms", "01ABC.dms.yte.", ".dms.yte", "", "."):
        with pytest.raises(AxisError) as caught:
            wire.read_item_id(foreign, "dms.yte")
        assert caught.value.code is Code.NOT_FOUND


@pytest.mark.parametrize("word", ["inbox", "rejection", "acceptance", "assignment", "cancellation", "", "done!"])
def test_a_word_of_another_list_is_no_acknowledgement(word: str) -> None:
    with pytest.raises(AxisError) as caught:
        wire.read_acknowledgement(word)
    assert caught.value.code is Code.UNKNOWN_ACKNOWLEDGEMENT
    assert caught.value.detail == word


def test_the_words_of_update_status_are_read_in_any_case() -> None:
    assert [wire.read_acknowledgement(word) for word in ("initial", "Processing", "DONE", "fail")] == list(
        Acknowledgement
    )


def test_every_transport_state_has_a_word() -> None:
    assert set(wire.STATE_WORDS) == set(TransportState)
    assert [state for state, word in wire.STATE_WORDS.items() if word is Acknowledgement.DONE] == [
        TransportState.ACKNOWLEDGED
    ]


def test_message_types_are_read_in_any_case() -> None:
    assert wire.read_kind("EDOC") is PackageKind.DOCUMENT
    assert wire.read_kind("status") is PackageKind.STATUS
    with pytest.raises(AxisError) as caught:
        wire.read_kind("pdf")
    assert caught.value.code is Code.BAD_REQUEST


def test_a_moment_survives_the_change_of_zone() -> None:
    at = datetime(2026, 12, 31, 18, 0, tzinfo=UTC)
    assert wire.read_list_time(wire.write_list_time(at)) == at
    assert wire.read_timestamp(wire.write_timestamp(at)) - at == timedelta(0)
