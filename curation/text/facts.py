"""Facts that a reply states, where they stand as written, and whether what came before holds them.

A fact goes stale or is a system's to know: prices, percentages, days, times of day, links, codes, numbers, contacts and
stock. `value` is one for all its spellings: $31, 31.00 USD and thirty-one dollars are the same price.
"""

import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curation.text.folding import fold
from curation.text.lexicon import (
    ARABIC_MONTHS,
    CURRENCY_CODES,
    CURRENCY_NAMES,
    CURRENCY_SIGNS,
    ENGLISH_MONTHS,
    HIJRI_MONTHS,
    LEVANTINE_MONTHS,
    NUMBERS,
    THOUSANDS,
)

# In the order in which a kind wins a place that two of them claim: the number of a link is no number.
KINDS = ("link", "contact", "date", "price", "percentage", "time", "code", "number", "stock")
LOCAL_NUMBER = 7  # last digits by which a telephone number is known, with its country's code or without


@dataclass(frozen=True)
class Fact:
    """text[start:end], in code points of the text as written. `value` is the same for every way to write it."""

    kind: str  # one of KINDS
    start: int
    end: int
    value: str


def facts(text: str) -> list[Fact]:
    """The facts of a text, in order and without overlaps."""
    taken: list[Fact] = []
    spelled, claims = _read(text)
    for kind, start, end in claims:
        first, behind = spelled.written(start, end)
        if all(behind <= fact.start or fact.end <= first for fact in taken):
            taken.append(Fact(kind, first, behind, _value(kind, spelled.text[start:end])))
    return sorted(taken, key=lambda fact: fact.start)


def ungrounded(
    messages: Sequence[Mapping[str, Any]], replies: Sequence[int], field: str = "content"
) -> Iterator[tuple[int, Fact]]:
    """Turn and fact, each that stands in this field of these turns, ascending, and in nothing before that turn.

    What was said, looked up or called before counts; what was thought does not, for no later prompt holds it.
    """
    known, read = Known(), 0
    for turn in replies:
        stated = facts(messages[turn].get(field) or "")
        if stated:
            known.add(*(m[place] or "" for m in messages[read:turn] for place in ("content", "tool_calls")))
            read = turn
        yield from ((turn, fact) for fact in stated if not known.holds(fact))


class Known:
    """What has been said so far, and whether it holds a fact in whatever spelling."""

    def __init__(self, *texts: str) -> None:
        self._unread: list[str] = []
        self._text = ""
        self._said = set[str]()  # values of facts, and numbers
        self._days = set[tuple[int, int]]()
        self.add(*texts)

    def add(self, *texts: str) -> None:
        self._unread += texts

    def holds(self, fact: Fact) -> bool:
        """Two numbers that agree by chance ground one another, and a day does whichever way 03/04 is read."""
        self._read()
        value = fact.value
        if fact.kind == "date":
            day, month = (int(part) for part in value.split("-")[:-3:-1])
            return bool({(day, month), (month, day)} & self._days)
        if fact.kind == "time":
            return not self._said.isdisjoint(value.split("|"))
        if fact.kind in ("price", "percentage"):
            return all(amount in self._said for amount in _amounts(fact.kind, value))
        if fact.kind == "contact" and "@" not in value and len(value) >= LOCAL_NUMBER:
            return value[-LOCAL_NUMBER:] in re.sub(r"(?<=\d)[ ().-]+(?=\d)", "", self._text)
        return value in self._said or (fact.kind not in ("link", "stock") and self._stands(value))

    def _read(self) -> None:
        for text in self._unread:
            spelled, claims = _read(text)
            self._text += f" {spelled.text}"
            if not re.search(r"\d", spelled.text) and not claims:
                continue
            self._said |= {_scaled(*number) for number in _NUMBERS.findall(spelled.text)}
            self._said |= {t for hour in _AT_HOUR.findall(spelled.text) for t in _either_half(int(hour)).split("|")}
            for kind, start, end in claims:
                said = spelled.text[start:end]
                self._days |= _days(said) if kind == "date" else set()
                value = _value(kind, said)
                self._said |= {*(value.split("|") if kind == "time" else (value,)), *_amounts(kind, value)}
        self._unread = []

    def _stands(self, words: str) -> bool:
        """Whether the words stand by themselves: 482 does not stand in 48213, nor 5 in 15."""
        start = self._text.find(words)
        while start >= 0:
            if _BEGINS.match(self._text, start) and _ENDS.match(self._text, start + len(words)):
                return True
            start = self._text.find(words, start + 1)
        return False


