"""Advertising and fraud that found their way into the team's inbox, or into its replies."""

import functools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence, Set
from typing import Any

import polars as pl

from curation.checks.check import Context, check, lists_of, read, records
from curation.checks.models.folded import FOLDED, turns_folded
from curation.core.record.conversation import turns
from curation.core.text.folding import folded
from curation.core.text.patterns import Patterns

REPORTED_FROM = 2
CUES = 4  # of advertising in one turn, that make it such whatever it is for
SHORTEST_ADVERT = 60  # characters; a shorter turn has no room for so many
SUBJECT_SHARE, SUBJECT_LEAST = 0.005, 3  # conversations whose customers use a word, that make it the business's own
HOUSE_SHARE, HOUSE_LEAST = (
    0.05,
    5,
)  # conversations whose replies are like adverts, that make it the way the house speaks
MOST = (2, 3)  # of the words that tell what is offered
LARGE = 200  # conversations from which it tells something that no customer uses a word
FEW_CUES = 2  # of advertising beside a topic of spam
ABOUT = ("sold", "topics")
LARGEST_SAMPLE = 20_000  # conversations that tell what customers speak of
_SHOUT = r"(!{2,}|[🔥💰💵🤑🎁💯🚀⚡🎉🤩😍📲📢💎👉👇✅⭐💸📈]|\p{Lu}{4,} \p{Lu}{4,})"
# A customer asks or tells of himself; an advert asks whether you want.
_OF_ONESELF = (
    "need|want|would|am|are|have|got|received|lost|forgot|saw|tried|paid|bought|applied|hope|think|bet|wish|guess|don't"
    "|didn't|can't"
)
_MINE = "account|card|order|phone|money|loan|visa|booking|payment|application|family"
_ASKED = "have|offer|sell|provide|accept|ship|do|know|take"
_ARABIC = (
    "اريد|ابغي|ابي|ابغا|بدي|محتاج[ءه]?|احتاج|ابحث|عندكم|لديكم|كيف|ممكن|لو سمحت[ء-ي]*|من فضلك[ء-ي]*"
    "|حسابي|بطاقتي|طلبي|هل (?:عندكم|لديكم|يوجد|يمكن[ء-ي]*|تقدمون|توفرون|توجد|استطيع|اقدر)"
)
# ... also where the advert speaks of itself: of what it has, of what it made, of what you can.
_SELLS = (
    r"(?:^|[^a-z])(?:(?:i'm|i am|this is) (?:an?|the|mr|mrs|miss|ms|dr|barrister|sgt|sergeant|captain|general|prince"
    r"|princess|engr)|(?:i|we)(?: [a-z]+)? (?:lost|turned|made|earned|earn|make|won|withdrew|cashed)"
    r" (?:[a-z]+ ){0,2}[$€£]?\d|i lost my job"
    r"|we (?:are (?:an?|the|one|looking for (?:people|partners|agents|distributors|investors|workers))"
    r"|have (?:[a-z0-9]+ ){1,6}for|offer|provide|sell|supply|deliver|guarantee|specialize|approve|lend|buy|ship"
    r"|manufacture|export|help you)"
    r"|you(?:'ll| can| will| could| too can) (?:also |easily |now |start )?(?:earn|make|win|withdraw|share|profit)"
    r"|how (?:much )?(?:you|to) (?:can )?(?:earn|make|win|double|lose)|ask me how"
    r"|i can (?:get|help|show|teach|double|bring|make)|(?:dm|inbox|pm|whatsapp) (?:me|us|him|her)"
    r"|(?:write|message|contact|text) (?:to )?(?:him|her)|do you (?:want|suffer|need|dream)"
    r"|are you (?:looking|tired|in need|struggling)|million (?:us )?(?:dollars|euros|pounds|usd)"
    r"|all you (?:have|need) to do|(?:earn|win|lose|double|boost|grow|claim) (?:your|up to|easy|big|an extra|extra))"
    r"(?:$|[^a-z])"
    r"|(?:^|[^ء-ي])[وف]?(?:شركتنا|مؤسستنا|موسستنا|مكتبنا|متجرنا|خدماتنا|نحن|احنا|لدينا|عندنا|نوفر|نقدم|نبيع|نضمن"
    r"|نسدد|نستخرج|نمنح|نساعدك[ء-ي]*|راسل(?:ني|نا|وني|ونا)|تواصلوا?(?: معي| معنا)|كلم(?:ني|وني)"
    r"|(?:كسبت|ربحت|حققت|خسرت|نزلت|سحبت) (?:[ء-ي]+ ){0,2}\d"
    r"|انا (?:ارمله|محام[ء-ي]*|مدير[ء-ي]*|المحامي|الامير[ء-ي]*|ابنه|ابن|زوجه|مدربه?|خبيره?|وسيط)"
    r"|(?:مليون|ملايين) (?:دولار|يورو)|كيف (?:ت|س?ت)(?:ربح|كسب|جني|ضاعف|حقق|حصل|خسر|ستثمر|تخلص)[ء-ي]*"
    r"|هل (?:انت|تبحث|تريد|تعاني|ترغب|تحلم|تود|تحتاج|سيمت|مللت)[ء-ي]*|للراغبين|للجادين|لكل من"
    r"|كل (?:اللي|الي|ما) عليك[ء-ي]*|(?:اكسب|اربح|اخسر|انحف|ضاعف|تخلص|استثمر)[ء-ي]*|[هحب]?ت(?:قبض|كسب|ربح)[ء-ي]*"
    r"|يمكنك[ء-ي]* (?:ان )?(?:تربح|تكسب|الربح|كسب|تحقيق|ربح)|علي الخاص)(?:$|[^ء-ي])"
)
_WHOLE = r"(?:'?s|es|ies|ing|ed)?(?:ه|ها|ك|كم|نا|ي|يه|ات|ين|ون|ا)?(?:$|[^a-z0-9ء-ي'])"  # of words: casinos, قروضنا
_ASKS = (
    rf"(?:^|[^a-z])(?:(?:i|we)(?: [a-z]+)? (?:{_OF_ONESELF})|i'd|i'm|i've|we'd|can (?:i|you|we)|could (?:i|you|we)"
    rf"|how (?:do|can|much)|is there|are there|do you (?:{_ASKED})|does|please help|help me|my (?:[a-z]+ )?(?:{_MINE}))"
    rf"(?:$|[^a-z])|(?:^|[^ء-ي])(?:{_ARABIC})(?:$|[^ء-ي])"
)
_ENDS = ".!?؟"  # of a sentence
_WORD = re.compile(r"[a-z]{3,}|[ء-ي]{3,}")
_THE = re.compile(r"^[وفبلك]?(?:ال|لل)(?=[ء-ي]{3})")
_ONE = r"ies$|es$|s$"  # of many
# Words of offers that tell nothing of what is offered: of time, of number, of buying and giving. As stems.
_EMPTY = frozenset(
    "your their free best cheap with from sale rent only just great online home offer price deal check sure town rate "
    "make earn money day week month year hour minute second today tonight tomorrow now soon daily weekly monthly every "
    "each per want need visit follow join without guaranteed available company service buy get give take have has had "
    "got send call text you the and for all any are our this that one two three ten hundred thousand million "
    "first more most new big good easy fast here there what who how "
    "not no yes will can able time call click work job start try "
    "للبيع للايجار بدون دون افضل عرض عروض سعر اسعار باسعار شركه خدمه خدمات مجان مجانا مجاني مجانيه يوم ايام اسبوع شهر "
    "سنه ساعه ساعات دقيقه دقايق الان اليوم غدا يوميا شهريا اسبوعيا اول اولي واحد واحده اثنين الف الاف مليون كل جميع "
    "علي الي عن مع هذا هذه فقط خلال احصل اطلب اشتر اشتري خذ شراء جديد جديده كبير كبيره سريع سريعه من في ريال دولار "
    "درهم جنيه دينار ايه هل انت".split()
)


