"""Which language a text is in: by script, by its small words, and by lingua where these do not tell."""

import functools
import re
from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lingua import LanguageDetector

LATIN, ARABIC = re.compile(r"[A-Za-z\u00c0-\u024f]+"), re.compile(r"[\u0620-\u064a\u066e-\u06d3]+")
LOOKED_AT = 400  # characters; more adds time, not certainty
ARABIZI = "arabizi"  # Arabic in Latin letters and figures; no code of ISO 639 tells of it
SHORTEST = 12  # letters; below, a detector guesses: take the script's usual language
UNLIKELY = 0.2  # chance of the script's usual language below which a text is in another one
MIXED_FROM = 0.25  # share of the rarer script from which a text is mixed
# What lingua is asked about.
DETECTED = {"ar": "ar fa ur", "en": "en fr es de it pt nl tr id tl pl ro sv sw so"}
MANY_SHARED = 3  # words that other languages have as well; with so many of them a text is English
PLAIN_FROM = 0.25  # share of small words from which a text is plainly in their language
# What trigrams alone tell, at a fifth of the cost and without the models of shorter and longer runs of letters, which
# take 0.2 s a language to load (docs/log.md).
USUAL_FROM = 0.9  # chance of the usual language from which it is that
FOREIGN_SURE_FROM, FOREIGN_LETTERS = 0.999, 20  # chance of another language from which it is that, in so many letters
LIKELY_FROM = 0.05  # chance of languages that are asked about at all
OTHERS = 0.2  # what each of the others is taken for beside these, of their mean
FOREIGN_FROM = 0.04  # foreign words to small ones from which a text may be of both; below, they are names: Los Angeles