# -- words and signs ---------------------------------------------------------------------------------------------------

_LETTER = r"[^\W\d_]"
_OTHER_CODES = ("eur", "gbp", "qar", "omr", "bhd", "mad", "tnd", "ils", "lbp", "syp", "iqd", "dzd", "inr", "chf", "jpy")
_CURRENCY = (
    rf"(?:{'|'.join((*CURRENCY_CODES, *_OTHER_CODES))}|sr|nis|jd|kd|qr|le|dhs?|rs\.?|l\.e\.?"
    rf"|[{CURRENCY_SIGNS}¥\u20a0-\u20cf﷼]"
    r"|ر\.[سقع]\.?|د\.[اكبمتج]\.?|ج\.م\.?|ل\.[سل]\.?"
    r"|dollars?|euros?|riyals?|dirhams?|dinars?|pounds?|cents?|bucks|shekels?|rupees?|liras?|rials?|ryals?|halalas?|fils|piast(?:er|re)s?"
    rf"|(?:{'|'.join((*CURRENCY_NAMES, 'دولار', 'شيكل', 'شيقل'))}){_LETTER}*"
    r"|دراهم|دنانير|شواكل|ليره|ليرات|روبيه|يورو|قرش|قروش|هلله|هللات|فلس)"
)
_MONEY = {  # how a currency may begin, folded -> its code; dinars of several countries keep their name
    **{code: code.upper() for code in (*CURRENCY_CODES, *_OTHER_CODES)},
    **dict.fromkeys(("$", "dollar", "bucks", "دولار"), "USD"),
    **dict.fromkeys(("€", "euro", "يورو"), "EUR"),
    **dict.fromkeys(("£", "pound"), "GBP"),
    **dict.fromkeys(("sr", "riyal", "rial", "ryal", "ريال", "ر.س", "﷼"), "SAR"),
    **dict.fromkeys(("dirham", "درهم", "دراهم", "dh"), "AED"),
    **dict.fromkeys(("ج.م", "جنيه", "l.e", "le"), "EGP"),
    **dict.fromkeys(("jd",), "JOD"),
    **dict.fromkeys(("qr",), "QAR"),
    **dict.fromkeys(("shekel", "شيكل", "شيقل", "شواكل", "nis", "₪"), "ILS"),
    **dict.fromkeys(("rs", "rupee", "روبيه", "₹"), "rupee"),
    **dict.fromkeys(("lira", "ليره", "ليرات"), "lira"),
    **dict.fromkeys(("dinar", "دينار", "دنانير"), "dinar"),
    **dict.fromkeys(("د.ك", "kd"), "KWD"),
}
_AMOUNT = r"\d+(?:[.,]\d+)*"
_SCALES = {
    **dict.fromkeys(("k", "thousand", "thousands", "الف", "الاف"), 1e3),
    **dict.fromkeys(("m", "mn", "million", "millions", "مليون", "ملايين"), 1e6),
    **dict.fromkeys(("bn", "billion", "billions", "مليار"), 1e9),
}
_SCALE = rf"(?:(?:[km]|mn|bn)|\s?(?:thousands?|millions?|billions?|الف|الاف|مليون|ملايين|مليار))(?!{_LETTER})"
_SCALED = re.compile(rf"({_AMOUNT})({_SCALE})?")
_NUMBERS = re.compile(rf"(?<![\w.,:])({_AMOUNT})({_SCALE})?(?![\w:]|[.,]\d)")
_ONE = rf"{_AMOUNT}(?:{_SCALE})?"
_AMOUNTS = rf"(?:{_ONE}(?:\s?[-–—]\s?| (?:to|الي|حتي) )|(?:(?<=between )|(?<=بين )){_ONE} (?:and |و ?))?{_ONE}"
_NUMBER_OF = {
    fold(word): float(n) for n, words in NUMBERS.items() if n[-1].isdigit() and n[0] != "x" for word in words.split()
}
_ENGLISH_NUMBERS = "|".join(NUMBERS[str(n)].split()[0] for n in (*range(21), *range(30, 101, 10), 1000, 1000000))
_COUNTED = (
    rf"(?:(?:{_ENGLISH_NUMBERS})[ -](?:and )?){{1,5}}"
    r"|(?:[وبلف]?(?:خمس|عشر|ثلاث|تلات|اربع|ست|سبع|ثمان|تمان|تسع|ماي|مي|الف|مليون|ملايين)[^\W\d_]* ){1,4}"
)
_MONTH_OF = {
    fold(name): number
    for first, names in (
        (1, ENGLISH_MONTHS),
        (1, [month[:3] for month in ENGLISH_MONTHS]),
        (1, ARABIC_MONTHS),
        (1, LEVANTINE_MONTHS),
        (13, HIJRI_MONTHS),
    )
    for number, name in enumerate(names, first)
} | {"sept": 9}
_MONTH = "|".join(sorted(_MONTH_OF, key=len, reverse=True))
_ORDINALS = (  # days of a month in words, from 1 to 10, and from 11 to 20 where there is a word
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth".split()
)
_ARABIC_ORDINALS = "اول ثاني ثالث رابع خامس سادس سابع ثامن تاسع عاشر حادي".split()
_TENS = {"twenty": 20, "thirty": 30, "thirtieth": 30, "عشر": 10, "عشرين": 20, "عشرون": 20, "ثلاثين": 30, "ثلاثون": 30}
_ORDINAL = (
    rf"(?:(?:(?:twenty|thirty)[ -])?(?:{'|'.join(_ORDINALS)})|thirtieth"
    rf"|ال(?:(?:{'|'.join(_ARABIC_ORDINALS)})(?: عشر| وال(?:عشر|ثلاث)[يو]ن)?|(?:عشر|ثلاث)[يو]ن))"
)
_SAID_DAY = (
    rf"\b(?=[ft\u0627sen]){_ORDINAL} (?:of |من (?:شهر )?)?(?:{_MONTH})\b"
    rf"|\b(?!may )(?:{_MONTH}) (?:the )?{_ORDINAL}\b"
)
_YEAR = r"(?:(?:,? (?:of )?|-)(?:19|20)\d\d(?!\d))?"
_DAY = r"(?=\d)(?<![\d.,])(?:[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?"
_NAMED_DAY = rf"{_DAY}(?: of)?[ -](?:{_MONTH})\b|\b(?!may \d+\b)(?:{_MONTH})\.? {_DAY}(?![\d:])"
_NUMERIC_DAY = (
    r"(?=\d)(?<!\d)(?<!\d\.)(?:\d{1,2}[/.-]\d{1,2}[/.-](?:\d{4}|\d{2})(?!\d)|\d{4}[/-]\d{1,2}[/-]\d{1,2}(?!\d))"
)
_SHORT_DAY = (  # without its year, where a word before it says that it is a day
    r"(?=\d)(?:(?<=\bon )|(?<=\bby )|(?<=until )|(?<=till )|(?<=before )|(?<=after )|(?<=since )"
    r"|(?<=يوم )|(?<=تاريخ )|(?<=قبل )|(?<=حتي ))(?!24/7|1/[24](?!\d))"
    r"(?:(?:[12]\d|3[01]|0?[1-9])/(?:1[0-2]|0?[1-9])|(?:1[0-2]|0?[1-9])/(?:[12]\d|3[01]))(?![\d/.]*\d)"
    r"(?! (?:stars?|rating|majority|of|ساع|كيلو|نجوم))"
)
_UNNAMED_DAY = f"(?:{_NUMERIC_DAY})|{_SHORT_DAY}"
_HOURS = "|".join(NUMBERS[str(n)].split()[0] for n in range(1, 13))
_ARABIC_HOURS = (  # as ordinals and, in dialects, as numbers
    *("واحده|وحده", "ثانيه(?! عشر)|[اثت]?[ثتن][نن]تين|اثنين|اتنين", "ثالثه|[ثت]لا[ثت]ه", "رابعه|اربعه", "خامسه|خمسه"),
    *("سادسه|سته", "سابعه|سبعه", "ثامنه|[ثت]ما?نيه", "تاسعه|تسعه", "عاشره|عشره"),
    *("حاديه عشره?|احدعش|احداعش|حداشر?", "ثانيه عشره?|اثنعش|اطنعش|ا[تط]ناشر?"),
)
_CLOCK = r"(?<![\d:.,/])(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?![\d:])"
_OF_THE_DAY = r"(?:صباحا|مساء|ظهرا|عصرا|ليلا|فجرا|الصبح|الظهر|العصر|المغرب|المسا|بالليل|الفجر)"
_DAYTIME = rf"(?:[ap]\.?m\b\.?|o'clock|in the (?:morning|afternoon|evening)|at night|{_OF_THE_DAY}(?!{_LETTER}))"
_AT_HOUR = re.compile(  # an hour without its half of the day
    r"(?:\b(?:at|by|around|about|before|after|until|till|from|to)|الساعه|ساعه|علي|عند) "
    rf"(\d{{1,2}})(?![\d:.,%/-]|\s?{_DAYTIME}|\s?[صم](?!\w))"
)
_HOUR = r"(?:1[0-2]|0?[1-9])(?!\d)"
_SPOKEN_HOUR = rf"(?:(?:{_HOURS})\b|{_HOUR})"
_DUAL = r"(?:ريال|درهم|دينار|جنيه|دولار)ين"  # two of them
_APART = r"(?:(?<![\w:.,/$])|(?<=\b[وبل]))"  # of a word, or behind a letter that Arabic writes on to it
_UNTIL_HOUR = rf"(?=\s?(?:[-–—]|to|and|الي|حتي|ل|و)\s?(?:{_CLOCK}|{_HOUR})\s?(?:{_DAYTIME}|[صم](?!\w)))"  # 9 to 5 pm
_NUMBERED = (
    r"ال(?:طلب|حجز|فاتور|غرف|منتج|تذكر|رحل|شحن|طرد|صنف|عقد|حساب|بطاق|شق|طاول|موديل|رقم)[^\W\d_]* \d"  # order 48213
)
_PRICED = (  # words behind which an amount is money though no currency is told
    r"(?:costs?|priced at|(?:price|fare|fee|rent|total|balance|amount)(?:\"?:| (?:is|of|will be|comes to))|for only"
    rf"|(?:ال)?(?:سعر|تكلف[هت]|مجموع|اجمالي|رسوم|مبلغ|رصيد)(?:ه|ها|ك|كم)?(?: (?!{_NUMBERED})ال[^\W\d_]{{3,}})?"
    r"|[يت]كلف|بسعر)"
)
_NO_MATTER = r"(?:is|are|about|around|only|just|currently|now|هو|هي|فقط|حوالي|تقريبا|حاليا|الان|يبلغ|تبلغ|بقيمه)"
_SPAN = r"(?:دقي|دقا|ساع|يوم|ايام|اسبوع|اسابيع|شهر|شهور|اشهر|سن|مر[هات])"
_NO_MONEY = (  # units behind a number that is no amount of money
    r"(?:(?:business |working )?(?:minutes?|hours?|days?|weeks?|months?|years?|times|points?|items?|people|units?"
    rf"|pieces?)\b|{_SPAN}|نقط|نقاط|قطع|اشخاص|اضعاف)"
)
_THINGS = r"(?:units?|pieces?|items?|rooms?|seats?|tickets?|sets?|pairs?|copies|spots?|tables?)"
_FEW = r"(?:\d{1,3}|a few|a couple|one|two|three|four|five|six|seven|eight|nine|ten)"
_ARABIC_THINGS = r"(?:قطع|حب|نسخ|وحد|غرف|مقعد|مقاعد|تذكر|تذاكر|جهاز|اجهز|كرت|علب)"
_STOCKED = r"(?:المخزون|المخزن|المستودع|الستوك)"
_MEASURE = (  # behind a number without a space: 256gb, 100th, the 1990s
    r"(?:s|p|x|[kmgt]b|m?l|[km]?g|[kcm]m|[kmg]?hz|mah|k?wh?|px|fps|[mg]bps|th|st|nd|rd|h|hrs?|mins?"
    r"|minutes?|hours?|days?|weeks?|months?|years?)"
)
_FACTS = {
    "link": (
        r"(?:https?://|www\.)[^\s<>\"'«»“”)\]،؛]+"
        r"|(?<![\w@.-])[a-z0-9-]+(?:\.[a-z0-9-]+)*\."
        r"(?:(?:com|net|org|edu|gov|info|io|ai|dev|app|shop|store|online|example|sa|ae|eg|jo|kw|qa|bh|om|lb|ma|tn|dz|iq"
        r"|uk|eu)"
        r"(?![\w@-]|\.\w)(?:/[^\s<>\"'«»“”)\]،؛]*)?|[a-z]{2,}(?=/\w)/[^\s<>\"'«»“”)\]،؛]*)"
    ),
    "contact": (
        r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
        r"|(?<![\w.,/+-])(?:\+|00)\d(?:[ ().-]{0,2}\d){7,13}(?![\w/-]|[.,]\d)"
        r"|(?<![\w.,/+-])(?:1[ -])?(?:\(\d{2,4}\) ?|\d{2,4}[ -])\d{3,4}[ -]?\d{3,4}(?:[ -]\d{2,4})?(?![\w/-]|[.,]\d)"
        r"|(?<![\w.,/+-])\d{3}-\d{4}(?![\w/-]|[.,]\d|\s?" + _CURRENCY + r")"
        r"|(?<![\w.,/+-])(?:0\d{8,10}|9200\d{5}|800\d{7})(?![\w/-]|[.,]\d)"
        r"|\b(?:call|dial|text|hotline|اتصلو?[اي]?|هاتف|الرقم|رقمنا|رقم خدمه العملاء|الخط الساخن)"
        r"(?: (?:us|them|on|at|is|number|علي|بنا|الرقم|رقم|هو))*:? (\d{3,6})(?![\w/%-]|[.,]\d| (?:times|people|words))"
    ),
    "date": f"{_UNNAMED_DAY}|(?:{_NAMED_DAY}|{_SAID_DAY}){_YEAR}",
    "price": (
        rf"(?:(?<![a-z])|(?=[^a-z]))(?!mad\b){_CURRENCY}\s?{_AMOUNTS}"
        rf"|(?:(?:{_ONE} (?:or|او) )?{_AMOUNTS}\s?|\b(?:{_COUNTED})){_CURRENCY}(?!{_LETTER}| of\b)"
        rf"|\b[وبل]?{_DUAL}\b"
        rf"|\bو?{_PRICED}(?: {_NO_MATTER})*[:=]? ((?:{_CURRENCY}\s?)?{_AMOUNTS}(?:\s?{_CURRENCY}(?!{_LETTER}))?)"
        rf"(?![\w:/%-]|[.,]\d|\s?[%٪]| {_NO_MONEY})"
    ),
    "percentage": (
        rf"(?:{_AMOUNTS}\s?|\b(?:{_COUNTED}))(?:[%٪]|percentage points?\b|per ?cent\b|(?:ب|في )(?:المايه|الميه))"
        rf"|(?<![\w%٪])[%٪]{_AMOUNTS}(?!\w)"
    ),
    "time": (
        rf"{_CLOCK}(?:\s?{_DAYTIME}|\s?[صم](?!\w))?"
        rf"|{_APART}{_SPOKEN_HOUR}\s?{_DAYTIME}"
        rf"|{_APART}{_HOUR}(?:\s?[صم](?!\w|\.\w)|{_UNTIL_HOUR})"
        rf"|\b(?:(?:half past|quarter (?:past|to)) {_SPOKEN_HOUR}|(?:{_HOURS})[ -](?:thirty|fifteen)\b)"
        rf"(?:\s{_DAYTIME})?"
        rf"|الساعه (?:{_CLOCK}|\d{{1,2}}(?!\d)|(?:ال)?(?:{'|'.join(_ARABIC_HOURS)})(?!{_LETTER}))"
        rf"(?: و?(?:ال)?(?:نصف|نص|ربع|ثلث)\b| الا (?:ال)?ربع)?(?:\s?(?:{_OF_THE_DAY}|[صم])(?!\w))?"
        r"|\b(?:noon|midday|midnight)\b|منتصف الليل"
    ),
    "code": (
        r"(?<![\w-])(?=[a-z-]*\d)(?=\d*[a-z])(?!(?:mid|early|late|pre|post|covid|ipv|utf|iso)-?\d+[a-z-]*\b)"
        rf"(?!\d+{_MEASURE}(?:-[a-z]+)?\b)"
        r"(?!(?:[ap]m-?)?\d+-?(?:[ap]m)?(?:-\d+(?:[ap]m)?)?\b)[a-z0-9-]{5,}\b"
    ),
    "number": (
        r"(?<![a-z\d.,/:-])(?!(?:19|20)\d\d(?!\d)|1[34]\d\d ?ه(?!\w))\d{4,}(?![a-z]|[\d.,/:-]*\d)"
        r"|(?:\b(?:number|id|room|gate|seat|رقم[هك]?|غرفه|بوابه)(?: (?:is|هو|هي))?:? #?|#)(\d{2,3})(?![\w%/-]|[.,:]\d)"
    ),
    "stock": (
        rf"\b(?:(?:only|just|last) {_FEW}|\d{{1,3}}) (?:(?:more )?{_THINGS} )?(?:left|remaining)(?: in stock)?\b"
        r"(?! (?:side|hand|foot|feet|turn|leg|arm|eye|ear|shoe))"
        rf"|\b{_FEW} (?:{_THINGS} )?in stock\b|\b(?:(?:\w+n't|not|no longer) (?:\w+ ){{0,2}})?(?:back )?in stock\b"
        r"|\bout of stock\b|\bsold out\b"
        rf"|(?:\b|(?<=\bو))(?:ال)?(?:باقي|بقي|بقت|تبقي|متبقي) (?:(?:عندنا|لدينا|فقط|الا) )?"
        rf"(?:\d{{1,3}}(?!\d| {_SPAN}|\s?[%٪])(?: {_ARABIC_THINGS}{_LETTER}*)?"
        rf"|(?:(?:ثلاث|تلات|اربع|خمس|ست|سبع|ثمان|تمان|تسع|عشر|كم|بضع|عده){_LETTER}* )?{_ARABIC_THINGS}{_LETTER}*)"
        rf"|\b(?:نفد|نفذ|خلص)(?:ت|وا)? (?:الكمي(?:ه|ات)|المخزون|من {_STOCKED})"
        r"|\bنفدت?\b(?! (?!من|عندنا|لدينا|للاسف|حاليا|تماما|بالكامل|الان)\w)"
        rf"|\b(?:غير |مو |مش )?(?:متوفر|موجود|متاح)(?:ه|ين)? (?:(?:الان|حاليا) )?(?:في |ب){_STOCKED}"
        r"|\bاخر (?:قطعه|حبه|قطعتين|حبتين)\b"
    ),
}
_PATTERNS = {kind: re.compile(_FACTS[kind]) for kind in KINDS}
_NEEDED = {  # what a text must hold for a fact of the kind; patterns that begin with any word are slow
    "percentage": ("%", "٪", "cent", "المايه", "الميه"),
    "stock": tuple("stock left remaining sold باقي بقي بقت نفد نفذ خلص متوفر موجود متاح اخر".split()),
    "date": (*_MONTH_OF, "/", "-", "."),
}
_NUMERIC = re.compile(_UNNAMED_DAY)
_THOUSANDS = re.compile(rf"{THOUSANDS}(?<=\d.)")  # the sign first: the engine then looks for nothing else
_NO_CENTS = re.compile(r"\.(?<=\d\.)0+(?![\d.])")
_BEGINS, _ENDS = re.compile(r"(?<![\w.,])"), re.compile(r"(?!\w|[.,]\d)")
# What a folded text must hold for any fact to be possible, for Python and for Polars' engine.
MAY_STATE_ONE = (
    rf"\d|://|www\.|@|\.[a-z]|\b(?:(?:{_COUNTED})(?:{_CURRENCY}|per ?cent|[بف])|half past|quarter|noon|midday|midnight"
    rf"|(?:{_HOURS})[ -]?(?:[ap]\.?m|o'clock|in the [mae]|at night|thirty|fifteen|{_OF_THE_DAY})"
    rf"|{_ORDINAL} (?:of |من (?:شهر )?)?(?:{_MONTH})|(?:{_MONTH}) (?:the )?{_ORDINAL}"
    rf"|(?:back )?in stock|out of stock|sold out|left|remaining|[وبل]?{_DUAL})"
    r"|الساعه|منتصف|باقي|بقي|بقت|نفد|نفذ|خلص|متوفر|موجود|متاح|اخر"
)
_MAY_STATE_ONE = re.compile(MAY_STATE_ONE)


