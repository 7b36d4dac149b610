"""What each step of an explanation says to people, in Vietnamese and English. Total over `explain.Said` (tested)."""

from typing import Literal

from axis.delivery.explain import Said, Step

Language = Literal["vi", "en"]

_DECIDES = {
    "vi": {"yes": " Quy tắc này quyết định.", "no": " Không dùng đến, vì quy tắc đứng trước đã quyết định."},
    "en": {"yes": " This decides.", "no": " It is not needed: one before it has decided."},
}

SENTENCES: dict[Said, tuple[str, str]] = {
    Said.SENDER_OURS: (
        "Nơi gửi {code} là {organ} ({name}); được gửi thay: {systems}.",
        "The sender {code} is {organ} ({name}); these may send for it: {systems}.",
    ),
    Said.SENDER_UNSERVED: (
        "Nơi gửi {code} là {organ} ({name}); chưa có hệ thống nào được gửi thay.",
        "The sender {code} is {organ} ({name}); no system may send for it yet.",
    ),
    Said.SENDER_FOREIGN: (
        "Nơi gửi {code} không thuộc trục này: gói tin đến từ trục khác và không bao giờ chuyển lên lại.",
        "The sender {code} is not of this node: the package comes from another axis and never goes up again.",
    ),
    Said.SENDER_UNKNOWN: (
        "Nơi gửi {code} thuộc phạm vi trục này nhưng chưa đăng ký: gói tin bị từ chối.",
        "The sender {code} lies within our tree and is not registered: the package is refused.",
    ),
    Said.GIVEN: ("Mã nơi nhận ghi trong văn bản: {code}.", "The receiver's code as given: {code}."),
    Said.CANONICAL: ("{code} là mã chính thức của {name}.", "{code} is the canonical code of {name}."),
    Said.ALIAS: ("{code} là mã khác của {organ} ({name}).", "{code} is another code of {organ} ({name})."),
    Said.OLD_FORM: (
        "{code} là cách viết khác của {organ} ({name}).",
        "{code} is another form of {organ} ({name}).",
    ),
    Said.UNREGISTERED: (
        "{code} chưa đăng ký tại trục này; dùng để so sánh: {canonical}.",
        "{code} is not registered here; compared as {canonical}.",
    ),
    Said.SUCCEEDED: (
        "{organ} ({name}) đã ngừng hoạt động; {successor} ({successor_name}) kế thừa.",
        "{organ} ({name}) is closed; {successor} ({successor_name}) succeeds it.",
    ),
    Said.CLOSED: (
        "{organ} ({name}) đã ngừng hoạt động và không có cơ quan kế thừa.",
        "{organ} ({name}) is closed, and nobody succeeds it.",
    ),
    Said.OPEN: ("{organ} đang hoạt động.", "{organ} is active."),
    Said.OWN_SYSTEM: (
        "{organ} có hệ thống riêng: {system}. Quy tắc này quyết định.",
        "{organ} has a system of its own: {system}. This decides.",
    ),
    Said.NO_OWN_SYSTEM: ("{organ} không có hệ thống riêng.", "{organ} has no system of its own."),
    Said.BESIDE: (
        "Chạy song song, được gửi và hoàn tất gói tin đã lấy: {systems}.",
        "Beside it, these may send and finish what they were handed: {systems}.",
    ),
    Said.ABOVE_WITHOUT: ("Cấp trên {organ} không có hệ thống riêng.", "{organ} above it has no system of its own."),
    Said.ABOVE_SYSTEM: (
        "Cấp trên gần nhất có hệ thống: {organ}, {system}. Quy tắc này quyết định.",
        "The nearest above it that has one: {organ}, {system}. This decides.",
    ),
    Said.NO_SYSTEM_ABOVE: ("Không cấp trên nào có hệ thống.", "Nobody above it has a system."),
    Said.INSIDE_TREE: (
        "Mã thuộc phạm vi trục này ({prefix}): không bao giờ chuyển lên trục khác.",
        "The code lies within our tree ({prefix}): it never goes to another axis.",
    ),
    Said.OUTSIDE_TREE: ("{organ} nằm ngoài phạm vi trục này.", "{organ} lies outside our tree."),
    Said.RULE_FITS: (
        "Quy tắc {rule} trong cơ sở dữ liệu: mã bắt đầu bằng {prefix} đi qua {uplink}.",
        "Rule {rule} in the database: codes below {prefix} go to {uplink}.",
    ),
    Said.RULE_PASSED_OVER: (
        "Quy tắc {rule} ({prefix}) dẫn đến {uplink}, trục này không còn trong cấu hình: bỏ qua.",
        "Rule {rule} ({prefix}) leads to {uplink}, which the settings do not name any more: passed over.",
    ),
    Said.SETTING_FITS: (
        "Cấu hình: mã bắt đầu bằng {prefix} đi qua {uplink}.",
        "The settings: codes below {prefix} go to {uplink}.",
    ),
    Said.DEFAULT_RULE: (
        "Quy tắc {rule} trong cơ sở dữ liệu: mọi mã còn lại đi qua {uplink}.",
        "Rule {rule} in the database: every other code goes to {uplink}.",
    ),
    Said.DEFAULT: (
        "Trục mặc định trong cấu hình: {uplink}.",
        "The default uplink of the settings: {uplink}.",
    ),
    Said.NO_UPLINK: ("Không có trục nào nhận mã {organ}.", "No uplink is for {organ}."),
    Said.SYSTEM_DISABLED: (
        "Hệ thống {system} đang bị khóa: văn bản chờ, không mất, đến khi mở lại.",
        "The system {system} is disabled: documents wait, and none is lost, until it is enabled.",
    ),
    Said.HELD: (
        "Bị giữ lại theo {hold} (đến {until}): {reason}. Gói tin chờ, không mất.",
        "Held back by {hold} (until {until}): {reason}. Packages wait, and none is lost.",
    ),
    Said.PAUSED: (
        "Tạm ngừng gọi {partner} từ {since} đến {until} ({reason}): gói tin chờ, không mất.",
        "{partner} is not called from {since} until {until} ({reason}): packages wait, and none is lost.",
    ),
    Said.PAUSE_PLANNED: (
        "Sẽ tạm ngừng gọi {partner} từ {since} đến {until} ({reason}).",
        "{partner} will not be called from {since} until {until} ({reason}).",
    ),
    Said.DOWN: (
        "Không liên lạc được với {partner} từ {since} ({error}): gói tin chờ và được gửi lại khi liên lạc được.",
        "{partner} does not answer since {since} ({error}): packages wait, and are sent once it does.",
    ),
    Said.TO_SYSTEM: (
        "Kết quả: {organ} nhận qua hệ thống {system}.",
        "Result: {organ} is reached by the system {system}.",
    ),
    Said.TO_UPLINK: (
        "Kết quả: {organ} nhận qua trục {uplink}.",
        "Result: {organ} is reached through the axis {uplink}.",
    ),
    Said.WAITS: (
        "Kết quả: văn bản gửi {organ} được tiếp nhận và chờ đến khi có hệ thống kết nối.",
        "Result: what is for {organ} is accepted, and waits until a system serves it.",
    ),
    Said.ELSEWHERE: (
        "Kết quả: {organ} không do trục này phục vụ: chỉ ghi nhận; nếu không còn nơi nhận nào ở đây thì bị từ chối.",
        "Result: {organ} is not served here: only recorded; a package without any receiver of ours is refused.",
    ),
    Said.BETWEEN_AXES: (
        "{system} là một trục khác: văn bản của trục khác không đi qua trục này để đến đó.",
        "{system} is an axis of its own: what comes from another axis is not carried there by us.",
    ),
    Said.REFUSED: ("Kết quả: gói tin bị từ chối [{code}].", "Result: the package is refused [{code}]."),
}


def sentence(step: Step, lang: Language) -> str:
    """What a step says."""
    text = SENTENCES[step.said][0 if lang == "vi" else 1].format_map(step.facts)
    return (
        text + _DECIDES[lang].get(step.facts.get("decides", ""), "") if step.said is not Said.RULE_PASSED_OVER else text
    )
