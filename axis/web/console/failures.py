"""Why a package did not get through, in plain words."""

from dataclasses import dataclass

from axis.errors import Code
from axis.messages import SENTENCES
from axis.web.console.language import _, current

_FETCHED_BADLY = "the receiving system answered fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The last error of a way. technical: what operators look for; "" where the words say it all."""

    words: str
    technical: str = ""


def failure(last_error: str | None) -> Failure | None:
    """What was recorded, as people read it; a text that is no error code of ours stands as it came."""
    if not last_error:
        return None
    if last_error == _FETCHED_BADLY:
        return Failure(words=_("Hệ thống của bên nhận báo lỗi khi xử lý gói tin."), technical=last_error)
    word = last_error.split(":", 1)[0].split(" ", 1)[0]
    try:
        said = SENTENCES[Code(word)]
    except ValueError:
        return Failure(words=last_error)
    return Failure(words=said.what_en if current() == "en" else said.what_vi, technical=last_error)