class _Spelled:
    """A text folded, its thousands unparted and its cents of nothing gone, with the way back to what was written."""

    def __init__(self, written: str) -> None:
        self._places: list[tuple[int, int]] | None = None  # of each character: where it stands as written
        folded = fold(written)
        if written.isascii() and len(folded) == len(written):
            self.text = folded
        else:
            self.text, self._places = _letters(written)
        self.text = self.text.replace("٫", ".")
        for needless in (_THOUSANDS, _NO_CENTS):
            self._leave_out(needless)

    def written(self, start: int, end: int) -> tuple[int, int]:
        """Places in the text as written; what is left out within or right behind belongs to what stands before it."""
        if self._places is None:
            return start, end
        return self._places[start][0], self._places[end - 1][1]

    def _leave_out(self, needless: re.Pattern[str]) -> None:
        for match in reversed(list(needless.finditer(self.text))):
            first, behind = match.span()
            places = self._places or [(place, place + 1) for place in range(len(self.text))]
            places[first - 1] = (places[first - 1][0], places[behind - 1][1])
            self._places = [*places[:first], *places[behind:]]
            self.text = self.text[:first] + self.text[behind:]


@functools.lru_cache(1024)  # a turn is asked for its facts, and then for what it tells those behind it
def _read(written: str) -> tuple[_Spelled, tuple[tuple[str, int, int], ...]]:
    """The text as patterns read it, and what of it looks like a fact: `_claimed`."""
    spelled = _Spelled(written)
    return spelled, tuple(_claimed(spelled.text)) if _MAY_STATE_ONE.search(spelled.text) else ()


