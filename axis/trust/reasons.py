"""Every reason that a check can give: what it means for the verdict, and the sentences for people.

A reason is a stable word. Each has what happened and what to do, in Vietnamese and English; `{…}` are facts filled in
by `check`. The table is total (tested).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from axis.trust.model import Check, CheckName, Outcome, SubIndication

_F, _U, _W, _N = Outcome.FAILED, Outcome.UNKNOWN, Outcome.WARNING, Outcome.NOTE


class Reason(StrEnum):
    """The stable word of a finding."""

    # Form
    UNREADABLE = "unreadable"
    TOO_LARGE = "too_large"
    NOT_CHECKED = "not_checked"
    PARTS_NOT_CHECKED = "parts_not_checked"
    DTD_PRESENT = "dtd_present"
    SIGNATURE_UNUSABLE = "signature_unusable"
    SIGNATURE_FORMAT = "signature_format"
    SIGNATURE_MISPLACED = "signature_misplaced"
    SIGNATURE_ELSEWHERE = "signature_elsewhere"
    SIGNATURE_UNLISTED = "signature_unlisted"
    SUBFILTER_UNKNOWN = "subfilter_unknown"
    UNSIGNED_PAYLOAD = "unsigned_payload"
    KEYINFO_UNVERIFIED = "keyinfo_unverified"
    DUPLICATE_ID = "duplicate_id"
    # Coverage
    PARTIAL_COVERAGE = "partial_coverage"
    EXTERNAL_REFERENCE = "external_reference"
    TRANSFORM_REFUSED = "transform_refused"
    COMMENTS_UNCOVERED = "comments_uncovered"
    INSTRUCTION_PRESENT = "instruction_present"
    BYTES_OUTSIDE = "bytes_outside"
    REVISION_UNCOVERED = "revision_uncovered"
    # Integrity and cryptography
    DIGEST_MISMATCH = "digest_mismatch"
    SIGNATURE_WRONG = "signature_wrong"
    ALGORITHM_WEAK = "algorithm_weak"
    ALGORITHM_WEAK_TOLERATED = "algorithm_weak_tolerated"
    ALGORITHM_UNKNOWN = "algorithm_unknown"
    # Certificate
    CERTIFICATE_ABSENT = "certificate_absent"
    CERTIFICATE_UNREADABLE = "certificate_unreadable"
    CERTIFICATE_MISMATCH = "certificate_mismatch"
    CHAIN_UNKNOWN = "chain_unknown"
    CHAIN_WRONG = "chain_wrong"
    EXPIRED = "expired"
    EXPIRED_UNPROVEN = "expired_unproven"
    NOT_YET_VALID = "not_yet_valid"
    USAGE_WRONG = "usage_wrong"
    AUTHORITY_SIGNS = "authority_signs"
    ISSUER_REFUSED = "issuer_refused"
    REVOKED = "revoked"
    REVOKED_UNPROVEN = "revoked_unproven"
    REVOKED_LATER = "revoked_later"
    REVOCATION_NOT_CHECKED = "revocation_not_checked"
    REVOCATION_OWED = "revocation_owed"
    REVOCATION_STALE = "revocation_stale"
    OTHER_ORGANISATION = "other_organisation"
    SUPERIOR_SIGNED = "superior_signed"
    ORGANISATION_UNKNOWN = "organisation_unknown"
    # Time
    TIMESTAMP_WRONG = "timestamp_wrong"
    TIMESTAMP_UNTRUSTED = "timestamp_untrusted"
    TIME_SEVEN_HOURS = "time_seven_hours"
    TIME_IN_FUTURE = "time_in_future"
    TIME_CONTRADICTED = "time_contradicted"
    TIME_UNPROVEN = "time_unproven"
    # Files
    CHANGED_AFTER_SIGNING = "changed_after_signing"
    NOTHING_FOLLOWED = "nothing_followed"
    ONLY_SIGNATURES_FOLLOWED = "only_signatures_followed"
    PERSON_MISSING = "person_missing"
    AGENCY_MISSING = "agency_missing"
    SENDER_NOT_AMONG_SIGNERS = "sender_not_among_signers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a reason means."""

    outcome: Outcome
    sub: SubIndication | None
    vi: str  # what happened, and what to do
    en: str


