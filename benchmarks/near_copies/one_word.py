"""One word: conversations that differ in one word that tells something stay, those with a slip of the fingers do not.

    python -m benchmarks.near_copies.one_word --english star.jsonl.gz ... --arabic train.csv ... [--pairs 1000]

Of real dialogues, every other one in lower case, some get a twin with one noun, adjective or verb exchanged for another
of its kind, others a copy with one slip. Of a kind are the words of KINDS, and words that the dialogues themselves have
between the same neighbours ("my _ card"): neither knows anything of the guard. All rows of a language stand in one set,
which goes through dedup with the params that ship. Arabic questions come without dialogues: those of one intent are put
together into conversations.

Merged: the twin and its origin are in one cluster. To people: both stay, and dedup says that it cannot tell.
"""

import argparse
import csv
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import pairwise
from pathlib import Path

import yaml

from benchmarks.near_copies.planted import Edit, Messages, Pair, Planted, as_text, dialogues, edited
from benchmarks.results import ROOT
from curation.core.record.conversation import conversations
from curation.core.text.folding import fold
from curation.dedup.__main__ import Dedup, deduplicated
from qirat.sample.typing_habits import swapped

PAIRS = 1_000
QUESTIONS = 6  # of one intent, that make up an Arabic conversation
SEEN = 8  # times a word must stand in the dialogues to be exchanged
SLOTS = 5  # pairs of neighbours that two words of a kind share at least
LIKEST = 5  # words by the share of their neighbours that they have in common
MOST = 150  # words between two neighbours; more are of every kind
SPELT_ALIKE = 0.8  # difflib's ratio from which two words may be one with a slip
TURNING = 0.5  # of the exchanges that are drawn from KINDS, where a text has such a word
_WORD = re.compile(r"[^\W\d_]+")
_PLAIN = re.compile(r"\b[a-z]{4,}\b|[\u0621-\u064a]{4,}")

# As people write them; a word is exchanged for another of its line.
KINDS = """
london paris berlin madrid lisbon rome vienna dubai cairo amman boston denver seattle chicago oakland tokyo sydney
kettle toaster laptop phone tablet printer camera monitor keyboard headset blender vacuum heater freezer oven
shirt jacket dress coat sweater trousers scarf boots sandals skirt
black white red blue green yellow brown grey pink purple orange silver
small medium tiny huge narrow wide short tall
cancel change confirm book pay return refund repair replace renew upgrade extend transfer block
chair table desk lamp sofa mattress carpet mirror shelf
coffee tea latte mocha espresso cappuccino juice water milk
doctor dentist lawyer plumber electrician driver manager
movie song flight hotel restaurant bus train apartment concert museum
italian mexican indian chinese thai japanese french greek
visa mastercard paypal
house garden kitchen bathroom bedroom garage
القاهرة عمان الرياض جدة دبي بيروت تونس مراكش الدوحة الكويت لندن باريس برلين مدريد
بطاقة محفظة قسيمة فاتورة حوالة شيك وديعة
البطاقة المحفظة القسيمة الفاتورة الحوالة الوديعة
هاتف حاسوب طابعة كاميرا غسالة ثلاجة مكنسة فرن
أسود أبيض أحمر أزرق أخضر أصفر بني رمادي
صغير متوسط ضخم ضيق واسع قصير طويل
إلغاء تغيير تأكيد حجز دفع إرجاع استرداد إصلاح استبدال تجديد ترقية تمديد تحويل سحب إيداع تفعيل شحن
قميص معطف فستان حذاء بنطال وشاح تنورة
فندق مطعم متحف مطار متجر صيدلية بنك
"""
# Beside scikit-learn's English stop words: contractions without their apostrophe, interjections, courtesies.
NO_CONTENT = frozenset(
    "don doesn didn isn aren wasn weren won wouldn couldn can't that's thats its it's i'm i've i'll i'd let let's "
    "what's yes yeah yep nope okay alright sure thanks thank thx please pls plz hello hey sorry oops wow hmm hmmm "
    "ohh haha sir madam dear nothanks thankyou welcome bye goodbye really actually just maybe did does doing got "
    "want wanted need like whats ill ive من الى على علي في عن مع هذا هذه هاي هاد ذلك التي الذي اللي يلي ان انه "
    "انها انني اني كان كانت كنت يكون تكون قد لقد سوف هل كيف متي اين ماذا لماذا ما مين شو ليش وين ايش هو هي هم انا "
    "نحن انت لي لك لكم له لها لنا به بها فيه فيها منه منها معي عليه عليها عندي عندكم لدي لديك لديكم يمكن يمكنني "
    "يمكنك يمكنكم ممكن بقدر اقدر استطيع تستطيع اريد اود ارغب بدي حاب نريد لو سمحت فضلك يرجي الرجاء رجاء شكرا "
    "مرحبا اهلا السلام عليكم لان لانه لانو لكن ولكن او ثم اذا ازا حتي بعد قبل كل بعض اي غير بدون دون ليس لا لم لن "
    "مش مو ليست ايضا كمان برضو فقط بس جدا كتير كثيرا شوي شويه هنا هناك هون عم راح رح لسه هلا الان الي عنده بين "
    "حين عند كما مثل لما بهذا بهذه لهذا لهذه وانا وهل وكيف اللذي ياريت صار".split()
)
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "ضصثقفغعهخحجد", "شسيبلاتنمكط")
_VARIANTS = {"أ": "ا", "إ": "ا", "آ": "ا", "ة": "ه", "ى": "ي", "ي": "ى", "ه": "ة"}