def _letters(written: str) -> tuple[str, list[tuple[int, int]]]:
    """The folded text letter by letter; marks and what shows nothing belong to the letter before them."""
    text, places = list[str](), list[tuple[int, int]]()
    for match in _LETTERS.finditer(written):
        shown = _UNSHOWN.sub("", match.group())
        folded = " " if match.group().isspace() else "".join(fold(shown).split())
        if folded == " " and (not text or text[-1] == " "):
            continue
        if not folded and places:  # a mark that is left out
            last = places[-1]
            places[-1] = (last[0], match.end()) if text[-1] != " " else last
        text += folded
        places += [match.span()] * len(folded)
    return "".join(text), places


def _claimed(text: str) -> Iterator[tuple[str, int, int]]:
    """Kind and place of whatever looks like a fact, in the order of KINDS; places may overlap."""
    names_month = any(month in text for month in _MONTH_OF)  # looking for names letter by letter takes the most time
    for kind, full in _PATTERNS.items():
        if not any(part in text for part in _NEEDED.get(kind, ("",))):
            continue
        pattern = _NUMERIC if kind == "date" and not names_month else full
        for match in pattern.finditer(text):
            place = match.lastindex or 0  # a group is what is stated behind words that say what it is
            said = match.group(place).rstrip(".,;:!؟?) ")
            said += "." * bool(re.search(r"\.m$", said))  # 5 p.m.
            if said:
                yield kind, match.start(place), match.start(place) + len(said)