def _means(outcome: Outcome, sub: SubIndication | None, vi: str, en: str) -> Meaning:
    return Meaning(outcome=outcome, sub=sub, vi=vi, en=en)


_S = SubIndication
_FORM: dict[Reason, Meaning] = {
    Reason.UNREADABLE: _means(
        _U, _S.FORMAT_FAILURE,
        "Không đọc được tệp: {detail}. Đề nghị kiểm tra tệp và gửi lại bản nguyên vẹn.",
        "The file cannot be read: {detail}. Check it and send an intact copy.",
    ),
    Reason.TOO_LARGE: _means(
        _U, _S.GENERIC,
        "Tệp vượt giới hạn kiểm tra chữ ký ({detail}). Đề nghị quản trị viên nâng giới hạn hoặc đơn vị gửi tách tệp.",
        "The file exceeds the bound for checking signatures ({detail}). Raise the bound, or split the file.",
    ),
    Reason.NOT_CHECKED: _means(
        _U, _S.GENERIC,
        "Chưa kiểm tra chữ ký: {detail}. Đề nghị kiểm tra bằng phần mềm đã dùng để ký.",
        "Signatures were not checked: {detail}. Check with the software that signed.",
    ),
    Reason.PARTS_NOT_CHECKED: _means(
        _U, _S.GENERIC,
        "Chỉ kiểm tra được một phần của tệp Office ({detail}). Đề nghị mở tệp bằng phần mềm Office để kiểm tra đầy đủ.",
        "Only a part of the Office file could be checked ({detail}). Open it in the Office software for a full check.",
    ),
    Reason.DTD_PRESENT: _means(
        _F, _S.FORMAT_FAILURE,
        "Tệp XML có khai báo DTD, không được phép trong văn bản trao đổi. Đề nghị lập lại gói tin không có DTD và "
        "ký lại.",
        "The XML file has a DTD, which is not allowed here. Build it without one and sign again.",
    ),
    Reason.SIGNATURE_UNUSABLE: _means(
        _W, None,
        "Phần tử Signature không phải chữ ký số dùng được ({detail}); gói tin được coi là chưa ký. "
        "Đề nghị đơn vị gửi ký gói tin bằng chứng thư số của cơ quan.",
        "The Signature element is no usable signature ({detail}); the package counts as unsigned. "
        "The sender should sign it with the agency's certificate.",
    ),
    Reason.SIGNATURE_FORMAT: _means(
        _F, _S.FORMAT_FAILURE,
        "Chữ ký số sai cấu trúc: {detail}. Đề nghị đơn vị gửi ký lại bằng phần mềm đúng chuẩn.",
        "The signature is malformed: {detail}. The sender should sign again with conforming software.",
    ),
    Reason.SIGNATURE_MISPLACED: _means(
        _F, _S.SIG_CONSTRAINTS_FAILURE,
        "Chữ ký nằm sai vị trí ({detail}), có thể đã bị di chuyển. Đề nghị từ chối và yêu cầu gửi lại bản gốc.",
        "The signature stands in the wrong place ({detail}) and may have been moved. Refuse it and ask for the "
        "original.",
    ),
    Reason.SIGNATURE_ELSEWHERE: _means(
        _W, None,
        "Chữ ký bao trùm toàn bộ tệp nhưng không nằm cuối edXMLHeader. Đề nghị đơn vị gửi đặt chữ ký đúng vị trí.",
        "The signature covers the whole file but is not the last child of edXMLHeader. The sender should place it "
        "there.",
    ),
    Reason.SIGNATURE_UNLISTED: _means(
        _U, _S.FORMAT_FAILURE,
        "Trong tệp có dữ liệu chữ ký không gắn với trường chữ ký nào ({detail}). Đề nghị yêu cầu gửi lại bản gốc.",
        "The file holds signature data that belongs to no signature field ({detail}). Ask for the original.",
    ),
    Reason.SUBFILTER_UNKNOWN: _means(
        _U, _S.FORMAT_FAILURE,
        "Chữ ký dùng định dạng không hỗ trợ ({detail}) nên chưa kiểm tra được. Đề nghị ký lại theo chuẩn PAdES.",
        "The signature has a format that is not supported ({detail}), so it was not checked. Sign again as PAdES.",
    ),
    Reason.UNSIGNED_PAYLOAD: _means(
        _F, _S.SIG_CONSTRAINTS_FAILURE,
        "Trong phần tử chữ ký có nội dung không được ký ({detail}). Đề nghị từ chối và yêu cầu ký lại.",
        "The signature element carries content that is not signed ({detail}). Refuse it and ask for a new signature.",
    ),
    Reason.KEYINFO_UNVERIFIED: _means(
        _W, None,
        "KeyInfo có thông tin không kiểm chứng được ({detail}); thông tin này không được sử dụng.",
        "KeyInfo holds statements that cannot be verified ({detail}); they were not used.",
    ),
    Reason.DUPLICATE_ID: _means(
        _F, _S.FORMAT_FAILURE,
        "Có nhiều phần tử trùng mã Id ({detail}): dấu hiệu giả mạo chữ ký. Đề nghị từ chối và báo đơn vị gửi.",
        "Several elements carry the same Id ({detail}): a mark of signature wrapping. Refuse it and tell the sender.",
    ),
}  # fmt: skip

