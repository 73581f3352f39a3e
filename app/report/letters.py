"""In which letters is a document set? Liberation Sans, embedded: Latin, Greek and Cyrillic."""

import unicodedata
from pathlib import Path
from typing import Final

from reportlab.pdfbase.pdfmetrics import registerFont, registerFontFamily
from reportlab.pdfbase.ttfonts import TTFont

REGULAR: Final = "LiberationSans"
BOLD: Final = "LiberationSans-Bold"
_LEFTWARD: Final = frozenset({"R", "AL"})
_FONTS: Final = Path(__file__).with_name("fonts")


def _registered(name: str, file: str) -> TTFont:
    font = TTFont(name, _FONTS / file)
    registerFont(font)
    return font


_REGULAR: Final = _registered(REGULAR, "LiberationSans-Regular.ttf")
_BOLD: Final = _registered(BOLD, "LiberationSans-Bold.ttf")
registerFontFamily(REGULAR, normal=REGULAR, bold=BOLD, italic=REGULAR, boldItalic=BOLD)
_KNOWN: Final = frozenset(_REGULAR.face.charToGlyph) & frozenset(_BOLD.face.charToGlyph)


def printable(text: str) -> str:
    """Return text in the letters that both fonts have, accents joined to theirs; a question mark stands for others."""
    return "".join(letter if _is_set(letter) else "?" for letter in unicodedata.normalize("NFC", text))


def _is_set(letter: str) -> bool:
    # What is written from right to left would come out in the wrong order.
    return ord(letter) in _KNOWN and unicodedata.bidirectional(letter) not in _LEFTWARD