# -- one value for all spellings ---------------------------------------------------------------------------------------


def _value(kind: str, said: str) -> str:
    return _VALUES[kind](said)


def _link(said: str) -> str:
    return re.sub(r"^(?:https?://)?(?:www\.)?", "", said).rstrip("/")


def _contact(said: str) -> str:
    return said if "@" in said else re.sub(r"\D", "", said).lstrip("0")


def _date(said: str) -> str:
    """As in ISO 8601, without the year where none is told; 03/04/2025 is read day first, as most of the world does."""
    year = re.search(r"(?<!\d)(?:19|20)\d\d(?!\d)", said)
    if re.fullmatch(r"\d+/\d+", said):
        day, month = (int(part) for part in said.split("/"))
        return f"--{day:02}-{month:02}" if month > 12 else f"--{month:02}-{day:02}"
    if re.match(_NUMERIC_DAY, said):
        parts = [int(part) for part in re.split(r"[/.-]", said)]
        last, month, day = parts if parts[0] > 31 else parts[::-1]
        day, month = (month, day) if month > 12 else (day, month)
        return f"{last + 2000 * (last < 100)}-{month:02}-{day:02}"
    day, month = min(_days(said))
    return f"{year.group() if year else '-'}-{month:02}-{day:02}"


def _price(said: str) -> str:
    money = re.search(_CURRENCY, said)
    name = next((code for sign, code in _MONEY.items() if money and money.group().startswith(sign)), "")
    amounts = ["2"] if re.fullmatch(f"[وبل]?{_DUAL}", said) else [_scaled(*n) for n in _SCALED.findall(said)]
    return f"{'-'.join(amounts or [_counted(said[: money.start()] if money else said)])} {name}".strip()


