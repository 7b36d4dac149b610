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

FINDINGS: Mapping[str, Words] = {
    "unreadable": ("Tệp không đọc được", "File cannot be read"),
    "too_large": ("Tệp quá lớn để kiểm tra", "File too large to check"),
    "not_checked": ("Không kiểm tra được chữ ký", "Signatures could not be checked"),
    "parts_not_checked": ("Tệp Office chỉ kiểm tra được một phần", "Office file checked in part only"),
    "dtd_present": ("Tệp XML có khai báo DTD", "XML file with a DTD"),
    "signature_unusable": ("Phần tử chữ ký không dùng được", "Unusable signature element"),
    "signature_format": ("Chữ ký sai cấu trúc", "Malformed signature"),
    "signature_misplaced": ("Chữ ký nằm sai vị trí", "Signature in the wrong place"),
    "signature_elsewhere": ("Chữ ký không nằm cuối phần đầu", "Signature not at the end of the header"),
    "signature_unlisted": ("Có dữ liệu chữ ký không thuộc trường nào", "Signature data that belongs to no field"),
    "subfilter_unknown": ("Định dạng chữ ký không hỗ trợ", "Unsupported signature format"),
    "unsigned_payload": ("Có nội dung không ký trong phần tử chữ ký", "Unsigned content inside the signature"),
    "keyinfo_unverified": ("KeyInfo có thông tin không kiểm chứng được", "Unverifiable statements in KeyInfo"),
    "duplicate_id": ("Trùng mã Id: dấu hiệu giả mạo", "Duplicate Id: a mark of wrapping"),
    "partial_coverage": ("Chữ ký không bao trùm cả tệp", "Signature does not cover the whole file"),
    "external_reference": ("Chữ ký tham chiếu ra ngoài tệp", "Signature refers outside the file"),
    "transform_refused": ("Phép biến đổi không được phép", "Transform not allowed"),
    "comments_uncovered": ("Chú thích XML nằm ngoài chữ ký", "XML comments outside the signature"),
    "instruction_present": ("Chỉ thị xử lý XML trong tệp đã ký", "Processing instruction in a signed file"),
    "bytes_outside": ("Có nội dung nằm ngoài phần được ký", "Content outside of what is signed"),
    "revision_uncovered": ("Chữ ký không bao trùm trọn phiên bản", "Signature does not cover its revision"),
    "digest_mismatch": ("Nội dung bị thay đổi sau khi ký", "Content changed after signing"),
    "signature_wrong": ("Giá trị chữ ký sai", "Wrong signature value"),
    "algorithm_weak": ("Thuật toán không còn an toàn", "Algorithm no longer safe"),
    "algorithm_weak_tolerated": ("Thuật toán yếu, tạm chấp nhận", "Weak algorithm, tolerated"),
    "algorithm_unknown": ("Thuật toán không hỗ trợ", "Unsupported algorithm"),
    "certificate_absent": ("Chữ ký không kèm chứng thư số", "Signature without a certificate"),
    "certificate_unreadable": ("Chứng thư số không đọc được", "Unreadable certificate"),
    "certificate_mismatch": ("Chứng thư số không phải của chữ ký", "Certificate is not the signature's"),
    "chain_unknown": ("Chứng thư số không dẫn về nơi tin cậy", "Certificate leads to no trusted authority"),
    "chain_wrong": ("Đường dẫn chứng thực sai", "Wrong certification path"),
    "expired": ("Chứng thư số hết hạn trước khi ký", "Certificate had expired before signing"),
    "expired_unproven": ("Chứng thư số hết hạn, không rõ lúc ký", "Certificate expired, signing time unproven"),
    "not_yet_valid": ("Chứng thư số chưa có hiệu lực khi ký", "Certificate not yet valid at signing"),
    "usage_wrong": ("Chứng thư số không được cấp để ký", "Certificate not issued for signing"),
    "authority_signs": ("Ký bằng chứng thư của tổ chức chứng thực", "Signed with an authority's certificate"),
    "issuer_refused": ("Đơn vị cấp chứng thư không được phép", "Issuer not allowed"),
    "revoked": ("Chứng thư số đã bị thu hồi", "Certificate was revoked"),
    "revoked_unproven": ("Chứng thư số bị thu hồi, không rõ lúc ký", "Certificate revoked, signing time unproven"),
    "revoked_later": ("Chứng thư số bị thu hồi sau khi ký", "Certificate revoked after signing"),
    "revocation_not_checked": ("Chưa kiểm tra được việc thu hồi", "Revocation could not be checked"),
    "revocation_owed": ("Đang thiếu dữ liệu thu hồi", "Revocation data is missing"),
    "revocation_stale": ("Dữ liệu thu hồi đã cũ", "Revocation data out of date"),
    "other_organisation": ("Chứng thư số của cơ quan khác", "Certificate of another organisation"),
    "superior_signed": ("Cơ quan cấp trên ký phong bì", "Envelope signed by a superior organisation"),
    "organisation_unknown": ("Không rõ cơ quan từ chứng thư số", "Organisation unknown from the certificate"),
    "timestamp_wrong": ("Dấu thời gian sai", "Wrong timestamp"),
    "timestamp_untrusted": ("Dấu thời gian chưa được tin cậy", "Untrusted timestamp"),
    "time_seven_hours": ("Giờ ký lệch đúng 7 giờ", "Signing time off by exactly 7 hours"),
    "time_in_future": ("Giờ ký muộn hơn lúc nhận", "Signing time later than receipt"),
    "time_contradicted": ("Giờ ký không khớp dấu thời gian", "Signing time contradicts the timestamp"),
    "time_unproven": ("Không có dấu thời gian", "No timestamp"),
    "changed_after_signing": ("Tệp bị thay đổi sau khi ký", "File changed after signing"),
    "nothing_followed": ("Không có thay đổi sau khi ký", "Nothing followed the signature"),
    "only_signatures_followed": ("Chỉ thêm chữ ký sau khi ký", "Only signatures followed"),
    "person_missing": ("Thiếu chữ ký của người có thẩm quyền", "The authorised person's signature is missing"),
    "agency_missing": ("Thiếu chữ ký của cơ quan", "The agency's signature is missing"),
    "sender_not_among_signers": ("Cơ quan gửi không có trong các chữ ký", "The sender is not among the signers"),
    "unsigned": ("Không có chữ ký số", "No digital signature"),
}
"""What was found, in a few words: by the words of `axis.trust.reasons`, and those of `axis.trust.findings`."""

SIGNS: Mapping[Outcome, str] = {
    Outcome.PASSED: "✓",
    Outcome.NOTE: "✓",
    Outcome.WARNING: "⚠",
    Outcome.UNKNOWN: "?",
    Outcome.FAILED: "✗",
}
