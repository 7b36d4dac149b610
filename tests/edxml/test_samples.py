"""The vendor's sample packages: what stands in them is read, strict mode's differences are known."""

from pathlib import Path

import pytest

from axis.edxml.describe import describe
from axis.edxml.model import DocumentPackage, Receiver, ReplacementInfo, ResponseFor, StaffInfo, StatusPackage
from axis.edxml.reader import read
from axis.edxml.rules import business_type, status_code
from axis.errors import Code, Malformed
from axis.terms import BusinessType, StatusCode

SAMPLES = Path(__file__).parent.parent / "data" / "samples"
DOCUMENT_ID = "000.00.00.G22,2015/09/30,7816/VPCP-TTĐT"


def sample(name: str) -> bytes:
    return (SAMPLES / f"vnpt_{name}.edxml").read_bytes()


def read_document(name: str) -> DocumentPackage:
    package = read(sample(name))
    assert isinstance(package, DocumentPackage)
    return package


def read_status(name: str) -> StatusPackage:
    package = read(sample(name))
    assert isinstance(package, StatusPackage)
    return package


def test_the_new_document_is_read_with_all_its_fields() -> None:
    package = read_document("edoc_new")
    header = package.header
    assert header.sender.organ_id == "000.00.00.A80"
    assert header.sender.organ_name == "UBND xã Hòa Tiến - UBND huyện Hòa Vang - Thành phố Đà Nẵng"
    assert header.sender.organization_in_charge == header.sender.organ_name
    assert header.sender.organ_add == "Số 1 Hoàng Hoa Thám, Quận Ba Đình, Hà Nội"
    assert (header.sender.email, header.sender.telephone) == ("vpcp@gov.vn", "8043100")
    assert (header.sender.fax, header.sender.website) == ("048989898789", "vpcp.vn")
    assert [party.organ_id for party in header.receivers] == ["28.22.H17"]
    assert header.document_id == DOCUMENT_ID
    assert header.code.text == "74fass22/VPCP-TTĐT"
    assert (header.promulgation.place, header.promulgation.promulgation_date) == ("Hà Nội", "2019/01/16")
    assert (header.document_type.type, header.document_type.type_detail) == ("1", "0")
    assert header.document_type.type_name == "Công văn"
    assert header.subject == header.content == "V/v kết nối, liên thông phần mềm quản lý văn bản"
    assert header.signer.competence == "TL. BO TRUONG"
    assert header.signer.full_name == "Nguyen Thanh Phuc"
    assert header.signer.position == "Cuc truong cuc ung dung cong nghe thong tin"
    assert header.due_date == "2018/09/28"
    assert (header.other.priority, header.other.sphere_of_promulgation) == ("0", "Liên thông văn bản quốc gia")
    assert (header.other.typer_notation, header.other.promulgation_amount) == ("TVC", "2")
    assert (header.other.page_amount, header.other.direction) == ("22", "false")
    assert header.other.appendixes == ("Công văn về việc kết nối, liên thông phần mềm quản lý văn bản",)
    assert (header.steering_type, header.application_type) == ("1", None)
    assert header.to_places == ("Cac bo va co quan ngang bo", "Uy ban nhan dan cac tinh, TP")
    assert header.response_for == ()
    assert [(t.organ_id, t.timestamp) for t in header.traces] == [("000.00.00.G22", "2018/09/28 00:00:00")]
    assert package.has_signature
    assert package.findings == ()


def test_the_new_document_says_what_it_does_and_who_sent_it() -> None:
    business = read_document("edoc_new").header.business
    assert business is not None
    assert business.business_doc_type == "0"
    assert business.document_id == "000.00.00.G22,2014/02/30,7806/VPCP-TTĐT"
    assert (business.business_doc_reason, business.paper) == ("Văn bản điện tử mới", "0")
    assert business.staff == StaffInfo(
        department="Văn thư văn phòng",
        staff="Nguyễn Thị Ngọc Trâm",
        email="vanthuvanphong@gov.vn",
        mobile="84912000001",
    )


@pytest.mark.parametrize("name", ["edoc_new", "edoc_update", "edoc_revocation", "edoc_replacement"])
def test_the_file_in_the_clients_zip_counts_by_its_own_bytes(name: str) -> None:
    (attachment,) = read_document(name).attachments
    assert attachment.content_id == "cid:209"
    assert attachment.name == attachment.description == "1896_QD-TTg_m_294779.doc"
    assert attachment.content_type == "application/zip"
    assert attachment.size_bytes == 270823
    assert attachment.zipped_by_client
    assert attachment.media_type == "application/xml"
    first = read_document("edoc_new").attachments[0]
    assert attachment.identity_digest == first.identity_digest
    assert (attachment.sha256_hex == first.sha256_hex) is (name == "edoc_new")


def test_the_update_names_its_receivers_to_add_and_to_remove() -> None:
    header = read_document("edoc_update").header
    assert business_type(header) is BusinessType.UPDATE
    assert [party.organ_id for party in header.receivers] == ["000.00.00.H41", "000.00.00.H14", "000.00.00.G17"]
    assert header.business is not None
    info = header.business.document_info
    assert info is not None
    assert (info.document_info, info.document_receiver) == ("1", "1")
    assert info.receivers == (
        Receiver(organ_id="000.00.00.H41", receiver_type="0"),
        Receiver(organ_id="000.00.00.H14", receiver_type="1"),
    )