def _counted(words: str) -> str:
    """The number that words say, else the words."""
    total, part = 0.0, 0.0
    for word in re.split(r"[ -]+", words.strip()):
        number = _NUMBER_OF.get(word, _NUMBER_OF.get(re.sub("^[وبلف]", "", word)))
        if word == "and":
            continue
        if number is None:
            return words.strip()
        scaled = number in (100, 1000, 1_000_000) and part
        part = part * number if scaled else part + number
        if number >= 1000:
            total, part = total + part, 0.0
    return f"{total + part:.12g}"


def _percentage(said: str) -> str:
    counted = _counted(re.split(r"per ?cent|(?:ب|في )الم", said)[0])
    return f"{'-'.join(_scaled(*n) for n in _SCALED.findall(said)) or counted}%"


def _time(said: str) -> str:
    """HH:MM of 24 hours; both where the half of the day is not told: 05:30|17:30."""
    if not re.search(r"\d|after", said):
        if re.search("noon|midday", said):
            return "12:00"
        if re.search("midnight|منتصف", said):
            return "00:00"
    hour, minute = _clock(said)
    night = bool(re.search("night|ليل", said))
    late = re.search(r"p\.?m|afternoon|evening|مسا|ظهر|عصر|مغرب|\d ?م\b", said) or (night and hour % 12 >= 5)
    early = re.search(r"a\.?m|morning|صبا|صبح|فجر|\d ?ص", said) or night
    if late or early:
        return f"{hour % 12 + 12 * bool(late):02}:{minute:02}"
    if hour > 12 or hour == 0:
        return f"{hour:02}:{minute:02}"
    return _either_half(hour, minute)