_COVERAGE: dict[Reason, Meaning] = {
    Reason.PARTIAL_COVERAGE: _means(
        _F, _S.SIG_CONSTRAINTS_FAILURE,
        "Chữ ký không bao trùm toàn bộ tệp ({detail}); phần ngoài chữ ký có thể bị thay đổi. Đề nghị ký lại toàn "
        "bộ tệp.",
        "The signature does not cover the whole file ({detail}); the rest could be changed. Sign the whole file.",
    ),
    Reason.EXTERNAL_REFERENCE: _means(
        _F, _S.SIG_CONSTRAINTS_FAILURE,
        "Chữ ký tham chiếu ra ngoài tệp ({detail}), không được phép. Đề nghị ký lại toàn bộ tệp.",
        "The signature refers to something outside the file ({detail}), which is not allowed. Sign the whole file.",
    ),
    Reason.TRANSFORM_REFUSED: _means(
        _F, _S.SIG_CONSTRAINTS_FAILURE,
        "Chữ ký dùng phép biến đổi không được phép ({detail}), có thể bỏ sót nội dung. Đề nghị ký lại theo chuẩn "
        "của trục.",
        "The signature uses a transform that is not allowed ({detail}) and could drop content. Sign by the axis' "
        "profile.",
    ),
    Reason.COMMENTS_UNCOVERED: _means(
        _F, _S.SIG_CONSTRAINTS_FAILURE,
        "Trong tệp có chú thích XML nằm ngoài phạm vi chữ ký ({detail}). Đề nghị gửi lại bản gốc không có chú thích.",
        "The file holds XML comments, which the signature does not cover ({detail}). Send the original without "
        "comments.",
    ),
    Reason.INSTRUCTION_PRESENT: _means(
        _F, _S.SIG_CONSTRAINTS_FAILURE,
        "Trong tệp có chỉ thị xử lý XML ({detail}), không được phép trong tệp đã ký. Đề nghị gửi lại bản gốc.",
        "The file holds an XML processing instruction ({detail}), not allowed in a signed file. Send the original.",
    ),
    Reason.BYTES_OUTSIDE: _means(
        _W, None,
        "Có {detail} nằm ngoài phần được ký. Nội dung này không được sử dụng; đề nghị đơn vị gửi loại bỏ khi gửi "
        "lần sau.",
        "There are {detail} outside of what is signed. They are not used; the sender should leave them out.",
    ),
    Reason.REVISION_UNCOVERED: _means(
        _F, _S.SIG_CONSTRAINTS_FAILURE,
        "Chữ ký không bao trùm trọn phiên bản tài liệu ({detail}). Đề nghị từ chối và yêu cầu gửi lại bản gốc.",
        "The signature does not cover its whole revision of the file ({detail}). Refuse it and ask for the original.",
    ),
    Reason.DIGEST_MISMATCH: _means(
        _F, _S.HASH_FAILURE,
        "Nội dung đã bị thay đổi sau khi ký (mã băm không khớp). Đề nghị từ chối và yêu cầu gửi lại bản gốc.",
        "The content was changed after signing (digest mismatch). Refuse it and ask for the original.",
    ),
    Reason.SIGNATURE_WRONG: _means(
        _F, _S.SIG_CRYPTO_FAILURE,
        "Giá trị chữ ký không đúng với chứng thư số kèm theo. Đề nghị từ chối và yêu cầu ký lại.",
        "The signature value does not fit the certificate. Refuse it and ask for a new signature.",
    ),
    Reason.ALGORITHM_WEAK: _means(
        _F, _S.CRYPTO_CONSTRAINTS_FAILURE,
        "Thuật toán ký không còn an toàn ({detail}). Đề nghị ký lại bằng RSA từ 2048 bit hoặc ECDSA P-256, "
        "SHA-256 trở lên.",
        "The algorithm is no longer safe ({detail}). Sign again with RSA of 2048 bits or ECDSA P-256, SHA-256 or "
        "better.",
    ),
    Reason.ALGORITHM_WEAK_TOLERATED: _means(
        _W, None,
        "Thuật toán ký yếu ({detail}), tạm chấp nhận theo cấu hình. Đề nghị đơn vị ký chuyển sang thuật toán mới.",
        "The algorithm is weak ({detail}) and tolerated by configuration for now. The signer should move on.",
    ),
    Reason.ALGORITHM_UNKNOWN: _means(
        _U, _S.CRYPTO_CONSTRAINTS_FAILURE,
        "Thuật toán không được hỗ trợ ({detail}) nên chưa kiểm tra được. Đề nghị ký lại bằng thuật toán thông dụng.",
        "The algorithm is not supported ({detail}), so it was not checked. Sign again with a usual one.",
    ),
}  # fmt: skip