@dataclass(frozen=True)
class Outcome:
    """What became of pairs."""

    merged: int
    people: int
    stay: int

    @property
    def kept(self) -> float:
        """The share of the pairs that are still two."""
        return (self.people + self.stay) / max(1, self.merged + self.people + self.stay)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--english", type=Path, nargs="+", default=[], help="dialogues as JSON lines")
    parser.add_argument("--arabic", type=Path, nargs="+", default=[], help="label,text as CSV")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="twins, and as many slips")
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--show", action="store_true", help="print what was merged or not, wrongly")
    arguments = parser.parse_args()
    print(f"{'':<16}{'pairs':>8}{'stay':>8}{'people':>8}{'merged':>8}")
    for language, rows in (
        ("english", dialogues(arguments.english, None, arguments.seed)),
        ("arabic", questions(arguments.arabic, arguments.seed)),
    ):
        data = one_word(rows, arguments.pairs, arguments.seed)
        for what, pairs, found in outcomes(data):
            figures = len(pairs), found.stay, found.people, found.merged
            print(f"{language} {what:<8}" + "".join(f"{figure:>8,}" for figure in figures), flush=True)


def questions(files: Sequence[Path], seed: int) -> list[Messages]:
    """Conversations of QUESTIONS questions of one intent each, in a seeded order."""
    by_intent: dict[str, set[str]] = defaultdict(set)
    for file in files:
        with file.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                by_intent[row["label"]].add(row["text"].strip())
    made: list[Messages] = []
    for intent, texts in sorted(by_intent.items()):
        ordered = sorted(texts)
        random.Random(f"{seed} {intent}").shuffle(ordered)
        for some in zip(*(ordered[at::QUESTIONS] for at in range(QUESTIONS)), strict=False):
            made.append([{"role": "user", "content": text} for text in some])
    random.Random(seed).shuffle(made)
    return made


def one_word(rows: Sequence[Messages], pairs: int, seed: int) -> Planted:
    """The rows, every other one in lower case, with `pairs` slips (copies) and `pairs` exchanged words (twins)."""
    cased = [
        [{**m, "content": m["content"].lower()} for m in row] if at % 2 else list(row) for at, row in enumerate(rows)
    ]
    twinning = (exchanging(map(as_text, cased)),)
    return edited(cased, (SLIPS, pairs), (twinning, pairs), params().threshold, seed)


def outcomes(data: Planted) -> list[tuple[str, set[Pair], Outcome]]:
    """What dedup makes of the slips and of the exchanged words."""
    table = conversations([{"row_id": str(n), "messages": messages} for n, messages in enumerate(data.rows)])
    pairs, _, clusters = deduplicated(table, params())
    cluster = {int(row): group for row, group in clusters.select("row_id", "cluster_id").iter_rows()}
    ids = {int(row): key for row, key in clusters.select("row_id", "conversation_id").iter_rows()}
    unclear = {frozenset(pair) for pair in pairs.filter(relation="unclear").select("left", "right").iter_rows()}

    def outcome(some: Iterable[Pair]) -> Outcome:
        became = Counter(
            "merged" if cluster[a] == cluster[b] else "people" if frozenset((ids[a], ids[b])) in unclear else "stay"
            for a, b in some
        )
        return Outcome(became["merged"], became["people"], became["stay"])

    return [("slips", data.copies, outcome(data.copies)), ("twins", data.twins, outcome(data.twins))]


def params() -> Dedup:
    """Dedup's params as they ship."""
    return Dedup.model_validate(yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["dedup"])


# -- another word of its kind -----------------------------------------------------------------------------------------