# Frequent in one language and rare in the others that share its script; of those that are not rare there, one of the
# others must stand beside them.
SMALL_WORDS = {
    "en": frozenset(
        "the and you your it what that this with can would like have are there when where which how please for thanks "
        "thank be i'm i'd i'll i've yes yeah yep know need want anything else help great been we our could from should "
        "they but about if any some out because only then than get give gimme got more just who don't let let's it's "
        "that's my good okay right sorry check wait done goodbye go not these those too very two does were you're "
        "you'll you've you'd we're we'll we've they're they'll there's here's what's where's how's who's it'll "
        "that'll he'll she'll or now around across near next well going found today tomorrow tonight week hours people "
        "into until already every other their them".split()
    ),
    "ar": frozenset(
        "في من على إلى الى عن هل هذا هذه أن ان لا لم مع يا كل بعد قبل ذلك التي الذي اللي شكرا شكراً رقم أو ثم أنا انا "
        "لك لي لكم عندي بس شو عشان كيف متى إذا لماذا ليش ليه وين فين بدي أريد اريد أقدر اقدر هناك كان كانت كنت لقد لن "
        "تم إن أنه إلا أي شيء يمكن مش واش علاش نحن أنت هو هي حيث لأن سوف".split()
    ),
}
SHARED_WORDS = frozenset(
    "is i to of will was do so as an at by has her his me take up off all one am ok a in on no hi problem".split()
)
# Of these, verbs that hardly another language has, with those of the detector's that do. Others stand in titles too.
ENGLISH_VERBS = {"is": {"nl"}, "was": {"de", "nl"}}
FOREIGN_WORDS = frozenset(  # frequent in other languages of the Latin script, and in names
    "le la les est et une vous votre pour que pas und ist der die das ich sie nicht mit el los por para su es com uma "
    "il di che per het een niet bir ve yang anda ang po sa".split()
)
FOREIGN = {
    "en": re.compile("[\u00c0-\u024f]"),  # accents
    "ar": re.compile("[پچژگکیےٹڈڑںھہۓۀێۆڕڵ]"),  # letters of Persian, Urdu and Kurdish
}
# Letters that only one language of the Arabic script writes; Uyghur shares those of Sorani, and has some of its own.
SORANI, _UYGHUR, _URDU = re.compile("[ەێۆڕڵ]"), re.compile("[ېۈۇڭ]"), re.compile("[ٹڈڑںھہے]")
SORANI_SHARE = 0.06  # of the letters; Persian and Arabic have none
# Kurmanji: frequent words, of which some must have its circumflex; no detector at hand knows it.
_KURMANJI = frozenset(
    "ez min tu te wî wê em me hûn we ew ji bi li di de ku û ev çi çawa kengî ne bo ser xwe gelek spas silav "
    "dixwazim heye tune nehatiye hat kî kîjan jî lê dê ye niha".split()
)
_CIRCUMFLEX = re.compile("[êîû]")
KURMANJI_SHARE = 0.25  # of the words
# Arabizi: figures for letters within words, and words that are written in many ways but hardly mean another thing.
_FIGURES = re.compile(r"(?<![\w-])(?:[a-z]+[2357689][a-z]+\w*|[2357689][a-z]{2,}\w*|[a-z]{2,}[2379](?=\s))(?!\S*\d\d)")
_ORDINAL = re.compile(
    r"\d(?:st|nd|rd|th|am|pm|kg|km|cm|mm|gb|mb|tb|ml|pcs|hrs?|mins?|days?|pm|star|way|xl|inch|people|x|d|g)\w*"
)
_ARABIZI_AND_OTHERS = frozenset("ana el al fel fil fe fi di min men bas dah ya ay abi sho rah ma la fin".split())
_ARABIZI = frozenset(
    "enta enty enti inta inti howa heya e7na ehna ento bel bil mn 3ala mesh msh mish mush mafi mafeesh feen fein "
    "wein wen leh leih leish lesh shu shou esh eish kif keef kifak ezay izay izzay emta imta meta keda kida kda dol "
    "3ayez ayez awez 3awz 3ayz bidi biddi baddi badi abgha abghi brid areed ba3d bass wallah walla inshallah "
    "inshalla insha yalla habibi habibti shukran shokran shukraan salam salamo alaikum 3alaikum marhaba ahlan aiwa "
    "aywa tayeb tamam tmam momken mumkin lw law sama7t samaht fadlak fadlik kteer ktir keteer awy awi 7elw helw "
    "da3m talab talaby talabi tawseel lessa lissa bokra bukra embare7 embareh mbare7 delwa2ty dilwa2ti hala2 halla2 "
    "el2an ma3 ma3aya 3andi 3andy andi andy wsel wesel mawaselsh waselsh ra7 raye7 b2a ba2a ya3ni yani lazem lazim "
    "ayy kol kull shway shwaya momkin ba3t ghali 8ali r2m raqam el7esab floos flous".split()
)
ARABIZI_SHARE = 0.3  # of the words, of which two at least
NAMED_FROM = 0.6  # share of words with capitals or figures from which a text is a list of names
TELLING = 2  # small words of another language, or accents, without which short texts in Latin letters tell none
LONG = 8  # words in small letters from which lingua is right without them
_APOSTROPHE = re.compile("â€.")  # in UTF-8, as Windows-1252 reads it: no letter of another language
_SPOKEN = re.compile(r"(?<![\w-])[^\W\d_]{2,}(?![\w-])|[^\W\d_a-zA-Z]")  # a word, not the letters of a code
_WORD = re.compile(r"[^\W\d_][\w']*")
_ASCII_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_']*")  # the same in a text of ASCII, in two thirds of the time
# With its article, or with an ending that only Arabic writes.
ARABIC_NOUN = r"[وبفلك]?ال[^\W\d_]{2,}|[^\W\d_]{2,}ة"
_NOUN = re.compile(ARABIC_NOUN)
_TELLING_WORDS = SMALL_WORDS["en"] | FOREIGN_WORDS
_SMALL_OR_FOREIGN = _TELLING_WORDS | SHARED_WORDS
_NO_LETTERS = bytes(c for c in range(128) if not chr(c).isalpha())