_CERTIFICATE: dict[Reason, Meaning] = {
    Reason.CERTIFICATE_ABSENT: _means(
        _U, _S.NO_SIGNING_CERTIFICATE_FOUND,
        "Chữ ký không kèm chứng thư số nên không biết ai ký. Đề nghị ký lại, kèm chứng thư số.",
        "The signature carries no certificate, so the signer is unknown. Sign again and include it.",
    ),
    Reason.CERTIFICATE_UNREADABLE: _means(
        _F, _S.FORMAT_FAILURE,
        "Chứng thư số kèm theo không đọc được ({detail}). Đề nghị ký lại với chứng thư số đầy đủ.",
        "An included certificate cannot be read ({detail}). Sign again with a complete certificate.",
    ),
    Reason.CERTIFICATE_MISMATCH: _means(
        _F, _S.SIG_CONSTRAINTS_FAILURE,
        "Chứng thư số kèm theo không phải chứng thư mà chữ ký nêu ({detail}). Đề nghị từ chối và yêu cầu ký lại.",
        "The certificate is not the one that the signature names ({detail}). Refuse it and ask for a new signature.",
    ),
    Reason.CHAIN_UNKNOWN: _means(
        _U, _S.NO_CERTIFICATE_CHAIN_FOUND,
        "Không dẫn được chứng thư số về tổ chức chứng thực tin cậy (đơn vị cấp: {detail}). "
        "Đề nghị quản trị viên bổ sung chứng thư trung gian, hoặc đơn vị ký dùng chứng thư chuyên dùng.",
        "The certificate does not lead to a trusted authority (issuer: {detail}). "
        "Add the missing intermediate, or sign with a specialised certificate.",
    ),
    Reason.CHAIN_WRONG: _means(
        _F, _S.CERTIFICATE_CHAIN_GENERAL_FAILURE,
        "Đường dẫn chứng thực không hợp lệ ({detail}). Đề nghị đơn vị ký liên hệ tổ chức cấp chứng thư.",
        "The certification path is invalid ({detail}). The signer should ask the authority.",
    ),
    Reason.EXPIRED: _means(
        _F, _S.EXPIRED,
        "Chứng thư số ({detail}) hết hạn {days} trước khi ký; đề nghị gia hạn chứng thư và ký lại.",
        "The certificate ({detail}) had expired {days_en} before signing; renew it and sign again.",
    ),
    Reason.EXPIRED_UNPROVEN: _means(
        _U, _S.OUT_OF_BOUNDS_NO_POE,
        "Chứng thư số ({detail}) đã hết hạn {days} trước lúc kiểm tra và không có dấu thời gian chứng minh đã ký "
        "khi còn hạn. "
        "Đề nghị yêu cầu bản có dấu thời gian.",
        "The certificate ({detail}) expired {days_en} before this check, and no timestamp proves an earlier signature. "
        "Ask for a copy with a timestamp.",
    ),
    Reason.NOT_YET_VALID: _means(
        _F, _S.NOT_YET_VALID,
        "Chứng thư số ({detail}) chỉ có hiệu lực {days} sau khi ký. Đề nghị kiểm tra đồng hồ máy ký và ký lại.",
        "The certificate ({detail}) became valid only {days_en} after signing. Check the signer's clock and sign "
        "again.",
    ),
    Reason.USAGE_WRONG: _means(
        _F, _S.CHAIN_CONSTRAINTS_FAILURE,
        "Chứng thư số không được cấp để ký văn bản ({detail}). Đề nghị ký lại bằng chứng thư ký số.",
        "The certificate was not issued for signing ({detail}). Sign again with a signing certificate.",
    ),
    Reason.AUTHORITY_SIGNS: _means(
        _F, _S.CHAIN_CONSTRAINTS_FAILURE,
        "Văn bản được ký bằng chứng thư của tổ chức chứng thực ({detail}), không phải của người hay cơ quan. "
        "Đề nghị từ chối và báo ngay cho quản trị viên.",
        "It is signed with an authority's certificate ({detail}), not a person's or agency's. Refuse it and tell "
        "the operator.",
    ),
    Reason.ISSUER_REFUSED: _means(
        _F, _S.CHAIN_CONSTRAINTS_FAILURE,
        "Chứng thư số do đơn vị ngoài danh sách cho phép cấp ({detail}). Đề nghị ký lại bằng chứng thư chuyên dùng.",
        "The certificate's issuer is not among those allowed ({detail}). Sign with a specialised certificate.",
    ),
    Reason.REVOKED: _means(
        _F, _S.REVOKED,
        "Chứng thư số ({detail}) đã bị thu hồi lúc {when}. Đề nghị từ chối và yêu cầu ký lại bằng chứng thư còn "
        "hiệu lực.",
        "The certificate ({detail}) was revoked at {when}. Refuse it; sign again with a certificate in force.",
    ),
    Reason.REVOKED_UNPROVEN: _means(
        _U, _S.REVOKED_NO_POE,
        "Chứng thư số ({detail}) bị thu hồi lúc {when}, sau thời điểm ký tự khai nhưng không có dấu thời gian "
        "chứng minh. "
        "Đề nghị yêu cầu bản có dấu thời gian hoặc ký lại.",
        "The certificate ({detail}) was revoked at {when}, after the claimed signing time, which no timestamp proves. "
        "Ask for a copy with a timestamp or a new signature.",
    ),
    Reason.REVOKED_LATER: _means(
        _N, None,
        "Chứng thư số ({detail}) bị thu hồi lúc {when}, sau thời điểm ký đã được chứng minh; chữ ký vẫn có hiệu lực.",
        "The certificate ({detail}) was revoked at {when}, after the proven time of signing; the signature stands.",
    ),
    Reason.REVOCATION_NOT_CHECKED: _means(
        _W, None,
        "Chưa kiểm tra được chứng thư có bị thu hồi hay không ({detail}). Trục sẽ kiểm tra lại khi có dữ liệu thu hồi.",
        "Whether the certificate was revoked could not be checked ({detail}). It is checked again when the data "
        "is there.",
    ),
    Reason.REVOCATION_OWED: _means(
        _U, _S.TRY_LATER,
        "Chưa kết luận được vì thiếu dữ liệu thu hồi chứng thư ({detail}). Trục sẽ tải dữ liệu và kiểm tra lại.",
        "No conclusion yet, since revocation data is missing ({detail}). It will be fetched and the check repeated.",
    ),
    Reason.REVOCATION_STALE: _means(
        _N, None,
        "Dữ liệu thu hồi đã cũ hoặc không dùng được ({detail}) nên không được sử dụng.",
        "Revocation data is too old or unusable ({detail}) and was not used.",
    ),
    Reason.OTHER_ORGANISATION: _means(
        _F, _S.CHAIN_CONSTRAINTS_FAILURE,
        "Chứng thư số thuộc cơ quan khác ({detail}), không phải đơn vị gửi. Đề nghị xác minh với đơn vị gửi.",
        "The certificate belongs to another organisation ({detail}) than the sender. Verify with the sender.",
    ),
    Reason.SUPERIOR_SIGNED: _means(
        _W, None,
        "Phong bì do cơ quan cấp trên ký ({detail}), không phải chính đơn vị gửi. Đề nghị xem chữ ký trên tệp văn bản "
        "để biết ai chịu trách nhiệm nội dung.",
        "The envelope was signed by an organisation above the sender ({detail}), not by the sender itself. See the "
        "signatures of the files for who answers for the content.",
    ),
    Reason.ORGANISATION_UNKNOWN: _means(
        _W, None,
        "Không xác định được cơ quan từ chứng thư số ({detail}). Đề nghị quản trị viên khai báo tên cơ quan trên "
        "chứng thư.",
        "The certificate's agency could not be matched to a code ({detail}). The administrator should map its name.",
    ),
}  # fmt: skip