def _either_half(hour: int, minute: int = 0) -> str:
    return f"{hour % 12:02}:{minute:02}|{hour % 12 + 12:02}:{minute:02}"


def _clock(said: str) -> tuple[int, int]:
    digits = [int(part) for part in re.findall(r"\d+", said)]
    names = [n for n, name in enumerate(_HOURS.split("|"), 1) if re.search(rf"\b{name}\b", said)]
    names += [n for n, name in enumerate(_ARABIC_HOURS, 1) if re.search(rf"\b(?:ال)?(?:{name})\b", said)][-1:]
    hour, minute = ((digits + names + [0])[0], digits[1] if len(digits) > 1 else 0)
    if re.search("quarter to|الا ربع", said):
        return (hour - 1) % 12 or 12, 45
    if re.search("half past|thirty|نصف|نص", said):
        return hour, 30
    if "ثلث" in said:
        return hour, 20
    return hour, 15 if re.search("quarter past|fifteen|ربع", said) else minute


def _stock(said: str) -> str:
    if re.search(r"out of|sold|not|n't|no longer|نفد|نفذ|خلص|غير|مو |مش ", said):
        return "none"
    count = re.search(r"\d+", said)
    if count:
        return count.group()
    counted = [f"{n:g}" for word, n in _NUMBER_OF.items() if re.search(rf"\b{word}\b", said)]
    return counted[0] if counted else ("2" if re.search(r"تين\b", said) else "some")