def language_of(text: str) -> str:
    """ISO 639 code; "arabizi"; "mixed" for Latin with Arabic, "other" for other scripts, "und" for bare names."""
    return language_and_chance(text)[0]


def language_and_chance(text: str) -> tuple[str, float]:
    """What `language_of` says, and the chance that it is not the usual language of the script after all."""
    text = text[:LOOKED_AT]
    latin, arabic = _letters(text)
    letters = latin + arabic
    if len(text) > 2 * letters and not text.isascii() and sum(map(str.isalpha, text)) > 2 * letters:
        return "other", 1.0
    if not letters:
        return "und", 1.0
    if min(latin, arabic) / letters >= MIXED_FROM:
        return "mixed", 1.0
    usual = "ar" if arabic > latin else "en"
    if told := _at_a_glance(usual, text, letters):
        return told, 1.0
    chances = _among(usual)(text)
    likeliest = max(chances, key=lambda language: chances[language], default=usual)
    if likeliest == usual or chances[usual] >= UNLIKELY or _has_english_among_names(text, likeliest):
        return usual, 1.0
    return likeliest, 1 - chances[usual]


def _at_a_glance(usual: str, text: str, letters: int) -> str:
    """The language where no detector need be asked, or none knows it; "" where one must be."""
    if usual == "ar" and (own := _by_letters(text, letters)):
        return own
    if letters < SHORTEST:
        return usual if _SPOKEN.search(text) else "und"
    if _is_plainly(usual, text):
        return usual
    return _by_words(text) or _by_names(text) if usual == "en" else ""


def _by_letters(text: str, letters: int) -> str:
    """Languages of the Arabic script that lingua does not know, or texts too short for it, by letters; "" for none."""
    if not FOREIGN["ar"].search(text) and not SORANI.search(text):
        return ""
    if len(SORANI.findall(text)) >= SORANI_SHARE * letters and (not _URDU.search(text) or "ێ" in text or "ۆ" in text):
        return "ug" if _UYGHUR.search(text) else "ckb"
    return "ur" if letters < SHORTEST and _URDU.search(text) else ""


def _by_words(text: str) -> str:
    """Languages in Latin letters that lingua does not know, by words; "" for none."""
    low = text.lower()
    words = low.replace("،", " ").split()
    if len(words) < 2:
        return ""
    if _CIRCUMFLEX.search(low) and sum(w.strip(".,!?") in _KURMANJI for w in words) >= KURMANJI_SHARE * len(words):
        return "ku"
    plain = [word.strip(".,!?:;") for word in words]
    figures = sum(bool(_FIGURES.fullmatch(word)) and not _ORDINAL.search(word) for word in plain)
    sure = figures + sum(word in _ARABIZI for word in plain)
    arabic = sure + sum(word in _ARABIZI_AND_OTHERS for word in plain)
    english = sum(word in SMALL_WORDS["en"] or word in SHARED_WORDS for word in plain)
    if sure and arabic >= max(TELLING, ARABIZI_SHARE * len(words)) and arabic > english:
        return ARABIZI
    return ""


def _by_names(text: str) -> str:
    """und for a text in Latin letters of names, products and numbers, without a sentence that tells a language."""
    words = text.split()
    plain = [word for word in words if word[:1].islower() and not any(map(str.isdigit, word))]
    if len(plain) >= LONG or FOREIGN["en"].search("".join(plain)):
        return ""
    small = sum(word.strip(".,!?:;").lower() in _TELLING_WORDS for word in words)
    return "und" if small < TELLING and len(plain) <= (1 - NAMED_FROM) * len(words) else ""


def _has_english_among_names(text: str, likeliest: str) -> bool:
    """Whether "Ace Hotel London is a 4 star" was taken for another language by its names: it has no word of it."""
    if FOREIGN["en"].search(text):
        return False
    words = _WORD.findall(text.lower())
    english = any(likeliest not in ENGLISH_VERBS.get(word, {likeliest}) for word in words)
    small = sum(word in SHARED_WORDS for word in words)
    return english and small >= PLAIN_FROM * len(words) and not any(word in FOREIGN_WORDS for word in words)