def adverts(conversations: pl.DataFrame, context: Context) -> pl.DataFrame:
    """conversation_id and `seen`: its turns that speak of what spam speaks of, or as adverts do, by themselves."""
    said = turns_folded(conversations).filter(pl.col("role").is_in(["user", "assistant"]))
    found = {kind: patterns.first_in(pl.col("text")).alias(kind) for kind, patterns in _patterns().items()}
    cues = sorted(found.keys() - {*ABOUT} - {"push"})
    distinct = said.select("content", text=FOLDED).unique("content", maintain_order=True)  # teams say the same often
    told = distinct.with_columns(found["sold"], found["topics"])
    either = pl.coalesce("sold", "topics")
    about = either.is_not_null()
    likely = told.filter(about | (pl.col("text").str.len_chars() >= SHORTEST_ADVERT))
    shout = pl.col("content").str.extract(_SHOUT, 1)
    cued = likely.with_columns(found["push"], *(found[cue] for cue in cues), shout=shout)
    cued = cued.with_columns(like_one=_cues(cues)).filter(about | (pl.col("like_one") >= REPORTED_FROM))
    sells, asking = pl.col("text").str.contains(_SELLS), _sentences(pl.col("text"), either).str.contains(_ASKS)
    each = said.join(cued.with_columns(sells=sells, asking=asking), on="content", maintain_order="left")
    valued = each.with_columns(by_customer=pl.col("role") == "user")
    valued = valued.with_columns(offered=_offered(pl.col("by_customer") & pl.col("asking") & ~pl.col("sells")))
    seen = valued.select(
        "conversation_id",
        seen=pl.struct(
            "turn",
            "by_customer",
            "sells",
            "like_one",
            "offered",
            kind=pl.when(pl.col("sold").is_not_null()).then(pl.lit("sold")).otherwise(pl.lit("topics")),
            about=either,
            words=pl.when(either.is_not_null())
            .then(pl.concat_str(either, "push", "shout", separator=" ... ", ignore_nulls=True))
            .otherwise(pl.concat_str(*cues, "shout", separator=" ... ", ignore_nulls=True)),
        ),
    )
    return seen.group_by("conversation_id", maintain_order=True).agg("seen")


