"""Spelling made one for search. People type الى for إلى, and keyboards disagree about digits.

The same folding as curation/core/text/folding.py, which cannot be had here: this runs in the server's own environment.
A test holds the two together.
"""

import unicodedata

_ONE_FORM = str.maketrans(
    {
        **dict.fromkeys("’‘ʼ", "'"),
        **dict.fromkeys("أإآٱ", "ا"),
        **dict.fromkeys("ىئی", "ي"),
        "ؤ": "و",
        "ة": "ه",
        "ک": "ك",
        "ـ": None,
        **dict.fromkeys([*map(chr, range(0x064B, 0x0660)), "\u0670"]),  # vowel marks
        **{chr(zero + digit): str(digit) for zero in (0x0660, 0x06F0) for digit in range(10)},
    }
)


def fold(text: str | None) -> str | None:
    """The text as it is indexed and as it is asked for; case is the tokenizer's affair."""
    if text is None or text.isascii():
        return text
    return unicodedata.normalize("NFKC", text).translate(_ONE_FORM)
