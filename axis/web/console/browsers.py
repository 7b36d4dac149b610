"""What browsers say of themselves, in two words."""

from typing import Final

from axis.web.console.language import _

_BROWSERS: Final = (
    ("edg/", "Edge"),
    ("coc_coc", "Coc Coc"),
    ("opr/", "Opera"),
    ("firefox/", "Firefox"),
    ("chrome/", "Chrome"),
    ("safari/", "Safari"),
)
_MACHINES: Final = (
    ("android", "Android"),
    ("iphone", "iPhone"),
    ("ipad", "iPad"),
    ("windows", "Windows"),
    ("mac os", "macOS"),
    ("linux", "Linux"),
)


def browser_words(said: str) -> str:
    """Which browser on which machine, as far as it says."""
    low = said.lower()
    browser = next((name for mark, name in _BROWSERS if mark in low), None)
    machine = next((name for mark, name in _MACHINES if mark in low), None)
    if browser and machine:
        return _("{browser} trên {machine}", browser=browser, machine=machine)
    return browser or machine or _("Trình duyệt không rõ")