_TIME_AND_FILES: dict[Reason, Meaning] = {
    Reason.TIMESTAMP_WRONG: _means(
        _F, _S.HASH_FAILURE,
        "Dấu thời gian không đúng ({detail}). Đề nghị từ chối và yêu cầu ký lại, gắn dấu thời gian mới.",
        "The timestamp is wrong ({detail}). Refuse it; sign again with a new timestamp.",
    ),
    Reason.TIMESTAMP_UNTRUSTED: _means(
        _W, None,
        "Dấu thời gian của tổ chức chưa được tin cậy ({detail}) nên không dùng để chứng minh thời điểm ký. "
        "Đề nghị quản trị viên bổ sung chứng thư TSA nếu đúng.",
        "The timestamp comes from an authority that is not trusted ({detail}), so it proves nothing. "
        "Add the TSA's certificate if it is right.",
    ),
    Reason.TIME_SEVEN_HOURS: _means(
        _N, None,
        "Giờ ký ghi trong chữ ký lệch đúng 7 giờ: phần mềm ký ghi giờ Việt Nam như giờ UTC. Lấy giờ theo {detail}.",
        "The stated signing time is off by exactly 7 hours: local time was written as UTC. The time is taken from "
        "{detail}.",
    ),
    Reason.TIME_IN_FUTURE: _means(
        _W, None,
        "Giờ ký tự khai muộn hơn lúc nhận ({detail}). Đề nghị đơn vị ký kiểm tra đồng hồ máy ký.",
        "The stated signing time is later than receipt ({detail}). The signer should check the clock.",
    ),
    Reason.TIME_CONTRADICTED: _means(
        _W, None,
        "Giờ ký tự khai không khớp dấu thời gian ({detail}). Đề nghị đơn vị ký kiểm tra đồng hồ máy ký.",
        "The stated signing time contradicts the timestamp ({detail}). The signer should check the clock.",
    ),
    Reason.TIME_UNPROVEN: _means(
        _N, None,
        "Không có dấu thời gian: hiệu lực chứng thư được xét tại thời điểm nhận.",
        "There is no timestamp: the certificate was judged at the time of receipt.",
    ),
    Reason.CHANGED_AFTER_SIGNING: _means(
        _F, _S.SIG_CONSTRAINTS_FAILURE,
        "Tệp đã bị thay đổi sau khi ký ({what}). Đề nghị không sử dụng bản này và yêu cầu gửi lại bản gốc.",
        "The file was changed after signing ({what_en}). Do not use this copy; ask for the original.",
    ),
    Reason.NOTHING_FOLLOWED: _means(
        Outcome.PASSED, None,
        "Tệp không có thay đổi nào sau chữ ký này.",
        "Nothing was added or changed after this signature.",
    ),
    Reason.ONLY_SIGNATURES_FOLLOWED: _means(
        Outcome.PASSED, None,
        "Sau chữ ký này chỉ có thêm chữ ký khác, dấu thời gian hoặc dữ liệu kiểm tra, là những bổ sung được phép.",
        "After this signature only other signatures, timestamps or validation data were added, which is allowed.",
    ),
    Reason.PERSON_MISSING: _means(
        _W, None,
        "Thiếu chữ ký số của người có thẩm quyền. Đề nghị đơn vị gửi bổ sung chữ ký theo quy định về văn thư.",
        "The authorised person's signature is missing. The sender should add it.",
    ),
    Reason.AGENCY_MISSING: _means(
        _W, None,
        "Thiếu chữ ký số của cơ quan. Đề nghị đơn vị gửi bổ sung chữ ký số của cơ quan.",
        "The agency's signature is missing. The sender should add it.",
    ),
    Reason.SENDER_NOT_AMONG_SIGNERS: _means(
        _W, None,
        "Không có chữ ký nào trong tệp thuộc cơ quan gửi ({detail}). Đề nghị kiểm tra đây là văn bản của cơ quan nào.",
        "None of the file's signatures belongs to the sender ({detail}). Check whose document it is.",
    ),
}  # fmt: skip

