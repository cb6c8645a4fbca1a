"""Which language a text is in: by script, by its small words, and by lingua where these do not tell."""

import functools
import re
from collections.abc import Callable

LATIN, ARABIC = re.compile(r"[A-Za-z\u00c0-\u024f]"), re.compile(r"[\u0620-\u064a\u066e-\u06d3]")
LOOKED_AT = 400  # characters; more adds time, not certainty
SHORTEST = 40  # letters; below, a detector guesses: take the script's usual language
CERTAINTY = 0.25  # lingua: distance of the likeliest language to the next
MIXED_FROM = 0.25  # share of the rarer script from which a text is mixed
PLAIN_FROM = 0.3  # share of small words from which a text is plainly in their language

# Frequent in one language and rare in the others that share its script.
_ENGLISH = frozenset(
    "the and you your is it to of what that this with can would like have my are there when where which how please for "
    "thanks thank be i i'm i'd i'll i've yes know need want anything else help great been we our could from "
    "should they but about if any some out because only then than get more just who don't let's it's that's".split()
)
_ARABIC = frozenset(
    "في من على إلى الى عن هل هذا هذه أن ان لا لم مع يا كل بعد قبل ذلك التي الذي اللي شكرا شكراً رقم أو ثم أنا انا "
    "لك لي لكم عندي بس شو عشان".split()
)
_WORD = re.compile(r"[^\W\d_][\w']*")
_ARABIC_NOUN = re.compile(r"[وبفلك]?ال\w{2,}")  # with its article
_FOREIGN = {
    "en": re.compile("[\u00c0-\u024f]"),  # accents
    "ar": re.compile("[پچژگکیےٹڈڑںھہۓۀێۆڕڵ]"),  # letters of Persian, Urdu and Kurdish
}
_NO_LETTERS = bytes(c for c in range(128) if not chr(c).isalpha())


def language_of(text: str) -> str:
    """ISO 639-1 code; "mixed" for Latin with Arabic, "other" for other scripts, "und" for a text without letters."""
    text = text[:LOOKED_AT]
    latin, arabic = _letters(text)
    letters = latin + arabic
    if not text.isascii() and sum(map(str.isalpha, text)) > 2 * letters:
        return "other"
    if not letters:
        return "und"
    if min(latin, arabic) / letters >= MIXED_FROM:
        return "mixed"
    usual = "ar" if arabic > latin else "en"
    if letters < SHORTEST or _is_plainly(usual, text):
        return usual
    return _among(usual)(text) or usual


def _letters(text: str) -> tuple[int, int]:
    if text.isascii():
        return len(text.encode().translate(None, _NO_LETTERS)), 0
    return len(LATIN.findall(text)), len(ARABIC.findall(text))


def _is_plainly(usual: str, text: str) -> bool:
    """Whether small words leave no doubt. lingua says the same at ten times the cost."""
    if _FOREIGN[usual].search(text):
        return False
    words = _WORD.findall(text.lower())
    small = sum(map((_ENGLISH if usual == "en" else _ARABIC).__contains__, words))
    if usual == "ar":
        small += sum(1 for word in words if _ARABIC_NOUN.fullmatch(word))
    return small >= max(2, PLAIN_FROM * len(words))


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
