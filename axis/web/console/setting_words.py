"""What the settings are called, and what they mean, in the language of the page.

Their meaning stands on their fields, in English, for `axis config describe` too; `locale/vi/settings.po` says the same
in Vietnamese.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

from babel.messages.pofile import read_po

from axis.settings import Source
from axis.web.console.language import N_, current
from axis.web.console.words import Look

SECTIONS: Final[Mapping[str, str]] = {
    "node": N_("Trục này là ai"),
    "server": N_("Máy chủ HTTP"),
    "store": N_("Nơi lưu trữ"),
    "limits": N_("Giới hạn của một gói tin"),
    "vxp": N_("Cổng VXP"),
    "edoc": N_("Cổng eDoc SOAP"),
    "api": N_("REST API"),
    "webhook": N_("Báo sự kiện cho hệ thống (webhook)"),
    "exchange": N_("Nhận, chuyển và thử lại"),
    "reconcile": N_("Đối chiếu hằng đêm"),
    "trust": N_("Tin ai, xét chữ ký thế nào"),
    "signing": N_("Khóa ký của trục"),
    "calendar": N_("Lịch làm việc"),
    "deadlines": N_("Thời hạn"),
    "kpi": N_("Chỉ tiêu"),
    "disk": N_("Ổ đĩa"),
    "log": N_("Nhật ký vận hành của phần mềm"),
    "mail": N_("Thư điện tử"),
    "uplink": N_("Trục liên thông khác"),
    "console": N_("Trang cho mọi người"),
    "sso": N_("Đăng nhập một lần"),
}
"""In the order of the settings (tested)."""

SOURCES: Final[Mapping[Source, Look]] = {
    Source.ENVIRONMENT: Look(word=N_("Biến môi trường"), tone="indigo", icon="globe"),
    Source.FILE: Look(word="axis.toml", tone="blue", icon="file"),
    Source.DEFAULT: Look(word=N_("Mặc định"), tone="grey", icon="check", outline=True),
}


def meaning(text: str) -> str:
    """What a field means, said in the page's language."""
    return text if current() == "en" else vietnamese().get(text, text)


@cache
def vietnamese() -> Mapping[str, str]:
    """Each meaning in Vietnamese, by the English one."""
    with (files("axis.web.console") / "locale" / "vi" / "settings.po").open("rb") as file:
        catalogue = read_po(file, locale="vi", abort_invalid=True)
    return MappingProxyType({str(one.id): str(one.string) for one in catalogue if one.id and one.string})
