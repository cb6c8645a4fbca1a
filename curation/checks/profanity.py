"""Abuse: what customers should not have said and agents must not say."""

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any

import polars as pl

from curation.checks.check import Context, check, lists_of
from curation.checks.models.folded import FOLDED, turns_folded
from curation.core.text.folding import fold
from curation.core.text.language import ARABIZI
from curation.core.text.titles import is_name

MILD, STRONG = 1, 2
_DISGUISED = {"a": "a@4*", "e": "e3*", "i": "i1!|*", "o": "o0*", "s": "s$5*", "t": "t7+*", "u": "uv*", "c": "c*"}
_EDGE = "[^a-z0-9ء-ي]"  # of a word, in folded text
_BETWEEN = "[ ._*-]"  # the letters of a word spelled out: f u c k, f.u.c.k, خ ر ا
_SPELLED_OUT = rf"(?:^|{_EDGE})((?:[a-zء-ي]{_BETWEEN}){{2,}}[a-zء-ي])(?:$|{_EDGE})"
# What Arabic writes as one word with the next one: and, so; the. A preposition only before "the": without it, it would
# be another word.
_CLITIC = "[وف]?(?:[بك]?ال|لل|ب?هال)?"
_ENDINGS = {"en": "[a-z]*", "ar": "(?:ه|ها|ك|كم|كن|كو|كي|هم|هن|نا|ني|ين|ات|وا)?", "arabizi": "[a-z]*"}
_CLAUSE = '.!?,;:…()"«»“”؟،؛'
_FIRST = "just|so|then|oh|and|now|can you|could you|why don't you|you can|well|ok|يلا|طيب|بس"
_OPENS = rf"(?:^|[{_CLAUSE}–-])\s*(?:(?:{_FIRST})\s+)?"
_CLOSES = (
    rf"(?:\s+(?:you|u|now|already|then|man|mate|kid|will you|yourself|انت|بقي))?"
    rf"\s*(?:[{_CLAUSE}–-]|\sand\s|\sor\s|\sback\s|\swith your\s|\s(?:like|مثل|زي|متل)\s?(?:you|ك|كم)|\sو[ء-ي]|$)"
)
# After what somebody is called: the end, another thought, another name. Before a noun of its own it tells of a thing.
_ENDS = (
    rf"\s*(?:[{_CLAUSE}–-]|$|\s(?:and|that|who|to|if|because|but|aren't|at|as well|man|people|person|woman|piece"
    r"|idiots?|customers?|agents?|company|lot|bunch|u r|you are|ur|of an?)(?:\s|[.!?,]|$))"
)
_STARRED = r"([ء-ي]+[*@#$%]+[ء-ي])"  # Arabic letters with signs among them: ك*س, ش#رموط
_COMPOUND = (
    "[a-z]+[- ](?:headed|brained|faced|witted|minded|arsed|assed|hearted|skulled|livered|grubbing|sucking|licking)"
)
SHORTEST_DISGUISED = 4  # letters
# Who says it of himself insults nobody: "I'm such an idiot", not "I'm talking to you, idiot" or "not to me, you fool".
_OF_ONESELF = re.compile(
    r"(?:^|[^a-z])(?:i'm|i am|im|i was|i feel|i felt|myself|me)((?: [a-z']+){0,4} )$"
    r"|(?:^|[^ء-ي])(?:انا|كنت|اني|حسيت) ((?:[ء-ي]+ ){0,2})$"
)
_OF_OTHERS = re.compile(
    r" (?:you|your|you're|youre|u|ur|ya|he|she|they|his|their|this|that|these|those|with|by|from) "
    r"| (?:يا|انت|انتي|انتم|هذا|هذه|منك|منكم) "
)
# What was said to somebody and what is denied is not meant: "he called me an idiot", "not a stupid question".
_TOLD = re.compile(
    r"(?:^|[^a-z])(?:not|never|no|isn't|wasn't|aren't|weren't|(?:call(?:ed|ing|s)?|named) (?:me|him|her|them|us|you"
    r"|my [a-z]+)|(?:the|of|those|these) (?:word|words|name|names|insult))(?: (?:at all|really|an?|the|all|such))* $"
    r"|(?:^|[^ء-ي])(?:ليس|ليست|لست|مش|مو|مب|سماني|وصفني ب|قال لي يا|كلمه) $"
)
_LONGEST_BEFORE = 40  # characters
MOST_LOOKED_AT = 100  # words of a kind in one turn: where so many are harmless, the next one is
_WITH_DIGITS = r"(?<![\w*@.-])[a-z]+(?:[01345@$]+[a-z]+)+(?![\w*@]|[.-]\w)"  # a word, no address
_LOOK_ALIKES = str.maketrans("01345@$", "oieasas")
_LIKE_LETTERS = r"([a-z][01345@$]+[a-z])"  # m0ron, idi0t, cl0wn
LEAST_SIGNS = 3  # of different kinds that stand for a swear word: #@$%! does, **** and #### cover something else
_SIGNS = re.compile(r"[#@$%&*!]+")
_COVERED = re.compile(r"[*@]")  # behind letters under stars: a covered name or address, f***@mail.example


