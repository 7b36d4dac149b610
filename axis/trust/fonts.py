"""The letters of a visible stamp: Noto Serif; pyHanko embeds those that the stamp has.

PDF's own fonts have no Vietnamese letters, so the file has to carry some. The font is a variable one, which PDF does
not know: its ordinary weight is taken.

Norm: NĐ 30/2020, Annex I (a serif face, size 10); the face that it names is not free to be handed on.
"""

import io
import unicodedata
from functools import lru_cache

import fontpkg_noto_serif  # type: ignore[import-untyped] # it ships no types
from fontTools.subset import Options, Subsetter  # type: ignore[import-untyped] # as above
from fontTools.ttLib import TTFont  # type: ignore[import-untyped] # as above
from fontTools.varLib.instancer import instantiateVariableFont  # type: ignore[import-untyped] # as above
from pyhanko.pdf_utils.font.api import FontEngine, FontEngineFactory
from pyhanko.pdf_utils.font.opentype import GlyphAccumulator
from pyhanko.pdf_utils.writer import BasePdfFileWriter

_FACE = "NotoSerif[wdth,wght].ttf"
_ORDINARY = {"wght": 400, "wdth": 100}
_RANGES = ((0x20, 0x250), (0x1EA0, 0x1EFA), (0x2010, 0x2027), (0x20AB, 0x20AC))  # Latin, Vietnamese, dashes, đồng
_USUAL = frozenset(chr(number) for start, end in _RANGES for number in range(start, end))


class StampFont(FontEngineFactory):
    """pyHanko's door to a font that has the letters of one text."""

    def __init__(self, text: str, size: int) -> None:
        self._font = _face("".join(sorted(set(composed(text)) - _USUAL)))
        self._size = size

    def create_font_engine(self, writer: BasePdfFileWriter, obj_stream: object = None) -> FontEngine:
        """The font, to be embedded by `writer`."""
        return GlyphAccumulator(
            writer, io.BytesIO(self._font), font_size=self._size, ot_script_tag="latn", obj_stream=obj_stream
        )


def composed(text: str) -> str:
    """A text whose letters carry their marks themselves, as the font has them."""
    return unicodedata.normalize("NFC", text)


@lru_cache(maxsize=8)
def _face(more: str) -> bytes:
    """A TrueType font of the usual letters and some more. Made once: it takes half a second."""
    options = Options()
    options.layout_features = ["kern"]
    options.name_IDs = ["*"]
    with TTFont(fontpkg_noto_serif.ROOT / "files" / _FACE) as font:
        subsetter = Subsetter(options)
        subsetter.populate(text="".join(_USUAL) + more)
        subsetter.subset(font)
        instantiateVariableFont(font, _ORDINARY, inplace=True)
        out = io.BytesIO()
        font.save(out)
    return out.getvalue()
