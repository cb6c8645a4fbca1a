"""Which language a text is in: by script first, by lingua where a script serves several languages."""

import functools
import re
from collections.abc import Callable

LATIN, ARABIC = re.compile(r"[A-Za-z\u00c0-\u024f]"), re.compile(r"[\u0620-\u064a\u066e-\u06d3]")
LOOKED_AT = 400  # characters; more adds time, not certainty
SHORTEST = 40  # letters; below, a detector guesses: take the script's usual language
CERTAINTY = 0.25  # lingua: distance of the likeliest language to the next
MIXED_FROM = 0.25  # share of the rarer script from which a text is mixed


def language_of(text: str) -> str:
    """ISO 639-1 code; "mixed" for Latin with Arabic, "other" for other scripts, "und" for a text without letters."""
    text = text[:LOOKED_AT]
    latin, arabic = len(LATIN.findall(text)), len(ARABIC.findall(text))
    letters = latin + arabic
    if sum(map(str.isalpha, text)) > 2 * letters:
        return "other"
    if not letters:
        return "und"
    if min(latin, arabic) / letters >= MIXED_FROM:
        return "mixed"
    usual = "ar" if arabic > latin else "en"
    return _among(usual)(text) or usual if letters >= SHORTEST else usual


@functools.cache
def _among(usual: str) -> Callable[[str], str | None]:
    """A detector among languages of one script. The lists are short on purpose: each more costs certainty."""
    from lingua import Language, LanguageDetectorBuilder

    script = {
        "ar": [Language.ARABIC, Language.PERSIAN, Language.URDU],
        "en": [Language.ENGLISH, Language.FRENCH, Language.SPANISH, Language.GERMAN, Language.TURKISH],
    }[usual]
    detector = LanguageDetectorBuilder.from_languages(*script).with_minimum_relative_distance(CERTAINTY).build()

    def detect(text: str) -> str | None:
        found = detector.detect_language_of(text)
        return found.iso_code_639_1.name.lower() if found else None

    return detect