@check(
    "profanity",
    version=6,
    languages=("en", "ar", ARABIZI),
    source="own word lists, curation/checks/lists/profanity.yaml",
)
def profanity(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Swear words, insults and curses in English and Arabic (standard and dialects), and the rudeness of agents.

    Whole words of `profanity.yaml` in folded text, so "Scunthorpe" and "class" are safe; also drawn out ("damnnn"),
    disguised ("f**k", "sh1t", "m0r0n", "#@$%!") or spelled out ("f u c k", "خ ر ا"), and Arabic in Latin letters
    ("kosomak"). Threats, wishes of harm and comparisons ("my dog could do your job") by their frame, in any words.

    Words with a harmless use ("dumb", "كلب") count where somebody is called so, orders ("get lost") where they are all
    that is said. What is written as a name or a title counts for nothing: with a capital in the middle of a sentence,
    in quotation marks, after "the film"; so does what is told or denied ("called me an idiot"). `value` = 1 for mild,
    2 for strong words, the worst of each side. Customers do swear, and the model must answer them: theirs is a matter
    of taste, an agent's never.

    Limits: irony and contempt in polite words are not seen, nor is an insult in quotation marks.
    """
    said = turns_folded(conversations).filter(pl.col("role").is_in(["user", "assistant"]))
    said = said.select("conversation_id", "turn", pl.col("role") == "assistant", "content", text=FOLDED)
    told = said.select("role", "content", "text").unique(["role", "content"], maintain_order=True)  # teams repeat a lot
    # Each by itself: one pattern of them all takes the engine twice as long.
    anyone = [_SPELLED_OUT, _STARRED, _LIKE_LETTERS, *(kind.pattern for kind in _patterns() if not kind.of_agents)]
    agents = [kind.pattern for kind in _patterns() if kind.of_agents]
    found = pl.concat([told.filter(_holds(anyone)), told.filter("role").filter(_holds(agents))])
    worst: dict[tuple[str, bool], tuple[int, int, str]] = {}  # the strongest, the first of these
    likely = said.join(found, on=["role", "content"], how="semi", maintain_order="left")
    for key, turn, by_agent, text in likely.drop("text").iter_rows():
        for value, words in _seen(text, by_agent):
            before = worst.get((key, by_agent))
            if before is None or (-value, turn) < (-before[0], before[1]):
                worst[key, by_agent] = (value, turn, words)
    for (key, by_agent), (value, turn, words) in sorted(worst.items(), key=lambda one: (one[0][0], one[1][1])):
        code = "profanity_agent" if by_agent else "profanity"
        seen = {"conversation_id": key, "code": code, "turn": turn, "value": value}
        yield {**seen, "threshold": MILD, "evidence": words}


def _holds(patterns: Sequence[str]) -> pl.Expr:
    """Whether a folded text has any of them."""
    return pl.any_horizontal(pl.col("text").str.contains(pattern) for pattern in patterns)


@dataclass(frozen=True)
class _Words:
    """One kind of words, as a pattern over folded text whose first group holds them."""

    pattern: str
    value: int
    of_agents: bool  # only an agent may not say them
    may_be_names: bool


def _seen(text: str, by_agent: bool) -> Iterator[tuple[int, str]]:
    """The value and the words of each kind of abuse in the text."""
    plain = _lettered(fold(text))
    for kind, pattern in zip(_patterns(), _compiled(), strict=True):
        if kind.of_agents and not by_agent:
            continue
        if kind.may_be_names and (spelled := pattern.search(_closed_up(plain))):
            yield kind.value, spelled[1]
            continue
        for found in islice(pattern.finditer(plain), MOST_LOOKED_AT):
            words = found[1]
            if _is_harmless(plain, found, whoever=kind.value == STRONG) or (
                kind.may_be_names and is_name(text, plain, *found.span(1))
            ):
                continue
            yield kind.value, words
            break


def _lettered(text: str) -> str:
    """With letters instead of the digits and signs that stand for them within a word: "you m0ron"."""
    return re.sub(_WITH_DIGITS, lambda word: word[0].translate(_LOOK_ALIKES), text)


def _closed_up(text: str) -> str:
    """The words that the text spells out letter by letter, and all of one whose Arabic has signs among its letters."""
    spelled = [re.sub(_BETWEEN, "", spelled[1]) for spelled in re.finditer(_SPELLED_OUT, text)]
    if re.search(_STARRED, text):
        spelled.append(re.sub(r"(?<=[ء-ي])[*@#$%]+(?=[ء-ي])", "", text))
    return " ".join(spelled)


def _is_harmless(text: str, found: re.Match[str], *, whoever: bool) -> bool:
    """Whether it is a part of a longer word (idiot-proof), said of oneself, or signs for what is kept secret.

    Words that are coarse `whoever` they are said of stay so in the first two.
    """
    words, end = found[1], found.end(1)
    if not whoever and text[end : end + 1] == "-" and text[end + 1 : end + 2].isalpha():
        return True
    before = text[max(0, found.start(1) - _LONGEST_BEFORE) : found.start(1)]
    if not whoever and (_said_of_oneself(before) or _TOLD.search(before)):
        return True
    if _SIGNS.fullmatch(words):
        return len(set(words)) < LEAST_SIGNS
    return "*" in words and bool(_COVERED.match(text, found.end(1)))


def _said_of_oneself(before: str) -> bool:
    found = _OF_ONESELF.search(before)
    return found is not None and not _OF_OTHERS.search(f" {found[1] or found[2] or ''} ")


@functools.cache
def _compiled() -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(kind.pattern) for kind in _patterns())


@functools.cache
def _patterns() -> tuple[_Words, ...]:
    """Patterns for folded text, of all languages together: texts mix them."""
    forms: dict[str, list[str]] = {}

    def add(kind: str, found: Sequence[str]) -> None:
        forms.setdefault(kind, []).extend(found)

    for language, words in lists_of("profanity").items():
        ending = _ENDINGS[language]
        for kind in ("strong", "strong_as_written", "mild", "told_strong", "told", "from_agents", "told_by_agents"):
            add(kind, [_as_written(each, ending) for each in words.get(kind, ())])
        hidden = [each for each in words["strong"] if len(each) >= SHORTEST_DISGUISED and _is_one_word(each)]
        add("strong", [_disguised(each, ending) for each in hidden])
        add("strong", [*words.get("masked", ()), *words.get("patterns", ())])
        add("mild", words.get("mild_patterns", ()))
        add("told_strong", words.get("told_patterns", ()))
        add("from_agents", words.get("agents_patterns", ()))
        if "called" in words:
            add("called", [_called(**words["called"], ending=ending)])
        if ends := words.get("called_ends"):
            add("called_ends", [_called(**{**words["called"], "names": ends}, ending=ending)])
            of_you = {**words["called"], **words["called_you"]}
            add("called_ends", [_called(**of_you, ending=ending)])
            add("told", [_called(**{**of_you, "by": words["vocative"]}, ending=ending)])
            add(
                "scorned",
                [
                    _scorned(words["called"]["scorn"], [*words["called"]["names"], *ends], ending),
                    _scorned(words["stress"], words["called"]["names"], ending),
                ],
            )
    return (
        _Words(_whole([*forms["strong"], *forms["strong_as_written"]]), STRONG, of_agents=False, may_be_names=True),
        _Words(_alone(forms["told_strong"]), STRONG, of_agents=False, may_be_names=False),
        _Words(_whole(forms["mild"]), MILD, of_agents=False, may_be_names=True),
        _Words(_alone(forms["told"]), MILD, of_agents=False, may_be_names=False),
        _Words(_whole(forms["called"]), MILD, of_agents=False, may_be_names=False),
        _Words(_whole(forms["called_ends"], _ENDS), MILD, of_agents=False, may_be_names=False),
        _Words(_whole(forms["from_agents"]), MILD, of_agents=True, may_be_names=True),
        _Words(_alone([*forms["told_by_agents"], *forms["scorned"]]), MILD, of_agents=True, may_be_names=True),
    )


def _whole(forms: Sequence[str], end: str = f"(?:$|{_EDGE})") -> str:
    """Whole words, whatever Arabic writes as one with them."""
    return rf"(?:^|{_EDGE}){_CLITIC}({_either(forms)}){end}"


def _alone(forms: Sequence[str]) -> str:
    """An order by itself, not a part of a sentence."""
    return rf"{_OPENS}({_either(forms)}){_CLOSES}"


def _either(forms: Sequence[str]) -> str:
    return "|".join(sorted(forms, key=len, reverse=True))


def _as_written(phrase: str, ending: str) -> str:
    """Each letter may be drawn out; a doubled one stays doubled, so that "as" is no insult."""
    stem = fold(phrase.rstrip("*"))
    runs = [(letter, len(list(run))) for letter, run in groupby(stem)]
    drawn = "".join(r"\s+" if c == " " else f"{re.escape(c)}{{{n},}}" if n > 1 else f"{re.escape(c)}+" for c, n in runs)
    return drawn + (ending if phrase.endswith("*") else "")


def _is_one_word(phrase: str) -> bool:
    """Whether all its letters are those of one word; in English a phrase is disguised as one too."""
    return phrase.isascii() or " " not in phrase


def _disguised(phrase: str, ending: str) -> str:
    """With look-alikes and stars after the first letter."""
    stem = phrase.rstrip("*").replace(" ", "")
    classes = [f"[{re.escape(_DISGUISED.get(c, c + '*'))}]" for c in stem[1:]]
    return re.escape(stem[0]) + "".join(classes) + (ending if phrase.endswith("*") else "")


def _called(
    by: Sequence[str], between: Sequence[str], names: Sequence[str], ending: str, scorn: Sequence[str] = ()
) -> str:
    """Somebody is called a name: "you are such an idiot", "يا حمير يا كلاب"."""
    either = [_either([_as_written(word, ending) for word in words]) for words in (by, [*between, *scorn], names)]
    return rf"(?:{either[0]})\s+(?:(?:{either[1]}|{_COMPOUND})\s+){{0,3}}(?:ال)?(?:{either[2]})"


def _scorned(scorn: Sequence[str], names: Sequence[str], ending: str) -> str:
    """A name that scorn or stress before it makes said to somebody: "Ugly old hag.", "Absolute muppets."."""
    either = [_either([_as_written(word, ending) for word in words]) for words in (scorn, names)]
    return rf"(?:(?:{either[0]}|{_COMPOUND})\s+(?:(?:old|little|fat)\s+)?){{1,2}}(?:{either[1]})"