@check(
    "spam",
    version=6,
    languages=("en", "ar"),
    whole_set=True,
    sees_edits=True,
    reads=adverts,
    source="own phrase lists, curation/checks/lists/spam.yaml, against what the set's customers speak of",
)
def spam(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Advertisements, get-rich offers and phishing, in English and Arabic, in a turn of either side.

    What a turn is about (`spam.yaml`) gives 2 where hardly anybody else speaks of it ("double your bitcoin", "جلب
    الحبيب"), 1 for what honest businesses are about as well (gifts, loans, flats); 1 more for what pushes to act (a
    link, "join now", "اضغط هنا"), a hook or haste, 1 more for shouting (!!, 💰), 1 more where no customer of a large
    set speaks of such a thing. Whatever it is about, a turn is spam that does four of the things that adverts do: a
    hook, haste, a price, an address, an order to act, praise, a seller's "we", shouting (`value` = 2, 1 more for each
    more). The worst turn of a conversation, from 2 on.

    What customers themselves speak of is the business's subject and no spam: where the customer of the same
    conversation, or customers in 0.5% of the set's conversations (three at least), say most of its words together:
    of those that tell what is offered, which words of time, number and buying do not; where none does, all as one. A
    customer who asks or tells of himself in that sentence offers nothing, unless he speaks as sellers do. Where
    one conversation in twenty has replies like adverts, it is the way this house speaks.

    Limits: spam about what the business sells passes, unless it shouts; so does spam in plain words.
    """
    seen = read(adverts, conversations, context).drop_nulls("seen").explode("seen", empty_as_null=True).unnest("seen")
    if seen.is_empty():
        return
    stems = {about: _stems(about) or frozenset({about}) for about in seen["about"].drop_nulls().unique()}
    speak = _customers(conversations, context, seen, {stem for of in stems.values() for stem in of})
    least = max(SUBJECT_LEAST, SUBJECT_SHARE * conversations.height)
    spoken = Counter(speak.values())
    common = {of for of in set(stems.values()) if sum(n for said, n in spoken.items() if _speaks_of(of, said)) >= least}
    like_adverts = seen.filter(~pl.col("by_customer") & (pl.col("like_one") >= REPORTED_FROM))[
        "conversation_id"
    ].n_unique()
    of_house = like_adverts >= max(HOUSE_LEAST, HOUSE_SHARE * conversations.height)
    large = conversations.height >= LARGE
    worst: dict[str, tuple[int, int, str]] = {}
    for row in seen.iter_rows(named=True):
        key, value = row["conversation_id"], row["like_one"] if row["by_customer"] or not of_house else 0
        if row["about"] is not None and (of := stems[row["about"]]) not in common:
            asked_for = not row["by_customer"] and _speaks_of(of, speak.get(key, frozenset()))
            silent = large and bool(_stems(row["about"]))
            value = max(value, 0 if asked_for else _offers(row, silent=silent))
        if value >= REPORTED_FROM and (-value, row["turn"]) < worst.get(key, (0, 0, "")):
            worst[key] = (-value, row["turn"], row["words"])
    for key, (value, turn, words) in worst.items():
        said = {"conversation_id": key, "turn": turn, "value": -value, "evidence": words}
        yield {**said, "code": "spam", "threshold": REPORTED_FROM}


def _speaks_of(stems: frozenset[str], said: Set[str]) -> bool:
    """Whether what is said has most of the words that tell what is offered, and so is about it."""
    return MOST[1] * len(stems & said) >= MOST[0] * len(stems)


def _offers(row: Mapping[str, Any], *, silent: bool) -> int:
    """The value of a turn by what it offers, which no customers speak of; `silent`: of a set large enough to tell."""
    offered: int = row["offered"]
    advert = not row["by_customer"] or row["sells"] or row["like_one"] >= 1 - CUES + REPORTED_FROM
    return offered + (silent and offered > 0 and row["kind"] == "topics" and advert)


def _stems(words: str) -> frozenset[str]:
    """The words that tell what is offered, without article and number."""
    return frozenset(stem for word in _WORD.findall(words) if not {word, stem := _stem(word)} & _EMPTY)


@functools.lru_cache(2**14)  # customers use the same words again and again
def _stem(word: str) -> str:
    return re.sub(_ONE, "", _THE.sub("", word)) if len(word) > SUBJECT_LEAST else word


def _customers(
    conversations: pl.DataFrame, context: Context, seen: pl.DataFrame, stems: set[str]
) -> Mapping[str, frozenset[str]]:
    """conversation_id -> the stems among these that its customer uses in a turn that is no advert itself.

    Of all conversations with something to judge, and of others to the number of LARGEST_SAMPLE.
    """
    if not stems:
        return {}
    ids = conversations.select("conversation_id")
    others = ids.join(seen, on="conversation_id", how="anti").sort("conversation_id").head(LARGEST_SAMPLE)
    judged = ids.join(seen, on="conversation_id", how="semi")
    advert = seen.filter("by_customer", pl.max_horizontal("like_one", "offered") >= REPORTED_FROM)
    said: dict[str, set[str]] = {}
    phrases = {stem for stem in stems if not _WORD.fullmatch(stem)}  # of words none of which tells
    for part in records(conversations, pl.concat([judged, others]), context):
        asked = turns(part).filter(role="user").join(advert, on=["conversation_id", "turn"], how="anti")
        asked = asked.select("conversation_id", text=folded(pl.col("content")))
        likely = asked.filter(pl.col("text").str.contains_any(sorted(stems)))
        for key, text in likely.iter_rows():
            told = said.setdefault(key, set())
            told.update(stems.intersection(map(_stem, _WORD.findall(text))))
            told.update(phrase for phrase in phrases if phrase in text)
    return {key: frozenset(found) for key, found in said.items()}


def _sentences(text: pl.Expr, words: pl.Expr) -> pl.Expr:
    """Of the text what stands in one sentence with the words; what a customer asks besides does not count."""
    told = pl.struct(text.alias("text"), words.alias("words"))
    return told.map_elements(lambda row: _sentence(**row) if row["words"] else "", pl.String)


def _sentence(text: str, words: str) -> str:
    start = text.find(words)
    end = start + len(words)
    opened = max(text.rfind(mark, 0, start) for mark in _ENDS)
    closed = min((at for mark in _ENDS if (at := text.find(mark, end)) >= 0), default=len(text))
    return text[opened + 1 : closed]


def _offered(asks: pl.Expr) -> pl.Expr:
    """How much a turn is like spam by what it is about."""
    sold, pushes = pl.col("sold").is_not_null(), pl.col("push").is_not_null() | pl.col("hook").is_not_null()
    about = pl.when(sold).then(2).when(pl.col("topics").is_not_null()).then(1).otherwise(0)
    cued = pl.col("like_one") >= FEW_CUES - CUES + REPORTED_FROM
    more = (pushes | pl.col("hurry").is_not_null() | cued).cast(pl.Int32) + pl.col("shout").is_not_null().cast(pl.Int32)
    return pl.when(about == 0).then(0).when(asks).then(about - 1 + pl.min_horizontal(more, 1)).otherwise(about + more)


def _cues(cues: Sequence[str]) -> pl.Expr:
    """How much a turn is like an advert by what it does."""
    done = pl.sum_horizontal(pl.col(cue).is_not_null().cast(pl.Int32) for cue in [*cues, "shout"])
    return done - CUES + REPORTED_FROM


@functools.cache
def _patterns() -> Mapping[str, Patterns]:
    """Patterns over folded text of what spam is about (sold, topics), what pushes to act, and the cues of adverts."""
    lists = lists_of("spam")
    cues = lists.pop("cues")
    either = {kind: [p for patterns in of.values() for p in patterns] for kind, of in lists.items()} | cues
    ends = dict.fromkeys(ABOUT, _WHOLE)
    return {
        kind: Patterns(r"(?:^|[^a-z0-9ء-ي])[وف]?[بل]?", patterns, ends.get(kind, ""))
        for kind, patterns in either.items()
    }
