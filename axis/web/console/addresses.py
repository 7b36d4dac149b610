"""Addresses on this node."""


def local_path(text: str) -> str:
    """The path on this node that a form leads back to; anything that could lead elsewhere becomes the first page."""
    harmless = text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable()
    return text if harmless else "/"
