"""What every error code means for people, in Vietnamese and English: what happened, and what to do.

The table is total over `axis.errors.Code` (tested). Faces show `describe`; the code itself, and the request id
that a face adds, let an operator find the rest in the log.
"""

from dataclasses import dataclass
from typing import Literal

from axis.errors import AxisError, Code

Language = Literal["vi", "en"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentences:
    """One code's sentences; each is complete and ends with a full stop."""

    what_vi: str  # what happened
    action_vi: str  # what the reader should do
    what_en: str
    action_en: str


def sentence(code: Code, lang: Language) -> str:
    """What happened and what to do, for one code."""
    entry = SENTENCES[code]
    if lang == "vi":
        return f"{entry.what_vi} {entry.action_vi}"
    return f"{entry.what_en} {entry.action_en}"


def describe(error: AxisError, lang: Language) -> str:
    """The sentence of an error's code, followed by where it is and the technical detail, if known."""
    where, detail = ("Vị trí", "Chi tiết") if lang == "vi" else ("Where", "Detail")
    parts = [sentence(error.code, lang)]
    if error.at:
        parts.append(f"{where}: {error.at}.")
    if error.detail:
        parts.append(f"{detail}: {error.detail.rstrip('.')}.")
    return " ".join(parts)


def _say(what_vi: str, action_vi: str, what_en: str, action_en: str) -> Sentences:
    return Sentences(what_vi=what_vi, action_vi=action_vi, what_en=what_en, action_en=action_en)


_FORM: dict[Code, Sentences] = {
    Code.EMPTY_BODY: _say(
        "Yêu cầu không kèm nội dung gói tin.",
        "Đề nghị gửi lại kèm tệp edXML đầy đủ.",
        "The request carries no package.",
        "Send it again with the complete edXML file.",
    ),
    Code.TRUNCATED_UPLOAD: _say(
        "Việc truyền gói tin bị ngắt giữa chừng nên trục chưa nhận được gói tin.",
        "Đề nghị kiểm tra đường truyền và gửi lại toàn bộ gói tin.",
        "The upload broke off, so the package was not received.",
        "Check the connection and send the whole package again.",
    ),
    Code.TOO_LARGE: _say(
        "Dung lượng gói tin hoặc tệp đính kèm vượt giới hạn cho phép.",
        "Đề nghị giảm dung lượng hoặc tách tệp rồi gửi lại; các giới hạn được công bố tại địa chỉ /limits.",
        "The package or one of its files is larger than allowed.",
        "Make it smaller or split the files and send it again; the limits are published at /limits.",
    ),
    Code.TOO_DEEP: _say(
        "Cấu trúc XML của gói tin lồng quá nhiều cấp.",
        "Đề nghị lập lại gói tin đúng cấu trúc edXML rồi gửi lại.",
        "The package's XML is nested too deeply.",
        "Build the package again by the edXML structure and send it again.",
    ),
    Code.TOO_MANY: _say(
        "Gói tin có quá nhiều thành phần (nơi nhận, tệp đính kèm hoặc phần tử XML).",
        "Đề nghị tách thành nhiều gói tin rồi gửi lại; các giới hạn được công bố tại địa chỉ /limits.",
        "The package holds too many parts (receivers, files or XML elements).",
        "Split it into several packages and send them; the limits are published at /limits.",
    ),
    Code.HASH_MISMATCH: _say(
        "Mã băm khai báo không khớp với nội dung nhận được; gói tin có thể đã bị thay đổi khi truyền.",
        "Đề nghị tính lại mã băm và gửi lại gói tin.",
        "The declared hash does not match the bytes received; they may have changed on the way.",
        "Compute the hash again and send the package again.",
    ),
    Code.ENCODING_UNSUPPORTED: _say(
        "Bảng mã ký tự của gói tin không được hỗ trợ.",
        "Đề nghị lưu gói tin theo bảng mã UTF-8 rồi gửi lại.",
        "The package's character encoding is not supported.",
        "Save the package as UTF-8 and send it again.",
    ),
    Code.XML_BROKEN: _say(
        "Gói tin không phải là tệp XML hợp lệ.",
        "Đề nghị kiểm tra phần mềm tạo gói tin, lập lại gói tin rồi gửi lại.",
        "The package is not well-formed XML.",
        "Check the software that made it, build the package again and send it again.",
    ),
    Code.DTD_FORBIDDEN: _say(
        "Gói tin có khai báo DTD hoặc thực thể XML, bị cấm vì lý do an toàn thông tin.",
        "Đề nghị bỏ khai báo này rồi gửi lại.",
        "The package declares a DTD or entities, which are forbidden for safety.",
        "Remove the declaration and send the package again.",
    ),
    Code.WRONG_ROOT: _say(
        "Tệp không phải là gói tin edXML theo QCVN 102:2016/BTTTT.",
        "Đề nghị chọn đúng tệp gói tin rồi gửi lại.",
        "The file is not an edXML package by QCVN 102:2016/BTTTT.",
        "Choose the right file and send it again.",
    ),
    Code.SCHEMA_INVALID: _say(
        "Gói tin không đúng lược đồ edXML.",
        "Đề nghị sửa thành phần được nêu rồi gửi lại.",
        "The package does not follow the edXML schema.",
        "Correct the element named here and send it again.",
    ),
    Code.FIELD_INVALID: _say(
        "Một trường thông tin của gói tin có giá trị không hợp lệ.",
        "Đề nghị sửa trường được nêu rồi gửi lại.",
        "A field of the package has a value that is not allowed.",
        "Correct the field named here and send it again.",
    ),
    Code.MISSING_FROM: _say(
        "Gói tin thiếu mã định danh cơ quan gửi (From/OrganId).",
        "Đề nghị bổ sung mã định danh của cơ quan gửi rồi gửi lại.",
        "The package does not name its sender (From/OrganId).",
        "Add the sender's organisation code and send it again.",
    ),
    Code.MISSING_TO: _say(
        "Gói tin thiếu mã định danh nơi nhận (To/OrganId).",
        "Đề nghị bổ sung ít nhất một nơi nhận rồi gửi lại.",
        "The package names no receiver (To/OrganId).",
        "Add at least one receiver and send it again.",
    ),
    Code.MISSING_DOCUMENT_ID: _say(
        "Gói tin thiếu mã định danh văn bản (DocumentId).",
        "Đề nghị bổ sung mã định danh văn bản rồi gửi lại.",
        "The package carries no document identifier (DocumentId).",
        "Add the document identifier and send it again.",
    ),
    Code.MISSING_RESPONSE_FOR: _say(
        "Gói tin không nêu văn bản liên quan (ResponseFor).",
        "Đề nghị bổ sung thông tin văn bản liên quan rồi gửi lại.",
        "The package does not name the document that it is about (ResponseFor).",
        "Add that document's particulars and send it again.",
    ),
    Code.BAD_STATUS_CODE: _say(
        "Mã trạng thái xử lý không thuộc danh mục quy định (01–06, 13, 15, 16).",
        "Đề nghị sửa mã trạng thái rồi gửi lại.",
        "The status code is not one of those defined (01–06, 13, 15, 16).",
        "Correct the status code and send it again.",
    ),
    Code.BAD_BUSINESS_TYPE: _say(
        "Loại nghiệp vụ của gói tin không thuộc danh mục quy định (0 mới, 1 thu hồi, 2 cập nhật, 3 thay thế).",
        "Đề nghị sửa loại nghiệp vụ rồi gửi lại.",
        "The business type is not one of those defined (0 new, 1 recall, 2 update, 3 replace).",
        "Correct the business type and send it again.",
    ),
    Code.BAD_BASE64: _say(
        "Không giải mã được nội dung tệp đính kèm (base64 bị lỗi).",
        "Đề nghị mã hóa lại tệp đính kèm rồi gửi lại.",
        "An attachment cannot be decoded (its base64 is broken).",
        "Encode the attachment again and send the package again.",
    ),
    Code.ATTACHMENT_ABSENT: _say(
        "Danh mục tệp có nêu một tệp đính kèm nhưng gói tin không chứa tệp đó.",
        "Đề nghị bổ sung tệp còn thiếu rồi gửi lại.",
        "The manifest lists a file that the package does not hold.",
        "Add the missing file and send the package again.",
    ),
    Code.ATTACHMENT_UNLISTED: _say(
        "Gói tin chứa một tệp đính kèm không có trong danh mục tệp.",
        "Đề nghị ghi tệp này vào danh mục hoặc bỏ tệp rồi gửi lại.",
        "The package holds a file that its manifest does not list.",
        "List the file or remove it, and send the package again.",
    ),
    Code.ATTACHMENT_DUPLICATE: _say(
        "Hai tệp đính kèm dùng chung một mã ContentId.",
        "Đề nghị đặt mã riêng cho từng tệp rồi gửi lại.",
        "Two files share one ContentId.",
        "Give each file its own identifier and send the package again.",
    ),
    Code.ZIP_BOMB: _say(
        "Tệp nén đính kèm khi giải nén vượt giới hạn an toàn.",
        "Đề nghị gửi tệp gốc không nén hoặc chia nhỏ tệp nén.",
        "A compressed attachment would unpack beyond the safe limits.",
        "Send the original file uncompressed, or split the archive.",
    ),
}

_CALLER: dict[Code, Sentences] = {
    Code.BAD_CREDENTIALS: _say(
        "Thông tin xác thực không đúng.",
        "Đề nghị kiểm tra mã hệ thống và khóa bí mật, hoặc liên hệ quản trị trục để được cấp lại.",
        "The credentials are not right.",
        "Check the system's id and secret, or ask the node's administrator for new ones.",
    ),
    Code.TIMESTAMP_OUTSIDE_WINDOW: _say(
        "Thời điểm ghi trong yêu cầu lệch quá mức cho phép so với đồng hồ của trục.",
        "Đề nghị đồng bộ đồng hồ máy chủ (NTP), khởi động lại phần mềm kết nối rồi gửi lại.",
        "The request's timestamp is too far from the node's clock.",
        "Synchronise the server's clock (NTP), restart the connecting software and send again.",
    ),
    Code.HEADER_MISMATCH: _say(
        "Giá trị tiêu đề của yêu cầu khác với giá trị đã ký.",
        "Đề nghị kiểm tra phần mềm kết nối và các thiết bị trung gian có thể sửa tiêu đề, rồi gửi lại.",
        "A header of the request differs from the signed one.",
        "Check the connecting software and any proxy that may change headers, and send again.",
    ),
    Code.HEADER_UNSIGNED: _say(
        "Một tiêu đề bắt buộc chưa được đưa vào phần ký.",
        "Đề nghị cấu hình phần mềm kết nối để ký tiêu đề được nêu rồi gửi lại.",
        "A header that the operation needs is not among the signed ones.",
        "Have the connecting software sign the header named here and send again.",
    ),
    Code.UNKNOWN_SYSTEM: _say(
        "Hệ thống gọi đến chưa được đăng ký trên trục.",
        "Đề nghị kiểm tra mã hệ thống hoặc liên hệ quản trị trục để đăng ký.",
        "The calling system is not registered here.",
        "Check the system's id or ask the node's administrator to register it.",
    ),
    Code.SYSTEM_DISABLED: _say(
        "Kết nối của hệ thống này đang bị tạm khóa.",
        "Đề nghị liên hệ quản trị trục để mở lại kết nối.",
        "This system's connection has been disabled.",
        "Ask the node's administrator to enable it.",
    ),
    Code.FOREIGN_SENDER: _say(
        "Hệ thống không được phép gửi thay cơ quan nêu tại phần nơi gửi (From).",
        "Đề nghị kiểm tra mã cơ quan gửi hoặc đề nghị quản trị trục bổ sung quyền cho hệ thống.",
        "The system may not send for the organisation named in From.",
        "Check the sender's code or ask the node's administrator to grant the right.",
    ),
    Code.NOT_ALLOWED: _say(
        "Hệ thống hoặc tài khoản không có quyền thực hiện thao tác này.",
        "Đề nghị liên hệ quản trị trục nếu cần được cấp quyền.",
        "The system or account may not do this.",
        "Ask the node's administrator if the right is needed.",
    ),
    Code.COURIER_BROKEN: _say(
        "Tệp chuyển tay bị hỏng, bị cắt bớt hoặc đã bị sửa đổi.",
        "Hãy chép lại tệp từ nơi gửi; nếu vẫn lỗi, đề nghị nơi gửi lập tệp mới.",
        "The courier's file is damaged, cut off or was changed.",
        "Copy it again from where it came; if that does not help, ask the sender to make a new one.",
    ),
    Code.COURIER_FORGED: _say(
        "Chữ ký trên tệp chuyển tay không phải của nơi gửi.",
        "Hãy ngừng sử dụng tệp này và báo ngay cho quản trị trục.",
        "The signature on the courier's file is not the sender's.",
        "Do not use the file; tell the node's administrator at once.",
    ),
    Code.COURIER_FOREIGN: _say(
        "Tệp chuyển tay được lập cho hoặc bởi một khóa khác.",
        "Hãy kiểm tra đúng tệp và đúng tệp khóa; nếu khóa vừa được cấp lại, đề nghị nơi gửi lập tệp mới.",
        "The courier's file was made for, or by, another key.",
        "Check that it is the right file and the right key file; after a change of keys ask for a new file.",
    ),
    Code.COURIER_EXPIRED: _say(
        "Tệp chuyển tay đã quá hạn sử dụng.",
        "Đề nghị nơi gửi lập tệp mới.",
        "The courier's file has expired.",
        "Ask the sender to make a new one.",
    ),
    Code.COURIER_CONFLICT: _say(
        "Tệp chuyển tay mang số của một tệp khác đã mở trước đó.",
        "Hãy giữ nguyên tệp, không sử dụng và báo ngay cho quản trị trục.",
        "The courier's file bears the number of another one that was opened before.",
        "Do not use the file; tell the node's administrator at once.",
    ),
    Code.COURIER_UNKNOWN: _say(
        "Hệ thống này chưa có khóa chuyển tay.",
        "Hãy cấp khóa bằng `axis courier keys` và trao tệp khóa cho đơn vị.",
        "The system has no courier keys yet.",
        "Make them with `axis courier keys` and hand the key file to the agency.",
    ),
    Code.NOTHING_WAITS: _say(
        "Không có gói tin nào đang chờ hệ thống này.",
        "Hãy lập tệp chuyển tay khi có gói tin mới.",
        "No package waits for this system.",
        "Make a courier's file when something does.",
    ),
    Code.LINK_INVALID: _say(
        "Đường liên kết không đúng hoặc đã bị sửa đổi.",
        "Hãy mở lại nguyên vẹn đường liên kết trong thư; nếu vẫn lỗi, đề nghị liên hệ quản trị trục.",
        "The link is wrong or has been changed.",
        "Open the link from the mail again, whole; if that does not help, ask the node's administrator.",
    ),
    Code.LINK_EXPIRED: _say(
        "Đường liên kết đã hết hạn.",
        "Đề nghị liên hệ quản trị trục để được gửi lại thư có liên kết mới.",
        "The link has expired.",
        "Ask the node's administrator to send the mail again.",
    ),
    Code.MISSING_SCOPE: _say(
        "Mã truy cập không bao gồm quyền cần cho thao tác này.",
        "Đề nghị quản trị trục cấp mã truy cập có quyền được nêu.",
        "The token does not have the scope that this operation needs.",
        "Ask the node's administrator for a token with the scope named here.",
    ),
    Code.RATE_LIMITED: _say(
        "Số yêu cầu trong một phút vượt quá mức cho phép.",
        "Hãy chờ số giây nêu trong Retry-After rồi gửi tiếp.",
        "More requests came in a minute than are allowed.",
        "Wait for the seconds that Retry-After names, then go on.",
    ),
    Code.KEY_REUSED: _say(
        "Idempotency-Key này đã dùng cho một yêu cầu có nội dung khác.",
        "Hãy dùng khóa mới cho mỗi yêu cầu mới; chỉ giữ khóa cũ khi gửi lại đúng yêu cầu cũ.",
        "This Idempotency-Key was used for a request with another content.",
        "Use a new key for a new request, and the old one only to repeat the same.",
    ),
    Code.CALL_RUNNING: _say(
        "Yêu cầu cùng Idempotency-Key đang được xử lý.",
        "Hãy chờ rồi gửi lại đúng yêu cầu ấy để nhận câu trả lời.",
        "A request with this Idempotency-Key is being worked on.",
        "Wait, then repeat the same request for its answer.",
    ),
    Code.UNKNOWN_OPERATION: _say(
        "Trục không cung cấp chức năng được gọi.",
        "Đề nghị kiểm tra lại địa chỉ và tên chức năng.",
        "The node has no such operation.",
        "Check the address and the operation's name.",
    ),
    Code.BAD_REQUEST: _say(
        "Yêu cầu thiếu thông tin hoặc sai định dạng.",
        "Đề nghị sửa tham số được nêu rồi gửi lại.",
        "The request lacks something or has the wrong form.",
        "Correct the parameter named here and send it again.",
    ),
    Code.UPLOAD_OFFSET: _say(
        "Phần tệp gửi lên không nối tiếp đúng chỗ đã nhận.",
        "Đề nghị hỏi lại vị trí bằng HEAD rồi gửi tiếp từ đó.",
        "The piece does not begin where the upload stands.",
        "Ask for the offset by HEAD and go on from there.",
    ),
    Code.UPLOAD_INCOMPLETE: _say(
        "Tệp tải lên chưa đủ nên chưa dùng được.",
        "Đề nghị tải lên nốt phần còn lại rồi gọi lại.",
        "The upload is not complete, so it cannot be used yet.",
        "Upload the rest, then call again.",
    ),
    Code.UPLOADS_FULL: _say(
        "Hệ thống của bạn đang giữ quá nhiều tệp tải lên hoặc quá nhiều dung lượng.",
        "Đề nghị xóa các tệp không dùng nữa, hoặc chờ chúng hết hạn.",
        "Your system holds too many uploads, or too many bytes of them.",
        "Delete those that are not needed, or wait until they expire.",
    ),
    Code.BAD_SETTINGS: _say(
        "Tệp cấu hình có giá trị không hợp lệ.",
        "Hãy sửa khóa được nêu; lệnh `axis config describe` liệt kê mọi khóa và ý nghĩa.",
        "The settings hold a value that is not allowed.",
        "Correct the key named here; `axis config describe` lists every key and its meaning.",
    ),
    Code.BAD_FILE: _say(
        "Không đọc được tệp đã chọn hoặc nội dung tệp không đúng mẫu.",
        "Hãy kiểm tra đường dẫn, quyền đọc và nội dung tệp rồi thực hiện lại.",
        "The file cannot be read or does not have the expected content.",
        "Check its path, permissions and content and try again.",
    ),
    Code.PORT_BUSY: _say(
        "Cổng mạng cần dùng đang bị một chương trình khác chiếm.",
        "Hãy dừng chương trình đó hoặc chọn cổng khác: `make run PORT=9000`, hoặc khóa server.port trong axis.toml.",
        "Another program uses the port that is needed.",
        "Stop it, or choose another port: `make run PORT=9000`, or the key server.port in axis.toml.",
    ),
}

_RECORD: dict[Code, Sentences] = {
    Code.UNKNOWN_SENDER: _say(
        "Cơ quan gửi chưa được đăng ký trên trục.",
        "Đề nghị kiểm tra mã định danh cơ quan gửi hoặc liên hệ quản trị trục để đăng ký.",
        "The sending organisation is not registered here.",
        "Check the sender's code or ask the node's administrator to register it.",
    ),
    Code.UNKNOWN_RECEIVER: _say(
        "Có nơi nhận chưa được đăng ký nên gói tin không được tiếp nhận.",
        "Đề nghị sửa các mã nơi nhận được nêu rồi gửi lại cả gói tin.",
        "A receiver is not registered, so the package was not accepted.",
        "Correct the receivers' codes named here and send the whole package again.",
    ),
    Code.RECEIVER_CLOSED: _say(
        "Cơ quan nhận đã giải thể hoặc ngừng hoạt động và chưa có cơ quan kế thừa.",
        "Đề nghị chọn cơ quan nhận khác rồi gửi lại.",
        "The receiving organisation is closed and has no successor.",
        "Choose another receiver and send it again.",
    ),
    Code.DOCUMENT_CONFLICT: _say(
        "Mã định danh văn bản này đã được dùng cho một văn bản có nội dung khác.",
        "Đề nghị dùng mã định danh mới, hoặc gửi gói tin cập nhật hay thay thế cho văn bản đã gửi.",
        "This document identifier already belongs to a document with another content.",
        "Use a new identifier, or send an update or a replacement of the earlier document.",
    ),
    Code.DOCUMENT_CLOSED: _say(
        "Văn bản này đã bị thu hồi hoặc đã được thay thế nên không chuyển thêm cho nơi nhận mới.",
        "Đề nghị gửi văn bản dưới một DocumentId mới, hoặc gửi văn bản thay thế.",
        "The document has been recalled or replaced, so it does not go to further receivers.",
        "Send it under a new DocumentId, or send a replacement.",
    ),
    Code.FOREIGN_DOCUMENT: _say(
        "Văn bản được nêu để thu hồi hoặc cập nhật do cơ quan khác gửi; chỉ cơ quan đã gửi mới được làm việc này.",
        "Đề nghị kiểm tra DocumentId của văn bản cần thu hồi, cập nhật và mã cơ quan gửi (From).",
        "The document named for a recall or an update was sent by another organisation; only its sender may do this.",
        "Check the DocumentId that is meant, and From.",
    ),
    Code.CODE_CHANGED: _say(
        "Gói cập nhật ghi số, ký hiệu khác với văn bản được cập nhật; không thể đổi số, ký hiệu bằng cập nhật.",
        "Đề nghị ghi đúng số, ký hiệu của văn bản; nếu cần đổi thì gửi văn bản thay thế.",
        "The update bears another number or symbol than the document; an update cannot change them.",
        "Give the document's own number and symbol; to change them, send a replacement.",
    ),
    Code.SECRET_MARKING: _say(
        "Gói tin có dấu chỉ độ mật; văn bản bí mật nhà nước không được gửi qua trục này.",
        "Đề nghị gửi văn bản qua hệ thống dành riêng cho bí mật nhà nước theo quy định.",
        "The package bears a secrecy marking; state secrets must not travel through this node.",
        "Send the document through the system that is set apart for state secrets.",
    ),
    Code.SIGNATURE_MISSING: _say(
        "Trục chỉ nhận gói tin của cơ quan này khi có chữ ký số, nhưng gói tin hoặc tệp nêu tại vị trí chưa được ký.",
        "Đề nghị ký số (người có thẩm quyền và cơ quan) rồi gửi lại.",
        "This sender's packages are taken only when signed, and the package or the file named here is not.",
        "Sign it (the authorised person and the agency), then send it again.",
    ),
    Code.SIGNATURE_INVALID: _say(
        "Chữ ký số của gói tin hoặc của tệp nêu tại vị trí không hợp lệ.",
        "Đề nghị chạy `axis verify` với tệp này để xem lý do, khắc phục rồi ký và gửi lại.",
        "A digital signature on the package or on the file named here is not valid.",
        "Run `axis verify` on the file to see why, put it right, sign it and send it again.",
    ),
    Code.EVIDENCE_MISSING: _say(
        "Chưa kiểm tra được chữ ký số vì thiếu thông tin thu hồi chứng thư (CRL, OCSP); trục đang lấy.",
        "Đề nghị gửi lại sau khoảng thời gian nêu trong Retry-After.",
        "The signatures cannot be checked yet: revocation data (CRL, OCSP) is missing and being fetched.",
        "Send it again after the time given in Retry-After.",
    ),
    Code.STATUS_UNMATCHED: _say(
        "Không tìm thấy văn bản mà trạng thái xử lý này đề cập đến.",
        "Đề nghị kiểm tra mã văn bản, số ký hiệu và ngày ban hành trong ResponseFor rồi gửi lại.",
        "No document matches this status.",
        "Check the document's identifier, code and date in ResponseFor and send it again.",
    ),
    Code.UNKNOWN_ACKNOWLEDGEMENT: _say(
        "Giá trị xác nhận không thuộc danh mục initial, processing, done, fail; trạng thái truyền không thay đổi.",
        "Đề nghị sửa giá trị rồi gọi lại; trạng thái xử lý văn bản phải gửi bằng gói tin trạng thái.",
        "The acknowledgement is none of initial, processing, done, fail; nothing was changed.",
        "Correct it and call again; a document's processing status has to be sent as a status package.",
    ),
    Code.NOT_FOUND: _say(
        "Không tìm thấy nội dung được yêu cầu hoặc hệ thống không có quyền xem.",
        "Đề nghị kiểm tra lại mã đã nhập và quyền của hệ thống.",
        "There is no such thing, or you may not see it.",
        "Check the identifier and your system's rights.",
    ),
    Code.ORGAN_EXISTS: _say(
        "Mã định danh cơ quan đã tồn tại.",
        "Hãy dùng mã khác hoặc cập nhật cơ quan hiện có.",
        "An organisation with this code exists already.",
        "Use another code or change the existing organisation.",
    ),
    Code.ORGAN_IN_USE: _say(
        "Cơ quan đang có đơn vị trực thuộc hoặc hệ thống kết nối nên chưa thể đóng.",
        "Hãy chuyển các đơn vị và hệ thống này sang cơ quan khác trước.",
        "The organisation still has units or systems and cannot be closed.",
        "Move those to another organisation first.",
    ),
    Code.ORGAN_CYCLE: _say(
        "Quan hệ cấp trên hoặc kế thừa giữa các cơ quan tạo thành vòng lặp.",
        "Hãy sửa cơ quan cấp trên hoặc cơ quan kế thừa rồi thực hiện lại.",
        "The organisations' parents or successors would form a circle.",
        "Correct the parent or the successor and try again.",
    ),
    Code.ORGAN_LEVEL: _say(
        "Cấp của cơ quan không thấp hơn cấp của cơ quan cấp trên.",
        "Hãy sửa cấp của cơ quan (số lớn hơn cấp trên) hoặc cơ quan cấp trên rồi thực hiện lại.",
        "An organisation's level is not below its parent's.",
        "Correct the level (a larger number than the parent's) or the parent and try again.",
    ),
    Code.ORGAN_ACTIVE: _say(
        "Cơ quan đang hoạt động không có cơ quan kế thừa hay ngày ngừng hoạt động.",
        "Hãy ghi trạng thái đã đóng cho cơ quan, hoặc bỏ thông tin kế thừa rồi thực hiện lại.",
        "An active organisation has no successor and no day on which it was closed.",
        "Say that it is closed, or leave the successor out, and try again.",
    ),
    Code.ORGAN_HISTORY: _say(
        "Tên cũ của cơ quan mâu thuẫn với lịch sử tên gọi đã ghi nhận.",
        "Hãy đối chiếu với `axis org show` và sửa ngày hoặc tên cũ rồi thực hiện lại.",
        "A former name contradicts the recorded history of the organisation's names.",
        "Compare with `axis org show`, correct the day or the name and try again.",
    ),
    Code.PARENT_CLOSED: _say(
        "Cơ quan đang hoạt động không thể trực thuộc cơ quan đã ngừng hoạt động.",
        "Hãy chọn cơ quan cấp trên đang hoạt động, hoặc đóng cả cơ quan này.",
        "An active organisation cannot stand below a closed one.",
        "Choose an active parent, or close this organisation too.",
    ),
    Code.SYSTEM_EXISTS: _say(
        "Mã hệ thống đã tồn tại.",
        "Hãy dùng mã khác, hoặc đổi khóa bí mật của hệ thống hiện có bằng lệnh `axis system rotate`.",
        "A system with this id exists already.",
        "Use another id, or give the existing one a new secret by `axis system rotate`.",
    ),
    Code.ORGAN_CLOSED: _say(
        "Cơ quan này đã giải thể hoặc sáp nhập.",
        "Hãy chọn cơ quan kế thừa, hoặc một cơ quan đang hoạt động.",
        "This organisation is closed.",
        "Choose its successor, or an active organisation.",
    ),
    Code.LAST_ADMINISTRATOR: _say(
        "Đây là tài khoản quản trị cuối cùng còn đăng nhập được.",
        "Hãy cấp quyền quản trị cho một tài khoản khác trước.",
        "This is the last administrator who can log in.",
        "Make another account an administrator first.",
    ),
    Code.ACCOUNT_LINKED: _say(
        "Người này đã được gắn với một tài khoản khác.",
        "Hãy gỡ liên kết ở tài khoản kia trước.",
        "This person is linked with another account already.",
        "Take the link off that account first.",
    ),
    Code.FACTOR_SET: _say(
        "Tài khoản đã bật xác thực hai lớp.",
        "Hãy tắt lớp hiện có trước, hoặc đề nghị quản trị trục đặt lại.",
        "The account has a second factor already.",
        "Turn the present one off first, or ask an administrator to reset it.",
    ),
    Code.ACCOUNT_EXISTS: _say(
        "Tên đăng nhập đã có người dùng.",
        "Đề nghị chọn tên khác.",
        "The username is taken.",
        "Choose another one.",
    ),
}

_ROUTES: dict[Code, Sentences] = {
    Code.VALIDITY_OVERLAPS: _say(
        "Trong khoảng thời gian này đã có quy tắc hoặc kết nối khác cho cùng mã.",
        "Hãy kết thúc quy tắc hoặc kết nối đó trước, hoặc chọn khoảng thời gian khác.",
        "Another rule or connection of the same code holds in that time.",
        "End that one first, or choose another time.",
    ),
    Code.UNKNOWN_UPLINK: _say(
        "Trục liên thông được nêu không có trong cấu hình của nút này.",
        "Hãy kiểm tra mã trục tại mục [[uplink]] trong axis.toml.",
        "The settings of this node name no such uplink.",
        "Check the uplink's id under [[uplink]] in axis.toml.",
    ),
    Code.RULE_INSIDE_TREE: _say(
        "Mã nằm trong hệ thống tổ chức của chính trục này, văn bản gửi mã đó không bao giờ chuyển lên trục khác.",
        "Hãy gán cơ quan cho một hệ thống kết nối bằng lệnh `axis system move`.",
        "The code lies within this node's own tree, and what is inside it never goes to another axis.",
        "Give the organisation a system by `axis system move` instead.",
    ),
    Code.PROTOCOL_DIFFERS: _say(
        "Hệ thống mới dùng giao thức khác với hệ thống đang phục vụ cơ quan này.",
        "Hãy kiểm tra lại; nếu đúng ý định, thực hiện lại kèm tùy chọn --other-protocol.",
        "The new system speaks another protocol than the one that serves this organisation now.",
        "Check it; where it is meant so, do it again with --other-protocol.",
    ),
    Code.FORWARD_OUTSIDE: _say(
        "Chỉ được chuyển tiếp văn bản cho đơn vị trực thuộc nơi nhận.",
        "Hãy chọn đơn vị trực thuộc, hoặc trả lại văn bản cho nơi gửi.",
        "A document is forwarded only to an organisation below the receiver.",
        "Choose one below it, or return the document to its sender.",
    ),
    Code.ALREADY_RECEIVER: _say(
        "Đơn vị này đã là nơi nhận của văn bản.",
        "Hãy kiểm tra lại danh sách nơi nhận; không cần chuyển tiếp nữa.",
        "This organisation is a receiver of the document already.",
        "Check the list of receivers; there is nothing to forward.",
    ),
    Code.DELIVERY_CLOSED: _say(
        "Văn bản tại nơi nhận này đã bị từ chối, trả lại, thu hồi hoặc thay thế: không chuyển tiếp, trả lại được.",
        "Hãy xem diễn biến của văn bản bằng lệnh `axis documents show`.",
        "At this receiver the document was refused, returned, recalled or replaced: it is not passed on or given back.",
        "See what happened to it by `axis documents show`.",
    ),
}

_NODE: dict[Code, Sentences] = {
    Code.DISK_FULL: _say(
        "Trục tạm ngừng tiếp nhận vì sắp hết dung lượng lưu trữ; gói tin chưa được nhận.",
        "Đề nghị gửi lại sau; quản trị trục cần giải phóng hoặc bổ sung dung lượng.",
        "The node has stopped taking packages because its disk is nearly full; this one was not received.",
        "Send it again later; the node's administrator has to free or add space.",
    ),
    Code.MAINTENANCE: _say(
        "Trục đang bảo trì, chỉ cho phép xem; yêu cầu này chưa được thực hiện.",
        "Đề nghị gửi lại sau thời gian được nêu; những gì đã được xác nhận trước đó vẫn còn nguyên.",
        "The node is under maintenance and read-only; this request was not carried out.",
        "Send it again after the time given; whatever was confirmed before is safe.",
    ),
    Code.STATE_CHANGED: _say(
        "Người khác vừa thay đổi mục này, hoặc nó đã sang trạng thái khác; thao tác chưa được thực hiện.",
        "Đề nghị tải lại trang, xem trạng thái hiện tại rồi quyết định.",
        "Somebody else has just changed this, or it is in another state already; nothing was done.",
        "Reload the page, look at its present state, then decide.",
    ),
    Code.OVERLOADED: _say(
        "Trục đang quá tải; gói tin chưa được nhận.",
        "Đề nghị gửi lại sau thời gian được nêu.",
        "The node is overloaded; the package was not received.",
        "Send it again after the time stated.",
    ),
    Code.DAYS_DIFFER: _say(
        "Số liệu trao đổi của một ngày không khớp với bên đối tác.",
        "Đề nghị chạy axis reconcile với đối tác và ngày được nêu để xem danh sách và gửi lại.",
        "A partner does not have what this node believes was exchanged on a day.",
        "Run axis reconcile for the partner and day named here, look at the list, and send again.",
    ),
    Code.DATABASE_OLD: _say(
        "Phiên bản cơ sở dữ liệu không khớp với phiên bản phần mềm.",
        "Hãy sao lưu dữ liệu rồi chạy lệnh `axis migrate`.",
        "The database does not have this software's version.",
        "Back up the data, then run `axis migrate`.",
    ),
    Code.MIRROR_DATA: _say(
        "Dữ liệu này là bản sao dùng để so sánh với trục cũ; không được chạy thành một trục thật.",
        "Hãy chạy `axis serve` với thư mục dữ liệu khác.",
        "This data is a copy for comparing with an older axis; no node may serve it.",
        "Run `axis serve` with another data folder.",
    ),
    Code.MIRROR_LIVE: _say(
        "Thư mục dữ liệu này đã có gói tin của một trục thật; không dùng để so sánh được.",
        "Hãy tạo một thư mục dữ liệu riêng bằng `axis init`, nạp cơ quan và hệ thống, rồi so sánh lại.",
        "This data folder holds packages of a real node; it cannot be used for comparing.",
        "Make a data folder for this purpose with `axis init`, import organisations and systems, and compare again.",
    ),
    Code.KEY_UNAVAILABLE: _say(
        "Thiết bị giữ khóa ký số của trục không sử dụng được; chưa có gì được ký hoặc gửi đi.",
        "Đề nghị thử lại sau; quản trị trục cần kiểm tra thiết bị rồi khởi động lại trục.",
        "The token that holds the node's signing key does not work; nothing was signed or sent.",
        "Try again later; the node's administrator has to look after the token and restart the node.",
    ),
    Code.TIMESTAMP_MISSING: _say(
        "Không lấy được dấu thời gian dùng được; tệp chưa được ký.",
        "Đề nghị kiểm tra địa chỉ và chứng thư của tổ chức cấp dấu thời gian rồi ký lại.",
        "No usable timestamp could be had; the file was not signed.",
        "Check the timestamp authority's address and its certificate, then sign again.",
    ),
    Code.PEER_REFUSED: _say(
        "Hệ thống phía nhận từ chối yêu cầu.",
        "Đề nghị xem lý do kèm theo, khắc phục rồi chuyển lại.",
        "The partner refused the request.",
        "See its reason, remove the cause and send again.",
    ),
    Code.PEER_UNREACHABLE: _say(
        "Không kết nối được với hệ thống phía nhận.",
        "Đề nghị kiểm tra đường truyền và liên hệ đơn vị vận hành phía nhận nếu tình trạng kéo dài; "
        "trục tự thử lại trong thời hạn đã đặt.",
        "The partner cannot be reached.",
        "The node tries again by itself for the time that is set. "
        "Check the line, and call the partner's operator if it lasts.",
    ),
    Code.INTERNAL: _say(
        "Trục gặp lỗi nội bộ khi xử lý yêu cầu.",
        "Đề nghị thử lại sau; nếu lỗi lặp lại, hãy cung cấp mã yêu cầu cho quản trị trục.",
        "The node failed on this request.",
        "Try again later; if it happens again, give the request id to the node's administrator.",
    ),
}

SENTENCES: dict[Code, Sentences] = {**_FORM, **_CALLER, **_RECORD, **_ROUTES, **_NODE}
