"""Which language a text is in: by script, by its small words, and by lingua where these do not tell."""

import functools
import re
from collections.abc import Callable, Mapping

LATIN, ARABIC = re.compile(r"[A-Za-z\u00c0-\u024f]"), re.compile(r"[\u0620-\u064a\u066e-\u06d3]")
LOOKED_AT = 400  # characters; more adds time, not certainty
SHORTEST = 12  # letters; below, a detector guesses: take the script's usual language
UNLIKELY = 0.2  # chance of the script's usual language below which a text is in another one
MIXED_FROM = 0.25  # share of the rarer script from which a text is mixed
MANY_SHARED = 3  # words that other languages have as well; with so many of them a text is English
PLAIN_FROM = 0.25  # share of small words from which a text is plainly in their language

# Frequent in one language and rare in the others that share its script; of those that are not rare there, one of the
# others must stand beside them.
SMALL_WORDS = {
    "en": frozenset(
        "the and you your it what that this with can would like have are there when where which how please for thanks "
        "thank be i'm i'd i'll i've yes yeah yep know need want anything else help great been we our could from should "
        "they but about if any some out because only then than get give gimme got more just who don't let let's it's "
        "that's my good okay right sorry check wait done goodbye go not these those too very two does were".split()
    ),
    "ar": frozenset(
        "في من على إلى الى عن هل هذا هذه أن ان لا لم مع يا كل بعد قبل ذلك التي الذي اللي شكرا شكراً رقم أو ثم أنا انا "
        "لك لي لكم عندي بس شو عشان".split()
    ),
}
SHARED_WORDS = frozenset(
    "is i to of will was do so as an at by has her his me take up off all one am ok a in on no hi problem".split()
)
FOREIGN_WORDS = frozenset(  # where one stands beside English words the text may be of both
    "le la les est et une vous votre pour que pas und ist der die das ich sie nicht mit el los por para su es com uma "
    "il di che per het een niet bir ve yang anda ang po sa".split()
)
ARABIC_NOUN = r"(?:[وبفلك]?ال[^\W\d_]{2,}|[^\W\d_]{2,}ة)"  # with its article, or with an ending that only Arabic writes
FOREIGN = {
    "en": "[\u00c0-\u024f]",  # accents
    "ar": "[پچژگکیےٹڈڑںھہۓۀێۆڕڵ]",  # letters of Persian, Urdu and Kurdish
}
_WORD = re.compile(r"[^\W\d_][\w']*")
_ARABIC_NOUN = re.compile(ARABIC_NOUN)
_NO_LETTERS = bytes(c for c in range(128) if not chr(c).isalpha())


def language_of(text: str) -> str:
    """ISO 639-1 code; "mixed" for Latin with Arabic, "other" for other scripts, "und" for a text without letters."""
    return language_and_chance(text)[0]


def language_and_chance(text: str) -> tuple[str, float]:
    """What `language_of` says, and the chance that it is not the usual language of the script after all."""
    text = text[:LOOKED_AT]
    latin, arabic = _letters(text)
    letters = latin + arabic
    if not text.isascii() and sum(map(str.isalpha, text)) > 2 * letters:
        return "other", 1.0
    if not letters:
        return "und", 1.0
    if min(latin, arabic) / letters >= MIXED_FROM:
        return "mixed", 1.0
    usual = "ar" if arabic > latin else "en"
    if letters < SHORTEST or _is_plainly(usual, text):
        return usual, 1.0
    chances = _among(usual)(text)
    likeliest = max(chances, key=lambda language: chances[language], default=usual)
    if likeliest == usual or chances[usual] >= UNLIKELY:
        return usual, 1.0
    return likeliest, 1 - chances[usual]


def _letters(text: str) -> tuple[int, int]:
    if text.isascii():
        return len(text.encode().translate(None, _NO_LETTERS)), 0
    return len(LATIN.findall(text)), len(ARABIC.findall(text))


def _is_plainly(usual: str, text: str) -> bool:
    """Whether small words leave no doubt. lingua says the same at a hundred times the cost."""
    if re.search(FOREIGN[usual], text):
        return False
    words = _WORD.findall(text.lower())
    if usual == "en" and not FOREIGN_WORDS.isdisjoint(words):
        return False
    telling = sum(map(SMALL_WORDS[usual].__contains__, words))
    if usual == "ar":
        telling += sum(1 for word in words if _ARABIC_NOUN.fullmatch(word))
    shared = sum(map(SHARED_WORDS.__contains__, words)) if usual == "en" else 0
    return (telling > 0 or shared >= MANY_SHARED) and telling + shared >= PLAIN_FROM * len(words)


@functools.cache
def _among(usual: str) -> Callable[[str], Mapping[str, float]]:
    """A detector of the chances of the languages of one script, by their codes.

    Languages that nobody asked for draw texts away from the usual one that are not in it: Arabic in Latin letters too.
    """
    from lingua import Language, LanguageDetectorBuilder

    names = {
        "ar": "ARABIC PERSIAN URDU",
        "en": "ENGLISH FRENCH SPANISH GERMAN ITALIAN PORTUGUESE DUTCH TURKISH INDONESIAN TAGALOG POLISH ROMANIAN "
        "SWEDISH SWAHILI SOMALI",
    }[usual]
    script = [getattr(Language, name) for name in names.split()]
    detector = LanguageDetectorBuilder.from_languages(*script).build()

    def detect(text: str) -> Mapping[str, float]:
        found = detector.compute_language_confidence_values(text)
        return {each.language.iso_code_639_1.name.lower(): each.value for each in found}

    return detect