_VALUES: dict[str, Callable[[str], str]] = {
    "link": _link,
    "contact": _contact,
    "date": _date,
    "price": _price,
    "percentage": _percentage,
    "time": _time,
    "code": lambda said: said.replace("-", ""),
    "number": str,
    "stock": _stock,
}


def _amounts(kind: str, value: str) -> list[str]:
    """The numbers of a price or percentage; of one in words that are no number known here, the words."""
    if kind not in ("price", "percentage"):
        return []
    return re.findall(r"\d+(?:\.\d+)*", value) or [value]


def _plain_amount(number: str) -> str:
    """31.50 and 31,5 are one."""
    number = number.replace(",", ".")
    return number.rstrip("0").rstrip(".") if number.count(".") == 1 else number


def _scaled(number: str, scale: str = "") -> str:
    """1.5 million and 1500000 are one."""
    plain = _plain_amount(number)
    if not scale or plain.count(".") > 1:
        return plain
    return f"{float(plain) * _SCALES[scale.strip()]:.12g}"


def _days(text: str) -> set[tuple[int, int]]:
    """(day, month) of each date; both readings of 03/04/2025."""
    found = set()
    for match in re.finditer(_NUMERIC_DAY, text):
        first, second, *_ = parts = [int(part) for part in re.split(r"[/.-]", match.group())]
        found |= {(parts[2], second)} if first > 31 else {(first, second), (second, first)}
    for match in re.finditer(_SHORT_DAY, text):
        first, second = (int(part) for part in match.group().split("/"))
        found |= {(first, second), (second, first)}
    for match in re.finditer(f"{_NAMED_DAY}|{_SAID_DAY}", text):
        said = match.group()
        month, digits = re.search(rf"\b(?:{_MONTH})\b", said), re.search(r"\d+", said)
        if month:
            found.add((int(digits.group()) if digits else _ordinal(said), _MONTH_OF[month.group()]))
    return found


def _ordinal(said: str) -> int:
    """The day that words say: twelfth, الثاني عشر."""
    words = [re.sub("^و?ال", "", word) for word in re.split("[ -]", said)]
    tens = sum(_TENS[word] for word in words if word in _TENS)
    return tens + sum(n for names in (_ORDINALS, _ARABIC_ORDINALS) for n, name in enumerate(names, 1) if name in words)


# They hide numbers from patterns.
_UNSHOWN = re.compile("[\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_LETTERS = re.compile(rf"\s+|\S(?:[\u0300-\u036f\u064b-\u065f\u0670\u0640]|{_UNSHOWN.pattern})*")
