"""Keys of pages: handed out as one opaque word, and read back with suspicion."""

import base64
import binascii
from typing import Annotated

from pydantic import Field

from axis.errors import Code, Malformed
from axis.web.api.call import Call

Limit = Annotated[int, Field(ge=1, le=1_000, description="Most items on the page; the node may give fewer.")]
After = Annotated[str | None, Field(max_length=400, description="`next` of the page before.")]


def page_limit(call: Call, asked: int) -> int:
    """How many items the page may have."""
    return min(asked, call.parts.settings.api.page_items)


def write_key(*parts: str) -> str:
    """Parts as one word."""
    return base64.urlsafe_b64encode("\n".join(parts).encode()).decode().rstrip("=")


def read_key(word: str, parts: int) -> list[str]:
    """The parts of a word that `write_key` wrote. Raises Malformed."""
    try:
        found = base64.urlsafe_b64decode(word + "=" * (-len(word) % 4)).decode().split("\n")
    except (binascii.Error, ValueError) as e:
        raise Malformed(Code.BAD_REQUEST, "not a `next` of ours", at="after") from e
    if len(found) != parts or any("\0" in part for part in found):
        raise Malformed(Code.BAD_REQUEST, "not a `next` of ours", at="after")
    return found
