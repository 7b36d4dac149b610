"""Mails as bytes: what a program reads is what was written, and nothing a stranger wrote becomes a header."""

import email
import hashlib
from datetime import UTC, datetime
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.mail.headers import header, mailbox_value, parameter, text_value
from adapters.mail.letter import Enclosure, Letter, Person, check_address, encoded_bytes
from axis.errors import Code, Malformed
from axis.text import ascii_name, file_name, one_line

AT = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
LONG = "Về việc tăng cường công tác phòng, chống dịch bệnh trên địa bàn thành phố trong dịp Tết Nguyên đán " * 3
names = st.text(max_size=300)


def a_letter(**fields: Any) -> Letter:
    chosen: dict[str, Any] = {
        "message_id": "01abc-xyz@truc.invalid",
        "at": AT,
        "sender": Person(name="Trục liên thông thành phố", address="truc@truc.invalid"),
        "to": Person(name="UBND xã Bình An", address="vanthu@binhan.invalid"),
        "subject": "101/SYT-VP: V/v phòng, chống dịch",
        "text": "Kính gửi\nquý cơ quan",
        "html": "<p>Kính gửi</p>",
        **fields,
    }
    return Letter(**chosen)


def parsed(letter: Letter) -> EmailMessage:
    raw = b"".join(letter.chunks())
    assert letter.size_bytes == len(raw)
    return cast("EmailMessage", email.message_from_bytes(raw, policy=default))


def test_a_letter_reads_as_it_was_written(tmp_path: Path) -> None:
    content = bytes(range(256)) * 3000
    (tmp_path / "x").write_bytes(content)
    file = Enclosure(name="Công văn 101.pdf", media_type="application/pdf", path=tmp_path / "x", size_bytes=768_000)
    message = parsed(a_letter(enclosures=(file, file), more=(("X-Axis-Package", "01ABC"),)))
    assert message["Subject"] == "101/SYT-VP: V/v phòng, chống dịch"
    assert message["To"].addresses[0].display_name == "UBND xã Bình An"
    assert message["To"].addresses[0].addr_spec == "vanthu@binhan.invalid"
    assert message["Message-ID"] == "<01abc-xyz@truc.invalid>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"] == "Tue, 24 Nov 2026 09:00:00 +0700"
    assert message["X-Axis-Package"] == "01ABC"
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert plain.get_content().splitlines() == ["Kính gửi", "quý cơ quan"]
    assert html.get_content().splitlines() == ["<p>Kính gửi</p>"]
    files = list(message.iter_attachments())
    assert [one.get_filename() for one in files] == ["Công văn 101.pdf"] * 2
    assert [one.get_content() for one in files] == [content] * 2
    assert not message.defects


def test_every_line_is_short_ascii_and_ends_in_crlf(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\x00" * 1000)
    name = LONG + ".pdf"
    file = Enclosure(name=name, media_type="application/pdf", path=tmp_path / "x", size_bytes=1000)
    letter = a_letter(
        subject=LONG, to=Person(name=LONG, address="a@b.invalid"), enclosures=(file,), text=LONG, html=LONG
    )
    raw = b"".join(letter.chunks())
    lines = raw.split(b"\r\n")
    assert max(map(len, lines)) <= 78
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert raw.isascii()
    assert not any(line.startswith(b".") for line in lines)
    assert parsed(letter)["Subject"] == one_line(LONG, 240)
    attachment = next(iter(parsed(letter).iter_attachments()))
    assert attachment.get_filename() == file_name(name)


def test_the_same_letter_is_the_same_bytes() -> None:
    assert b"".join(a_letter().chunks()) == b"".join(a_letter().chunks())


@pytest.mark.parametrize("field", ["subject", "sender", "to"])
@pytest.mark.parametrize(
    "evil", ["x\r\nBcc: victim@evil.invalid", "x\nBcc: y", "x\rBcc: y", "x\r\n\r\n<script>", "\x00x"]
)
def test_no_text_becomes_another_header(field: str, evil: str) -> None:
    value = evil if field == "subject" else Person(name=evil, address="a@b.invalid")
    message = parsed(a_letter(**{field: value}))
    assert message["Bcc"] is None
    assert set(message.keys()) == set(parsed(a_letter()).keys())


@pytest.mark.parametrize("value", ["x\r\nBcc: y", "x\ny", "x\ry", "é", "x\r\n\r\n y"])
def test_a_header_that_holds_another_one_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="may hold"):
        header("X-Axis-Package", value)