def test_the_recall_names_its_target_in_response_for() -> None:
    header = read_document("edoc_revocation").header
    assert business_type(header) is BusinessType.RECALL
    assert header.response_for == (
        ResponseFor(
            organ_id="000.00.00.H14",
            code="267/VPCP-TTĐT",
            document_id="000.00.04.G14,2012/08/06,267/VPCP-TTĐT",
            promulgation_date="2018/09/28",
        ),
    )


def test_the_replacement_lists_what_it_replaces_and_where() -> None:
    header = read_document("edoc_replacement").header
    assert business_type(header) is BusinessType.REPLACE
    assert header.business is not None
    assert header.business.replacements == 2 * (
        ReplacementInfo(
            document_id="000.00.00.G22,2014/01/30,7806/VPCP-TTĐT", organ_ids=("000.00.00.H41", "000.00.00.H14")
        ),
    )


@pytest.mark.parametrize(
    ("name", "code", "organ"),
    [
        ("status", StatusCode.ARRIVED, "000.00.00.H41"),
        ("status_inbox__01", StatusCode.ARRIVED, "000.00.00.H41"),
        ("status_rejection_02", StatusCode.REFUSED, "000.00.00.H41"),
        ("status_acceptance_03", StatusCode.ACCEPTED, "000.00.00.H41"),
        ("status_assignment_04", StatusCode.ASSIGNED, "000.00.00.H41"),
        ("status_processing_05", StatusCode.IN_PROGRESS, "000.00.00.H41"),
        ("status_finish_06", StatusCode.COMPLETED, "000.00.00.H41"),
        ("status_cancellation_13", StatusCode.RECALL_REQUESTED, "000.00.00.G22"),
        ("status_change-acceptance_15", StatusCode.AGREED, "000.00.00.H41"),
        ("status_change-rejection_16", StatusCode.DECLINED, "000.00.00.H41"),
    ],
)
def test_each_status_is_read(name: str, code: StatusCode, organ: str) -> None:
    package = read_status(name)
    header = package.header
    assert status_code(header.status_code) is code
    assert header.sender.organ_id == organ
    other = "000.00.00.G22" if organ == "000.00.00.H41" else "000.00.00.H41"
    assert header.response_for.organ_id == other
    assert header.response_for.code == "7816/VPCP-TTĐT"
    assert header.response_for.document_id == DOCUMENT_ID
    assert header.staff is not None
    assert (header.staff.staff or "").lower().startswith("nguy")
    assert header.description
    assert not package.has_signature
    assert package.findings == ()


def test_a_status_says_when_and_why() -> None:
    header = read_status("status").header
    assert header.timestamp == "2018/09/28 17:25:11"
    assert header.description == (
        "Văn thư - Phòng Văn thư - Lưu trữ: Đã đến - Phần mềm QLVB đã nhận nhưng văn thư chưa xử lý"
    )
    assert header.response_for.promulgation_date == "2018/09/28"


def test_the_broken_sample_is_refused_naming_the_line() -> None:
    with pytest.raises(Malformed) as refusal:
        read(sample("edoc"))
    assert refusal.value.code is Code.XML_BROKEN
    assert refusal.value.at == "line 74"
    assert "From" in refusal.value.detail


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.edxml")), ids=lambda path: path.stem)
def test_strict_mode_agrees_on_every_sample(path: Path) -> None:
    raw = path.read_bytes()
    if path.stem == "vnpt_edoc":
        with pytest.raises(Malformed, match="line 74"):
            read(raw, mode="strict")
    else:
        assert read(raw, mode="strict") == read(raw)


def test_a_document_is_described_for_people_and_scripts() -> None:
    assert describe(read_document("edoc_replacement")) == {
        "kind": "document",
        "from": "000.00.00.G22",
        "to": ["000.00.00.H41", "000.00.00.H14", "000.00.00.G17"],
        "document_id": DOCUMENT_ID,
        "code": "7816/VPCP-TTĐT",
        "subject": "V/v kết nối, liên thông phần mềm quản lý văn bản",
        "business": "replace",
        "status_code": None,
        "attachments": [
            {
                "name": "1896_QD-TTg_m_294779.doc",
                "size_bytes": 270823,
                "media_type": "application/xml",
                "sha256": "57634d6539d79c5935c12fabd7d8fa513d81d84a5fad4c82258a31ffa741aba5",
            }
        ],
        "problems": [],
    }


def test_a_status_is_described_for_people_and_scripts() -> None:
    assert describe(read_status("status_rejection_02")) == {
        "kind": "status",
        "from": "000.00.00.H41",
        "to": ["000.00.00.G22"],
        "document_id": DOCUMENT_ID,
        "code": "7816/VPCP-TTĐT",
        "subject": None,
        "business": None,
        "status_code": "02",
        "attachments": [],
        "problems": [],
    }