MEANINGS: dict[Reason, Meaning] = {**_FORM, **_COVERAGE, **_CERTIFICATE, **_TIME_AND_FILES}


def check(name: CheckName, subject: str, reason: Reason, detail: str = "", **facts: str) -> Check:
    """A check that ended with a reason. subject: what was looked at; detail and facts fill the sentences."""
    meaning = MEANINGS[reason]
    said = shown(detail) or "-"
    words = {"detail": said, "what": said, "what_en": said, "days": "", "days_en": "", "when": "", **facts}
    return Check(
        name=name,
        input=shown(subject),
        outcome=meaning.outcome,
        reason=reason.value,
        reason_vi=meaning.vi.format_map(words),
        reason_en=meaning.en.format_map(words),
        sub_indication=meaning.sub,
    )


def passed(name: CheckName, subject: str) -> Check:
    """A check that ended well."""
    return Check(name=name, input=shown(subject), outcome=Outcome.PASSED)


def span(earlier: datetime, later: datetime) -> dict[str, str]:
    """How far two moments lie apart, in words for both languages: the facts `days` and `days_en`."""
    gap = max(later - earlier, timedelta())
    if gap.days:
        return {"days": f"{gap.days} ngày", "days_en": f"{gap.days} day{'s' * (gap.days != 1)}"}
    hours, minutes = gap.seconds // 3600, gap.seconds % 3600 // 60
    if hours:
        return {"days": f"{hours} giờ", "days_en": f"{hours} hour{'s' * (hours != 1)}"}
    return {"days": f"{minutes} phút", "days_en": f"{minutes} minute{'s' * (minutes != 1)}"}


_SHOWN_CHARS = 200


def shown(text: str) -> str:
    """A stranger's text in a sentence: one line, bounded."""
    if text.isprintable() and len(text) <= _SHOWN_CHARS and "  " not in text:
        return text.strip()
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _SHOWN_CHARS else line[:_SHOWN_CHARS] + "…"
