"""The front's description. No WSDL was ever published for this dialect; this one is ours."""

from functools import cache
from xml.sax.saxutils import quoteattr

from axis.resources import resource

_FILE = "schemas/edoc.wsdl"
_PLACE = '"ADDRESS"'


@cache
def _template() -> str:
    return resource(_FILE).read_text(encoding="utf-8")


def write_wsdl(address: str) -> bytes:
    """The WSDL of a front at an address."""
    return _template().replace(_PLACE, quoteattr(address)).encode()
