import unicodedata

import pytest

from axis.edxml.markings import secret_marking
from axis.edxml.model import DocumentHeader, DocumentType, OtherInfo, Party

FORMS = ("NFC", "NFD")


def header(subject: str | None = None, *, sphere: str | None = None, type_name: str | None = None) -> DocumentHeader:
    return DocumentHeader(
        sender=Party(organ_id="H24"),
        receivers=(Party(organ_id="H24.1"),),
        document_id="1",
        subject=subject,
        other=OtherInfo(sphere_of_promulgation=sphere),
        document_type=DocumentType(type_name=type_name),
    )


MARKED_SUBJECTS = (
    "(MẬT) Kế hoạch diễn tập",
    "( Mật ) Kế hoạch diễn tập",
    "(mật) kế hoạch diễn tập",
    "[Tối mật] Kế hoạch",
    "[TUYỆT MẬT]",
    "{Mật} Kế hoạch",
    "(Độ mật: Tối mật) Kế hoạch",
    "(Hỏa tốc - Mật) Kế hoạch",
    "(Tối mật, hỏa tốc) Kế hoạch",
    "MẬT - Kế hoạch phòng thủ",
    "Mật - Kế hoạch phòng thủ",
    "MẬT – Kế hoạch phòng thủ",
    "MẬT: Kế hoạch phòng thủ",
    "Mật: Kế hoạch phòng thủ",
    "mật: kế hoạch phòng thủ",
    "MẬT. Kế hoạch",
    "MẬT/HỎA TỐC Kế hoạch",
    "MẬT-Kế hoạch",
    "*MẬT* Kế hoạch",
    '"MẬT" Kế hoạch',
    "Tuyệt mật: Phương án tác chiến",
    "Tuyệt mật Phương án tác chiến",
    "TUYỆT MẬT Phương án",
    "Tối-mật: Phương án",
    "tối mật phương án",
    "MẬT Kế hoạch phòng thủ",
    "MẬT KẾ HOẠCH PHÒNG THỦ",
    "MẬT Mã số 12 của kế hoạch",
    "MẬT Độ tin cậy của phương án",
    "MẬT",
    "Mật",
    "Tối mật",
    "   MẬT   Kế hoạch",
    "Độ mật: Mật. Kế hoạch",
    "Mức độ mật: Tuyệt mật",
    "HỎA TỐC - MẬT - Kế hoạch",
    "Hỏa tốc, MẬT Kế hoạch",
    "Tài liệu mật: Kế hoạch",
    "Công văn mật",
    "M\u200bẬT: Kế hoạch",
    "MẬT\u00a0Kế hoạch",
)

PLAIN_SUBJECTS = (
    "Mật độ xây dựng khu đô thị mới",
    "MẬT ĐỘ DÂN SỐ THÀNH PHỐ",
    "Mật Độ Dân Số",
    "mật độ giao thông",
    "Mật ong rừng: tiêu chuẩn chất lượng",
    "MẬT ONG XUẤT KHẨU",
    "Mật khẩu mặc định phải đổi",
    "Mật mã dân sự: cấp phép kinh doanh",
    "Mật-mã dân sự",
    "(Mật độ dân số) Báo cáo",
    "(mật ong) Tiêu chuẩn",
    "Bảo mật: hướng dẫn sử dụng",
    "BẢO MẬT THÔNG TIN",
    "Bí mật kinh doanh",
    "Bí mật nhà nước: tuyên truyền Luật",
    "Tăng cường công tác bảo vệ bí mật nhà nước",
    "V/v quản lý tài liệu mật trên mạng",
    "Kế hoạch kiểm tra công tác bảo mật",
    "Mật thiết phối hợp với các sở",
    "Mật Sơn: thông báo của phường",
    "Hướng dẫn xác định độ mật của văn bản",
    "Độ mật: Không",
    "Không mật: công khai",
    "Giải mật tài liệu lưu trữ",
    "Tối mai họp giao ban",
    "Mật thư gửi đoàn viên",
    "Hỏa tốc: phòng chống bão số 3",
    "Khẩn trương rà soát mật độ cây xanh",
    "(Hỏa tốc) Công điện về bão",
    "Amật thử",
    "mậtx",
    "V/v kết nối, liên thông phần mềm quản lý văn bản",
    "",
)

MARKED_LEVELS = (
    "Mật",
    "mật",
    "MẬT",
    "(Mật)",
    "[MẬT]",
    "Tối mật",
    "Tuyệt Mật",
    "Độ mật: Mật",
    "Độ mật : Tối mật",
    "Mức độ mật - Mật",
    "Độ mật: (Mật)",
    "Công văn mật",
    "CÔNG VĂN MẬT",
    "Công văn (Mật)",
    "Công văn - Mật",
    "Công văn, mật",
    "Quyết định tối mật",
    "Tài liệu tuyệt mật của thành phố",
    "Văn bản đi MẬT",
    "Hỏa tốc; Mật",
    " mật. ",
)

PLAIN_LEVELS = (
    "Liên thông văn bản quốc gia",
    "Lưu hành nội bộ",
    "Công văn",
    "Độ mật",
    "Độ mật: Không",
    "Độ mật: thường",
    "Không mật",
    "Mật độ dân số",
    "MẬT ĐỘ XÂY DỰNG",
    "Mật mã dân sự",
    "An toàn thông tin, bảo mật",
    "Bảo vệ bí mật nhà nước",
    "Ban Cơ yếu, mật mã",
    "Mật ong",
    "Công văn giải mật",
    "",
)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("subject", MARKED_SUBJECTS)
def test_a_subject_that_begins_with_a_marking_is_found(subject: str, form: str) -> None:
    marked = header(unicodedata.normalize(form, subject))
    assert secret_marking(marked) == "edXMLHeader/MessageHeader/Subject"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("subject", PLAIN_SUBJECTS)
def test_a_subject_with_the_same_letters_but_no_marking_passes(subject: str, form: str) -> None:
    assert secret_marking(header(unicodedata.normalize(form, subject))) is None


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", MARKED_LEVELS)
def test_a_level_is_found_in_sphere_and_type_name(value: str, form: str) -> None:
    text = unicodedata.normalize(form, value)
    assert secret_marking(header(sphere=text)) == "edXMLHeader/MessageHeader/OtherInfo/SphereOfPromulgation"
    assert secret_marking(header(type_name=text)) == "edXMLHeader/MessageHeader/DocumentType/TypeName"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("value", PLAIN_LEVELS)
def test_other_words_in_sphere_and_type_name_pass(value: str, form: str) -> None:
    text = unicodedata.normalize(form, value)
    assert secret_marking(header(sphere=text, type_name=text)) is None


def test_a_header_without_these_fields_passes() -> None:
    assert secret_marking(header()) is None


def test_phrases_and_exceptions_come_from_configuration() -> None:
    marked = header("NỘI BỘ - Kế hoạch")
    assert secret_marking(marked) is None
    assert secret_marking(marked, ("nội bộ",), ()) == "edXMLHeader/MessageHeader/Subject"
    assert secret_marking(header("MẬT SƠN: thông báo")) is not None
    assert secret_marking(header("MẬT SƠN: thông báo"), exceptions=("mật sơn",)) is None


def test_without_phrases_nothing_is_a_marking() -> None:
    assert secret_marking(header("MẬT - Kế hoạch"), (), ()) is None