def exchanging(texts: Iterable[str]) -> Edit:
    """The edit that puts another word of its kind in the place of one that tells something."""
    listed = {word: line.split() for line in KINDS.strip().splitlines() for word in line.split()}
    slots = of_one_slot(texts)

    def exchanged(text: str, rng: random.Random) -> str:
        found = list(_WORD.finditer(text))
        places = [match for match in found if match.group() in listed], [m for m in found if m.group() in slots]
        kinds: dict[str, list[str]]
        chosen, kinds = (places[0], listed) if places[0] and rng.random() < TURNING else (places[1], slots)
        if not chosen:
            return text
        place = rng.choice(chosen)
        other = rng.choice([word for word in kinds[place.group()] if word != place.group()])
        return text[: place.start()] + other + text[place.end() :]

    return exchanged


def of_one_slot(texts: Iterable[str]) -> dict[str, list[str]]:
    """To each word the words that stand between the same neighbours; common words, names and forms of it aside."""
    counts: Counter[str] = Counter()
    between: dict[tuple[str, str], set[str]] = defaultdict(set)
    for text in texts:
        words = _WORD.findall(text)
        counts.update(words)
        for (before, word), (_, after) in pairwise(pairwise(words)):
            between[before, after].add(word)
    shared: dict[str, Counter[str]] = defaultdict(Counter)
    slots: Counter[str] = Counter()
    for fillers in between.values():
        telling = [word for word in fillers if counts[word] >= SEEN and tells(word)]
        slots.update(telling)
        for word in telling if len(telling) <= MOST else ():
            shared[word].update(telling)
    kinds = {}
    for word, others in shared.items():
        likeness = {
            other: times / (slots[word] + slots[other] - times)
            for other, times in others.items()
            if times >= SLOTS and not one_root(word, other)
        }
        kinds[word] = sorted(sorted(likeness), key=likeness.__getitem__, reverse=True)[:LIKEST]
    return {word: others for word, others in kinds.items() if others}


def tells(word: str) -> bool:
    """Whether the word is a noun, an adjective or a verb, as far as a list of the others tells; names aside."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return len(word) > 2 and word == word.lower() and fold(word) not in ENGLISH_STOP_WORDS | NO_CONTENT


def one_root(word: str, other: str) -> bool:
    """Whether the words may be forms, or slips, of one: they begin alike, or one holds the other."""
    bare, others = (re.sub("^[وب]?(?:ال|لل)?", "", fold(w)) for w in (word, other))
    alike = SequenceMatcher(None, bare, others, autojunk=False).ratio() >= SPELT_ALIKE
    first = 4 if word.isascii() else 3  # letters; Arabic writes my and your behind
    return alike or bare[:first] == others[:first] or bare in others or others in bare


# -- slips of the fingers ---------------------------------------------------------------------------------------------


def _at_one_word(change: Callable[[str, random.Random], str]) -> Edit:
    def edit(text: str, rng: random.Random) -> str:
        plain = list(_PLAIN.finditer(text))
        if not plain:
            return text
        place = rng.choice(plain)
        return text[: place.start()] + change(place.group(), rng) + text[place.end() :]

    return edit


def _swapped(word: str, rng: random.Random) -> str:
    return swapped(word, rng.randrange(1, len(word) - 1))


def _lost(word: str, rng: random.Random) -> str:
    at = rng.randrange(1, len(word))
    return word[:at] + word[at + 1 :]


def _doubled(word: str, rng: random.Random) -> str:
    at = rng.randrange(len(word))
    return word[:at] + word[at] + word[at:]


def _beside(word: str, rng: random.Random) -> str:
    """A key beside the right one."""
    at = rng.randrange(1, len(word))
    row = next((keys for keys in _KEYS if word[at] in keys), "")
    where = row.find(word[at])
    beside = row[max(0, where - 1) : where] + row[where + 1 : where + 2]
    return word[:at] + rng.choice(beside or word[at]) + word[at + 1 :]


def _variant(word: str, rng: random.Random) -> str:
    """Arabic letters that are written for one another; English capitals."""
    at = [
        place for place, letter in enumerate(word) if letter in _VARIANTS and (place + 1 == len(word) or letter < "ة")
    ]
    if not at:
        return word.capitalize() if word.isascii() else word
    place = rng.choice(at)
    return word[:place] + _VARIANTS[word[place]] + word[place + 1 :]


def run_together(text: str, rng: random.Random) -> str:
    """Two words without the space between them."""
    spaces = [m.start() for m in re.finditer(r"(?<=[a-z\u0621-\u064a]{3}) (?=[a-z\u0621-\u064a]{3})", text)]
    at = rng.choice(spaces) if spaces else len(text)
    return text[:at] + text[at + 1 :]


SLIPS: tuple[Edit, ...] = (*map(_at_one_word, (_swapped, _lost, _doubled, _beside, _variant)), run_together)


if __name__ == "__main__":
    main()