@given(names)
def test_any_subject_comes_back(text: str) -> None:
    subject = one_line(text, 240)
    raw = header("Subject", text_value(subject)) + b"\r\n"
    assert max(map(len, raw.split(b"\r\n"))) <= 78
    folded = email.message_from_bytes(raw)["Subject"] or ""
    assert str(make_header(decode_header(folded.replace("\r\n", "").replace("\n", "")))).strip() == subject


@given(names)
def test_any_name_before_an_address_leaves_the_address(text: str) -> None:
    raw = header("To", mailbox_value(one_line(text, 120), "a@b.invalid")) + b"\r\n"
    message = email.message_from_bytes(raw, policy=default)
    assert [one.addr_spec for one in message["To"].addresses] == ["a@b.invalid"]


@example("\xa0")
@example("\u3000.pdf.\xa0")
@given(names)
def test_any_file_name_comes_back_harmless(text: str) -> None:
    name = file_name(text)
    raw = header("Content-Disposition", "attachment;\r\n " + parameter("filename", name)) + b"\r\n"
    message = cast("EmailMessage", email.message_from_bytes(raw, policy=default))
    assert message.get_filename() == name
    assert "/" not in name
    assert "\\" not in name
    assert name not in {"", ".", ".."}
    assert len(name.encode()) <= 200
    assert Path(name).name == name
    assert ascii_name(name).isascii()


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "..\\..\\a.exe", "/etc/passwd", "C:\\a", "a\x00b", "…", ".", "..", "", "\xa0", "\u3000.\xa0"],
)
def test_a_name_never_leads_out_of_its_folder(tmp_path: Path, name: str) -> None:
    assert (tmp_path / file_name(name)).resolve().parent == tmp_path.resolve()


@pytest.mark.parametrize("name", ["con", "NUL.txt", "com1.pdf"])
def test_a_name_that_windows_keeps_for_itself_is_changed(name: str) -> None:
    assert file_name(name) == f"_{name}"


def test_what_reads_backwards_is_shown_as_it_is() -> None:
    assert file_name("cong-van\u202efdp.exe") == "cong-van_fdp.exe"


@pytest.mark.parametrize("size", [0, 1, 2, 3, 56, 57, 58, 114, 233_472, 233_473])
def test_the_length_of_a_mail_is_known_before_it_is_made(tmp_path: Path, size: int) -> None:
    (tmp_path / "x").write_bytes(b"a" * size)
    file = Enclosure(name="a.pdf", media_type="application/pdf", path=tmp_path / "x", size_bytes=size)
    letter = a_letter(enclosures=(file,))
    assert letter.size_bytes == len(b"".join(letter.chunks()))
    assert encoded_bytes(size) == letter.size_bytes - a_letter_without(file)


def a_letter_without(file: Enclosure) -> int:
    empty = Enclosure(name=file.name, media_type=file.media_type, path=file.path, size_bytes=0)
    return a_letter(enclosures=(empty,)).size_bytes


def test_a_media_type_that_is_none_becomes_any_bytes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"a")
    file = Enclosure(name="a", media_type='text/html"; x="\r\nBcc: y', path=tmp_path / "x", size_bytes=1)
    attachment = next(iter(parsed(a_letter(enclosures=(file,))).iter_attachments()))
    assert attachment.get_content_type() == "application/octet-stream"


def test_a_large_mail_is_made_in_pieces(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"a" * 5_000_000)
    file = Enclosure(name="a", media_type="application/pdf", path=tmp_path / "x", size_bytes=5_000_000)
    pieces = [len(piece) for piece in a_letter(enclosures=(file,)).chunks()]
    assert max(pieces) < 400_000
    digest = hashlib.sha256(next(iter(parsed(a_letter(enclosures=(file,))).iter_attachments())).get_content())
    assert digest.digest() == hashlib.sha256(b"a" * 5_000_000).digest()


@pytest.mark.parametrize("good", ["van.thu@binhan.invalid", " a+b@C.INVALID ", "x@y"])
def test_addresses(good: str) -> None:
    local, _, domain = good.strip().partition("@")
    assert check_address(good, "email") == f"{local}@{domain.lower()}"


@pytest.mark.parametrize(
    "bad",
    ["", "a", "a@", "@b", "a b@c", "a@b\r\nRCPT TO:<x@y>", "a@b>", "<a@b", "văn@b.invalid", "a..b@c", ".a@c", "a@-b"],
)
def test_what_is_no_address_is_refused(bad: str) -> None:
    with pytest.raises(Malformed) as refused:
        check_address(bad, "email")
    assert (refused.value.code, refused.value.at) == (Code.BAD_REQUEST, "email")