def _letters(text: str) -> tuple[int, int]:
    if text.isascii():
        return len(text.encode().translate(None, _NO_LETTERS)), 0
    return sum(map(len, LATIN.findall(text))), sum(map(len, ARABIC.findall(text)))


def _is_plainly(usual: str, text: str) -> bool:
    """Whether small words leave no doubt. lingua says the same at a hundred times the cost."""
    if FOREIGN[usual].search(text):
        return False
    words = (_ASCII_WORD if text.isascii() else _WORD).findall(text.lower())
    if usual == "ar":
        telling = sum(map(_tells_arabic, words))
        return telling > 0 and telling >= PLAIN_FROM * len(words)
    told = list(filter(_SMALL_OR_FOREIGN.__contains__, words))
    telling, shared, foreign = (
        sum(map(few.__contains__, told)) for few in (SMALL_WORDS["en"], SHARED_WORDS, FOREIGN_WORDS)
    )
    small = telling + shared
    return (
        (telling > 0 or shared >= MANY_SHARED) and small >= PLAIN_FROM * len(words) and foreign <= FOREIGN_FROM * small
    )


@functools.lru_cache(2**14)  # the same words come again and again
def _tells_arabic(word: str) -> int:
    """How much a word tells: 1 for a small word, 1 for a noun, 2 for what looks like both."""
    return (word in SMALL_WORDS["ar"]) + bool(_NOUN.fullmatch(word))


def _is_hinted(usual: str, text: str) -> bool:
    """Whether small words bear out the usual language where trigrams are not sure of another one."""
    text = _APOSTROPHE.sub("'", text)
    if FOREIGN[usual].search(text):
        return False
    words = _WORD.findall(text.lower())
    if usual == "ar":
        return sum(map(_tells_arabic, words)) >= TELLING
    return FOREIGN_WORDS.isdisjoint(words) and not SMALL_WORDS["en"].isdisjoint(words)


@functools.cache
def _among(usual: str) -> Callable[[str], Mapping[str, float]]:
    """A detector of the chances of the languages of one script, by their codes; of some of them where these suffice.

    Languages that nobody asked for draw texts away from the usual one that are not in it: Arabic in Latin letters too.
    """
    script = DETECTED[usual].split()

    @functools.lru_cache(2**13)  # texts come again, in rows that are spoilt for the audit too
    def detect(text: str) -> Mapping[str, float]:
        guessed = _chances(_detector(frozenset(script), by_trigrams=True), text)
        surely_foreign = max(guessed.values()) >= FOREIGN_SURE_FROM and sum(map(str.isalpha, text)) >= FOREIGN_LETTERS
        if surely_foreign or guessed[usual] >= USUAL_FROM:
            return guessed
        if _is_hinted(usual, text):
            return {usual: 1.0}
        likely = {usual, *(name for name in script if guessed[name] >= LIKELY_FROM)}
        others = OTHERS * (len(script) - len(likely))
        found = _chances(_detector(frozenset(likely)), text)
        return {name: chance * len(likely) / (len(likely) + others) for name, chance in found.items()}

    return detect


def _chances(detector: "LanguageDetector", text: str) -> dict[str, float]:
    found = detector.compute_language_confidence_values(text)
    return {each.language.iso_code_639_1.name.lower(): each.value for each in found}


@functools.cache
def _detector(names: Collection[str], by_trigrams: bool = False) -> "LanguageDetector":
    """Of these languages, whose models are loaded when it is first asked."""
    from lingua import IsoCode639_1, LanguageDetectorBuilder

    codes = [getattr(IsoCode639_1, name.upper()) for name in sorted(names)]
    builder = LanguageDetectorBuilder.from_iso_codes_639_1(*codes)
    return (builder.with_low_accuracy_mode() if by_trigrams else builder).build()
