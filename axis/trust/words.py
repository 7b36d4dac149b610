"""What people read of a verdict besides its sentences: words for verdicts, checks, coverage and signers, vi and en."""

from collections.abc import Mapping

from axis.trust.model import CheckName, Coverage, Outcome, Overall, SignerKind

Words = tuple[str, str]  # Vietnamese, English

OVERALL: Mapping[Overall, Words] = {
    Overall.VALID: ("Chữ ký hợp lệ", "Signature valid"),
    Overall.VALID_WITH_WARNINGS: ("Hợp lệ, có lưu ý", "Valid, with remarks"),
    Overall.INVALID: ("Không hợp lệ", "Invalid"),
    Overall.UNSIGNED: ("Chưa ký số – chỉ để biết, tham khảo", "Not signed – for information only"),
    Overall.INDETERMINATE: ("Chưa kết luận được", "Could not be determined"),
}

CHECKS: Mapping[CheckName, Words] = {
    CheckName.FORM: ("Cấu trúc", "Form"),
    CheckName.COVERAGE: ("Phạm vi ký", "Coverage"),
    CheckName.INTEGRITY: ("Toàn vẹn", "Integrity"),
    CheckName.SIGNATURE: ("Giá trị chữ ký", "Signature value"),
    CheckName.ALGORITHM: ("Thuật toán", "Algorithm"),
    CheckName.CERTIFICATE: ("Chứng thư số", "Certificate"),
    CheckName.REVOCATION: ("Thu hồi", "Revocation"),
    CheckName.TIME: ("Thời điểm", "Time"),
    CheckName.ORGANISATION: ("Cơ quan", "Organisation"),
    CheckName.CHANGES: ("Thay đổi sau khi ký", "Changes after signing"),
    CheckName.COMPLETENESS: ("Đủ chữ ký", "Completeness"),
}

PASSED: Mapping[CheckName, Words] = {
    CheckName.FORM: ("Chữ ký có cấu trúc đúng chuẩn.", "The signature is well formed."),
    CheckName.COVERAGE: (
        "Chữ ký bao trùm trọn phần nội dung mà nó phải bao trùm.",
        "The signature covers all of what it has to cover.",
    ),
    CheckName.INTEGRITY: (
        "Nội dung được ký còn nguyên vẹn: mã băm khớp.",
        "What was signed is intact: its digest matches.",
    ),
    CheckName.SIGNATURE: (
        "Giá trị chữ ký đúng với khóa trong chứng thư số.",
        "The signature value fits the key of the certificate.",
    ),
    CheckName.ALGORITHM: ("Thuật toán và độ dài khóa còn an toàn.", "Algorithm and key length are safe."),
    CheckName.CERTIFICATE: (
        "Chứng thư số dẫn về tổ chức chứng thực tin cậy, còn hạn và được cấp để ký.",
        "The certificate leads to a trusted authority, is within its period and was issued for signing.",
    ),
    CheckName.REVOCATION: (
        "Chứng thư số không bị thu hồi, theo dữ liệu thu hồi đã lưu.",
        "The certificate was not revoked, by the revocation data that is kept.",
    ),
    CheckName.TIME: (
        "Thời điểm ký được dấu thời gian tin cậy chứng minh.",
        "A trusted timestamp proves the time of signing.",
    ),
    CheckName.ORGANISATION: (
        "Chứng thư số thuộc đúng cơ quan.",
        "The certificate belongs to the right organisation.",
    ),
    CheckName.CHANGES: (
        "Sau khi ký không có thay đổi nào ngoài những bổ sung được phép.",
        "Nothing was changed after signing but for additions that are allowed.",
    ),
    CheckName.COMPLETENESS: ("Có đủ các chữ ký theo quy định.", "All signatures that are asked for are there."),
}
"""What a check says that passed and has nothing more to say."""

CHANGE_LEVELS: Mapping[str, Words] = {
    "NONE": ("Tệp không có thay đổi nào sau chữ ký này.", "Nothing was added or changed after this signature."),
    "LTA_UPDATES": (
        "Sau chữ ký này chỉ có thêm dấu thời gian hoặc dữ liệu kiểm tra, là những bổ sung được phép.",
        "After this signature only timestamps or validation data were added, which is allowed.",
    ),
    "FORM_FILLING": (
        "Sau chữ ký này chỉ có thêm chữ ký khác hoặc nội dung điền vào biểu mẫu, là những bổ sung được phép.",
        "After this signature only other signatures or form fields were filled in, which is allowed.",
    ),
    "ANNOTATIONS": ("Sau chữ ký này có chú thích được thêm hoặc sửa.", "Annotations were added or changed after it."),
    "OTHER": (
        "Sau chữ ký này nội dung hoặc cấu trúc của tệp đã thay đổi.",
        "The file's content or structure was changed after this signature.",
    ),
}
"""What early verdicts note of changes, in the words of the library that found them."""

COVERAGE: Mapping[Coverage, Words] = {
    Coverage.WHOLE_FILE: ("toàn bộ tệp", "the whole file"),
    Coverage.WHOLE_REVISION: ("toàn bộ phiên bản tại lúc ký", "the whole revision as it was signed"),
    Coverage.PARTIAL: ("chỉ một phần tệp", "only a part of the file"),
    Coverage.UNKNOWN: ("không xác định", "unknown"),
}

SIGNERS: Mapping[SignerKind, Words] = {
    SignerKind.PERSON: ("cá nhân", "person"),
    SignerKind.AGENCY: ("cơ quan, tổ chức", "agency"),
    SignerKind.TIMESTAMP: ("dấu thời gian", "timestamp"),
    SignerKind.UNKNOWN: ("không rõ", "unknown"),
}

SIGNS: Mapping[Outcome, str] = {
    Outcome.PASSED: "✓",
    Outcome.NOTE: "✓",
    Outcome.WARNING: "⚠",
    Outcome.UNKNOWN: "?",
    Outcome.FAILED: "✗",
}
