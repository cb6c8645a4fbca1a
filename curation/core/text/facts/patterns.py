"""What facts look like in folded text, by kind, English and Arabic."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from curation.core.text.facts.codes import MAY_BE_CODED, MAY_HOLD_ONE, codes
from curation.core.text.folding import fold
from curation.core.text.lexicon import (
    ARABIC_MONTHS,
    CURRENCY_CODES,
    CURRENCY_NAMES,
    CURRENCY_SIGNS,
    ENGLISH_MONTHS,
    HIJRI_MONTHS,
    LEVANTINE_MONTHS,
    NUMBERS,
)
from curation.core.text.windows import Place, in_windows

# In the order in which a kind wins a place that two of them claim: the number of a link is no number.
KINDS = ("link", "contact", "date", "price", "percentage", "time", "code", "number", "stock")
_LETTER = r"[^\W\d_]"
_OTHER_CODES = ("eur", "gbp", "qar", "omr", "bhd", "mad", "tnd", "ils", "lbp", "syp", "iqd", "dzd", "inr", "chf", "jpy")
CURRENCY = (
    rf"(?:{'|'.join((*CURRENCY_CODES, *_OTHER_CODES))}|sr|nis|jd|kd|qr|le|dhs?|rs\.?|l\.e\.?"
    rf"|[{CURRENCY_SIGNS}¥\u20a0-\u20cf﷼]"
    r"|ر\.[سقع]\.?|د\.[اكبمتج]\.?|ج\.م\.?|ل\.[سل]\.?"
    r"|dollars?|euros?|riyals?|dirhams?|dinars?|pounds?|cents?|bucks|shekels?|rupees?|liras?|rials?|ryals?|halalas?|fils|piast(?:er|re)s?"
    rf"|(?:{'|'.join((*CURRENCY_NAMES, 'دولار', 'شيكل', 'شيقل'))}){_LETTER}*"
    r"|دراهم|دنانير|شواكل|ليره|ليرات|روبيه|يورو|قرش|قروش|هلله|هللات|فلس)"
)
MONEY = {  # how a currency may begin, folded -> its code; dinars of several countries keep their name
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
# No number begins in the middle of one, and none is shorter than it stands there: said so that no reader tries.
_AMOUNT = r"(?<!\d)(?<!\d[.,])\d++(?:[.,]\d++)*+"
SCALES = {
    **dict.fromkeys(("k", "thousand", "thousands", "الف", "الاف"), 1e3),
    **dict.fromkeys(("m", "mn", "million", "millions", "مليون", "ملايين"), 1e6),
    **dict.fromkeys(("bn", "billion", "billions", "مليار"), 1e9),
}
_SCALE = rf"(?:(?:[km]|mn|bn)|\s?(?:thousands?|millions?|billions?|الف|الاف|مليون|ملايين|مليار))(?!{_LETTER})"
SCALED = re.compile(rf"({_AMOUNT})({_SCALE})?")
LONE_NUMBERS = re.compile(rf"(?<![\w.,:])({_AMOUNT})({_SCALE})?(?![\w:]|[.,]\d)")
_ONE = rf"{_AMOUNT}(?:{_SCALE})?"
_AMOUNTS = rf"(?:{_ONE}(?:\s?[-–—]\s?| (?:to|الي|حتي) )|(?:(?<=between )|(?<=بين )){_ONE} (?:and |و ?))?{_ONE}"
NUMBER_OF = {
    fold(word): float(n) for n, words in NUMBERS.items() if n[-1].isdigit() and n[0] != "x" for word in words.split()
}
_ENGLISH_NUMBERS = "|".join(NUMBERS[str(n)].split()[0] for n in (*range(21), *range(30, 101, 10), 1000, 1000000))
_COUNTED = (
    rf"(?:(?:{_ENGLISH_NUMBERS})[ -](?:and )?){{1,5}}"
    r"|(?:[وبلف]?(?:خمس|عشر|ثلاث|تلات|اربع|ست|سبع|ثمان|تمان|تسع|ماي|مي|الف|مليون|ملايين)[^\W\d_]* ){1,4}"
)
MONTH_OF = {
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
MONTH = "|".join(sorted(MONTH_OF, key=len, reverse=True))
ORDINALS = (  # days of a month in words, from 1 to 10, and from 11 to 20 where there is a word
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth".split()
)
ARABIC_ORDINALS = "اول ثاني ثالث رابع خامس سادس سابع ثامن تاسع عاشر حادي".split()
TENS = {"twenty": 20, "thirty": 30, "thirtieth": 30, "عشر": 10, "عشرين": 20, "عشرون": 20, "ثلاثين": 30, "ثلاثون": 30}
_ORDINAL = (
    rf"(?:(?:(?:twenty|thirty)[ -])?(?:{'|'.join(ORDINALS)})|thirtieth"
    rf"|ال(?:(?:{'|'.join(ARABIC_ORDINALS)})(?: عشر| وال(?:عشر|ثلاث)[يو]ن)?|(?:عشر|ثلاث)[يو]ن))"
)
SAID_DAY = (
    rf"\b(?=[ft\u0627sen]){_ORDINAL} (?:of |من (?:شهر )?)?(?:{MONTH})\b"
    rf"|\b(?!may )(?:{MONTH}) (?:the )?{_ORDINAL}\b"
)
_YEAR = r"(?:(?:,? (?:of )?|-)(?:19|20)\d\d(?!\d))?"
_DAY = r"(?=\d)(?<![\d.,])(?:[12]\d|3[01]|0?[1-9])(?:st|nd|rd|th)?"
NAMED_DAY = rf"{_DAY}(?: of)?[ -](?:{MONTH})\b|\b(?!may \d+(?!\d|st|nd|rd|th))(?:{MONTH})\.? {_DAY}(?![\d:])"
NUMERIC_DAY = (
    r"(?=\d)(?<!\d)(?<!\d\.)(?:\d{1,2}[/.-]\d{1,2}[/.-](?:\d{4}|\d{2})(?!\d)|\d{4}[/-]\d{1,2}[/-]\d{1,2}(?!\d))"
)
SHORT_DAY = (  # without its year, where a word before it says that it is a day
    r"(?=\d)(?:(?<=\bon )|(?<=\bby )|(?<=until )|(?<=till )|(?<=before )|(?<=after )|(?<=since )"
    r"|(?<=يوم )|(?<=تاريخ )|(?<=قبل )|(?<=حتي ))(?!24/7|1/[24](?!\d))"
    r"(?:(?:[12]\d|3[01]|0?[1-9])/(?:1[0-2]|0?[1-9])|(?:1[0-2]|0?[1-9])/(?:[12]\d|3[01]))(?![\d/.]*\d)"
    r"(?! (?:stars?|rating|majority|of|ساع|كيلو|نجوم))"
)
UNSAID_DAY = re.compile(r"(?<![\d./])\d{1,2}/\d{1,2}(?![\d/])")  # it may be one, whatever stands before it
_UNNAMED_DAY = f"(?:{NUMERIC_DAY})|{SHORT_DAY}"
HOURS = "|".join(NUMBERS[str(n)].split()[0] for n in range(1, 13))
ARABIC_HOURS = (  # as ordinals and, in dialects, as numbers
    *("واحده|وحده", "ثانيه(?! عشر)|[اثت]?[ثتن][نن]تين|اثنين|اتنين", "ثالثه|[ثت]لا[ثت]ه", "رابعه|اربعه", "خامسه|خمسه"),
    *("سادسه|سته", "سابعه|سبعه", "ثامنه|[ثت]ما?نيه", "تاسعه|تسعه", "عاشره|عشره"),
    *("حاديه عشره?|احدعش|احداعش|حداشر?", "ثانيه عشره?|اثنعش|اطنعش|ا[تط]ناشر?"),
)
_CLOCK = r"(?<![\d:.,/])(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?(?![\d:])"
_OF_THE_DAY = r"(?:صباحا|مساء|ظهرا|عصرا|ليلا|فجرا|الصبح|الظهر|العصر|المغرب|المسا|بالليل|الفجر)"
_DAYTIME = rf"(?:[ap]\.?m\b\.?|o'clock|in the (?:morning|afternoon|evening)|at night|{_OF_THE_DAY}(?!{_LETTER}))"
AT_HOUR = re.compile(  # an hour without its half of the day
    r"(?:\b(?:at|by|around|about|before|after|until|till|from|to)|الساعه|ساعه|علي|عند) "
    rf"(\d{{1,2}})(?![\d:.,%/-]|\s?{_DAYTIME}|\s?[صم](?!\w))"
)
_HOUR = r"(?:1[0-2]|0?[1-9])(?!\d)"
_SPOKEN_HOUR = rf"(?:(?:{HOURS})\b|{_HOUR})"
DUAL = r"(?:ريال|درهم|دينار|جنيه|دولار)ين"  # two of them
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
_STORES = "المخزون المخزن المستودع الستوك".split()
_STOCKED = f"(?:{'|'.join(_STORES)})"
_MEASURE = (  # behind a number without a space: 256gb, 100th, the 1990s
    r"(?:s|p|x|[kmgt]b|m?l|[km]?g|[kcm]m|[kmg]?hz|mah|k?wh?|px|fps|[mg]bps|th|st|nd|rd|h|hrs?|mins?"
    r"|minutes?|hours?|days?|weeks?|months?|years?)"
)
_EMAIL = r"(?<![\w.+-])[\w.+-]++@[\w-]++(?:\.[\w-]++)++"
_MONEY_IN_WORDS = rf"\b(?:{_COUNTED}){CURRENCY}(?!{_LETTER}| of\b)|\b[وبل]?{DUAL}\b"
_FACTS = {
    "link": (
        r"(?:https?://|www\.)[^\s<>\"'«»“”)\]،؛]+"
        r"|(?<![\w@.-])[a-z0-9-]+(?:\.[a-z0-9-]+)*\."
        r"(?:(?:com|net|org|edu|gov|info|io|ai|dev|app|shop|store|online|example|sa|ae|eg|jo|kw|qa|bh|om|lb|ma|tn|dz|iq"
        r"|uk|eu)"
        r"(?![\w@-]|\.\w)(?:/[^\s<>\"'«»“”)\]،؛]*)?|[a-z]{2,}(?=/\w)/[^\s<>\"'«»“”)\]،؛]*)"
    ),
    "contact": (
        rf"{_EMAIL}"
        r"|(?<![\w.,/+-])(?:\+|00)\d(?:[ ().-]{0,2}\d){7,13}(?![\w/-]|[.,]\d)"
        r"|(?<![\w.,/+-])(?:1[ -])?(?:\(\d{2,4}\) ?|\d{2,4}[ -])\d{3,4}[ -]?\d{3,4}(?:[ -]\d{2,4})?(?![\w/-]|[.,]\d)"
        r"|(?<![\w.,/+-])\d{3}-\d{4}(?![\w/-]|[.,]\d|\s?" + CURRENCY + r")"
        r"|(?<![\w.,/+-])(?:0\d{8,10}|9200\d{5}|800\d{7})(?![\w/-]|[.,]\d)"
        r"|\b(?:call|dial|text|hotline|اتصلو?[اي]?|هاتف|الرقم|رقمنا|رقم خدمه العملاء|الخط الساخن)"
        r"(?: (?:us|them|on|at|is|number|علي|بنا|الرقم|رقم|هو))*:? (\d{3,6})(?![\w/%-]|[.,]\d| (?:times|people|words))"
    ),
    "date": f"{_UNNAMED_DAY}|(?:{NAMED_DAY}|{SAID_DAY}){_YEAR}",
    "price": (
        rf"(?:(?<![a-z])|(?=[^a-z]))(?!mad\b){CURRENCY}\s?{_AMOUNTS}"
        rf"|(?:{_ONE} (?:or|او) )?{_AMOUNTS}\s?{CURRENCY}(?!{_LETTER}| of\b)|{_MONEY_IN_WORDS}"
        rf"|\bو?{_PRICED}(?: {_NO_MATTER})*[:=]? ((?:{CURRENCY}\s?)?{_AMOUNTS}(?:\s?{CURRENCY}(?!{_LETTER}))?)"
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
        rf"|\b(?:(?:half past|quarter (?:past|to)) {_SPOKEN_HOUR}|(?:{HOURS})[ -](?:thirty|fifteen)\b)"
        rf"(?:\s{_DAYTIME})?"
        rf"|الساعه (?:{_CLOCK}|\d{{1,2}}(?!\d)|(?:ال)?(?:{'|'.join(ARABIC_HOURS)})(?!{_LETTER}))"
        rf"(?: و?(?:ال)?(?:نصف|نص|ربع|ثلث)\b| الا (?:ال)?ربع)?(?:\s?(?:{_OF_THE_DAY}|[صم])(?!\w))?"
        r"|\b(?:noon|midday|midnight)\b|منتصف الليل"
    ),
    "code": (
        r"(?<![\w-])(?=[a-z-]*\d)(?=\d*[a-z])(?!(?:mid|early|late|pre|post|covid|ipv|utf|iso)-?\d+[a-z-]*\b)"
        rf"(?!\d+{_MEASURE}(?:-[a-z]+)?\b)"
        r"(?!(?:[ap]m-?)?\d+-?(?:[ap]m)?(?:-\d+(?:[ap]m)?)?\b)[a-z0-9-]{5,}\b"
    ),
    "number": (
        r"(?<![a-z\d.,/:-])(?!(?:19|20)\d\d(?!\d)|1[34]\d\d ?ه(?!\w))\d{4,}+(?![a-z]|[\d.,/:-]*\d)"
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
# What is left of them in a text without a figure; most of what may state a fact has none.
_IN_WORDS = _PATTERNS | {
    "contact": re.compile(_EMAIL),
    "date": re.compile(SAID_DAY),
    "price": re.compile(_MONEY_IN_WORDS),
}
del _IN_WORDS["code"], _IN_WORDS["number"]
_SHORT = (  # currencies of few letters, which stand in many a word
    rf"(?:{'|'.join((*CURRENCY_CODES, *_OTHER_CODES))}|sr|nis|jd|kd|qr|le|dhs?|rs|l\.e|cents?)(?![a-z])"
)


class _Needed(NamedTuple):
    """What a text must hold for a fact of the kind: one of these words, or what one of these finds."""

    words: tuple[str, ...]
    shapes: tuple[re.Pattern[str], ...] = ()


# Each is a small part of what the pattern of its kind costs, and few texts with a figure hold a fact of many kinds.
_NEEDED = {
    "link": _Needed(("://", "www."), (re.compile(r"\.[a-z]"),)),
    "contact": _Needed(("@", "+", "00"), (re.compile(r"\d{3}"),)),
    "date": _Needed((), (re.compile(r"[-/.](?<=\d.)\d"),)),  # or a month
    "price": _Needed(
        (
            *"dollar euro riyal dirham dinar pound bucks shekel rupee lira rial ryal halala fils piast".split(),
            *"$€£¥﷼",
            *"دولار شيكل شيقل دراهم دنانير شواكل لير روبيه يورو قرش قروش هلل فلس ر. د. ج.م ل.".split(),
            *"thousand million billion الف الاف مليون ملايين مليار".split(),
            *"cost price fare fee rent total balance amount سعر تكلف مجموع اجمالي رسوم مبلغ رصيد كلف".split(),
            *("for only", *CURRENCY_NAMES),
        ),
        (
            re.compile(rf"[^a-z](?:[km]|[mb]n)?{_SHORT}"),  # behind a blank, a sign, a number or its scale
            re.compile(rf"\A{_SHORT}"),
            re.compile("[\u20a0-\u20cf]"),
        ),
    ),
    "percentage": _Needed(("%", "٪", "cent", "المايه", "الميه")),
    "time": _Needed(
        (
            *":,o'clock,morning,afternoon,evening,night,noon,midday,half past,quarter,thirty,fifteen".split(","),
            *"الساعه صباح مساء ظهر عصر ليل فجر الصبح المغرب المسا".split(),
        ),
        (re.compile(r"[ap](?:m\b|\.m)"), re.compile(r"[صم](?:(?<=\d.)|(?<=\d\s.))")),
    ),
    "code": _Needed((), (re.compile(r"\d(?:[a-z-]|(?<=[a-z-].))"),)),
    "number": _Needed(("#", "number", "id", "room", "gate", "seat", "رقم", "غرفه", "بوابه"), (re.compile(r"\d{4}"),)),
    "stock": _Needed(("اخر قطع", "اخر حب", *"stock left remaining sold باقي بقي بقت نفد الكمي".split(), *_STORES)),
}
_MONTHS = [name for name in MONTH_OF if not any(part in name for part in MONTH_OF if part != name)]  # jan, not january
_NUMERIC, _FIGURE = re.compile(_UNNAMED_DAY), re.compile(r"\d")
# What a folded text must hold for any fact to be possible, for Python and for Polars' engine; for facts that are no
# codes by their capitals first. Words begin behind `^|\W`: that engine takes twenty times as long to look for \b.
MAY_STATE_ANOTHER = (
    rf"\d|://|www\.|@[^\s@.]+\.|\.[a-z]|(?:^|\W)(?:(?:{_COUNTED})(?:{CURRENCY}|[%٪]|per ?cent|(?:ب|في )الم)|half past"
    r"|quarter|noon|midday|midnight"
    rf"|(?:{HOURS})[ -]?(?:[ap]\.?m|o'clock|in the [mae]|at night|thirty|fifteen|{_OF_THE_DAY})"
    rf"|{_ORDINAL} (?:of |من (?:شهر )?)?(?:{MONTH})|(?:{MONTH}) (?:the )?{_ORDINAL}"
    rf"|(?:back )?in stock|out of stock|sold out|[وبل]?{DUAL}"
    rf"|(?:only|just|last) {_FEW} (?:(?:more )?{_THINGS} )?(?:left|remaining))"
    rf"|الساعه|منتصف الليل|(?:باقي|بقي|بقت) (?:[^\W\d_]+ ){{0,2}}{_ARABIC_THINGS}|نفد|الكمي|{_STOCKED}|اخر (?:قطع|حب)"
)
MAY_STATE_ONE = f"{MAY_STATE_ANOTHER}|{MAY_HOLD_ONE}"
_ANY, _ANOTHER = re.compile(MAY_STATE_ONE), re.compile(MAY_STATE_ANOTHER)


def claimed(text: str, cased: str) -> list[Place[str]]:
    """Place and kind of whatever looks like a fact, in the order of KINDS; places may overlap.

    `cased` is the folded text with its capitals.
    """
    found = [*in_windows(cased, _coded), *in_windows(text, _claimed)]
    return sorted(found, key=lambda place: KINDS.index(place[2]))


def _may_hold(text: str, needed: _Needed) -> bool:
    return any(map(text.__contains__, needed.words)) or any(shape.search(text) for shape in needed.shapes)


def _coded(cased: str) -> Iterator[Place[str]]:
    if MAY_BE_CODED.search(cased) and (_FIGURE.search(cased) or _ANY.search(cased.lower())):
        yield from ((start, end, "code") for start, end in codes(cased))


def _claimed(text: str) -> Iterator[Place[str]]:
    figure = _FIGURE.search(text)  # which is sooner seen than looked for among all that may state a fact
    if not (figure or _ANOTHER.search(text)):
        return
    names_month = any(map(text.__contains__, _MONTHS))  # looking for names letter by letter takes the most time
    for kind, full in (_PATTERNS if figure else _IN_WORDS).items():
        of_month = kind == "date" and names_month
        if not (of_month or _may_hold(text, _NEEDED[kind])):
            continue
        pattern = full if of_month or kind != "date" else _NUMERIC
        for match in pattern.finditer(text):
            place = match.lastindex or 0  # a group is what is stated behind words that say what it is
            said = match.group(place).rstrip(".,;:!؟?) ")
            said += "." * bool(re.search(r"\.m$", said))  # 5 p.m.
            if said:
                yield match.start(place), match.start(place) + len(said), kind
