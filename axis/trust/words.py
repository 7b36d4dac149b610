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
