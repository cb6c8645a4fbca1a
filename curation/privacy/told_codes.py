"""Secrets that people tell in words: codes before and behind what they are for, passwords, phrases of wallets.

A bare "code" is a price cut, an error or an order as often: it counts with "is" or a sign before digits, and not behind
such words. What is called by its name (PIN, CVV, OTP, door code, رمز الباب) counts with any digits.
"""

import re
from collections.abc import Iterator

from curation.privacy.spoken import spoken_digits

Span = tuple[int, int]

# Words beside those of `secrets` that a table's text may hold, for Polars.
MORE_SECRET_WORDS = (
    r"(?:(?-u:\bpass\b|\bpsw|\bpw\b|\bpuk\b|\bcode\b|codes\b|pins\b)|p/w|phrase|mnemonic|seed words|recovery words"
    r"|maiden|security question|secret question"
    r"|licen[cs]e|serial|product key|cd key|scratch|voucher|recharge|top[ \-]?up|redeem|prepaid|combination"
    r"|(?:digits?|numbers?|figures) (?:on|at|from)|safe number|lock number)"
)
MORE_ARABIC_SECRET_WORDS = (
    r"(?:باس|مفتاح|جواب|[أا]رقام|كلمات|عبار[ةه]|(?:بن|البن|البين|بين|بوك) |رموز|[أا]كواد|سؤال|رقم)"
)

_GROUP = r"\d{2,5}(?:[ -]\d{2,5}){1,3}|\d{3,8}"
_VALUE = rf"(?:[A-Z]-)?[#*]?(?:{_GROUP})(?!\d)[#*]?(?![\d./:]\d)(?![-\w])"
_MIXED = r"(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[A-Za-z\d]{2,}(?:-?[A-Za-z\d]{2,}){1,7}(?![\w-])"
_IS = r"(?:\s*(?::|=|-|is|was|are|it'?s|هو|هي|هم|يكون|كان)){0,2}\s{0,2}[\"'“«]?"

# -- what the code is for ----------------------------------------------------------------------------------------------

_KINDS = (
    r"(?:pins?|otps?|mpin|cvv2?|cvc2?|csc|puk|2fa|passcode|(?:pin|puk|otp)[ -]codes?|(?:door|gate|building|entry"
    r"|entrance"
    r"|garage|lock|locker|lockbox|safe|vault|alarm|key ?box|voicemail|sim|access|security|verification|verify"
    r"|activation|login"
    r"|log-in|sign-in|unlock|auth\w*|secret|sms|text|one[ -]time|backup|back-up|recovery|reset|intercom"
    r"|entry ?phone|pairing|screen|phone|2fa|whats ?app|parental)(?: (?:pin|lock))?[ -](?:codes?|pins?|combination))"
)
_ARABIC_FOR = (
    r"(?:سر[يّ]ي?|تحق[يق]*|تفعيل|[أا]مان|دخول|باب|بوابه|بوابة|خزن[ةه]|عمار[ةه]|مدخل|[إا]نذار|قفل|شريح[ةه]|استرجاع"
    r"|استرداد|احتياطي|تا?كيد"
    r"|مرور|[أا]بشر|نفاذ|توثيق|البصم[ةه]|بن|بوك|otp|pin|واتس\w*|جوال|فيزا)"
)
_NAMED = (
    re.compile(
        rf"(?<![a-z]){_KINDS}(?![a-z])(?P<gap>(?:\s(?!not\b|error|wrong"
        rf"|order)[a-z'’-]{{1,12}}){{0,6}}?)(?:\?? ?i use)?{_IS}(?P<value>{_VALUE})",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?<![a-z])(?i:{_KINDS})(?![a-z]){_IS}(?P<value>(?=[A-Z\d-]*\d)(?=[A-Z\d-]*[A-Z])[A-Z\d]{{3,}}(?:-[A-Z\d]{{3,}})*)(?![\w-])"
    ),
    re.compile(
        rf"(?:(?:ال|ل|لل)?(?:رقم|رمز|كود|رموز|[أا]كواد|ارقام|باس) (?:ال|ل|لل)?{_ARABIC_FOR}|(?<!\w)(?:ال)?(?:بن كود"
        rf"|پن كود|بين كود|بوك كود|البن|البين))"
        rf"(?P<gap>(?: (?!غلط|خط[أا]|غير|طلب|خصم)[^\W\d_]{{1,10}}){{0,4}}?){_IS}(?P<value>{_VALUE})",
        re.IGNORECASE,
    ),
    # "the three numbers on the back are 604", "التلات أرقام ورا الفيزا 852"
    re.compile(
        r"(?:(?:three|3|four|4|last) (?:digits?|numbers?|figures)|(?:digits?|numbers?|figures)|code|number) (?:on"
        r"|at|from) the (?:back|front|reverse)"
        rf"(?: of (?:the|my) \w+)?{_IS}(?P<value>\d{{3,4}})(?![\d-])",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?:[أا]رقام|رقم|الرقم|كود|رمز|الرمز)(?: ال\w+)? (?:ال[يل]ي |الذي )?(?:خلف|ورا|ورى|وراء|ظهر|بظهر|على ظهر"
        r"|في ظهر)"
        rf"(?: (?:ال|لل)?(?:بطاق[ةه]|فيزا|كرت|كارت|كارط)\w*)?{_IS}(?P<value>\d{{3,4}})(?![\d-])"
    ),
)

# -- a code, of what it is not said ------------------------------------------------------------------------------------

_SHOPS = (  # what makes a code nobody's secret
    "promo promotion promotional discount coupon voucher offer referral postal post zip error country area"
    " dialling dialing dial"
    " order product item sort swift bic qr bar source dress style colour color model reference ref booking"
    " tracking iban tax hs"
    " sku invoice fault status http exit flight airport location branch stock article part vin customer shipment"
    " return returns"
    " confirmation building block city state price gift size region currency use rate game course class room"
    " store shop merchant fare"
).split()
_BARE = (
    re.compile(
        r"(?:(?<![a-z])(?P<what>[a-z]{1,14})[ -])?(?<![a-z])(?:code|passcode)(?: (?:from|in|on|by|that|i|you|we"
        r"|got|sent|me|the|sms|text|email|mail"
        r"|message|just|now|received|came)){0,7}(?: ?(?:is|was|:|=)|(?<=sms)|(?<=got)"
        r"|(?<=received))\s?(?P<value>(?:\d{3}[ -]\d{3}|\d{4,8}))(?![\d./-]?\d)",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?:(?<![\u0621-\u064a])(?P<what>[\u0621-\u064a]{1,12}) )?(?<![\u0621-\u064a])(?:ال|وال)(?:كود"
        r"|رمز)(?: (?:ال[يل]ي|الذي|وصلني|جاني|جالي|وصل|هو|لي|من|في|على|عندي|sms|رسال[ةه]\w*)){0,5}"
        r" ?:? ?(?P<value>(?:\d{3}[ -]\d{3}|\d{4,8}))(?![\d./-]?\d)(?! ?(?:ريال|درهم|جنيه|دينار|%))"
    ),
)
_BEHIND = re.compile(
    r"(?<![\w.,/#-])(?P<value>\d{3}[ -]\d{3}|\d{3,8}),?\s{1,2}(?:(?:is|was|are|that'?s|thats|that is"
    r"|this is)\s(?:the|my|your|our)\s"
    r"(?:(?:new|old|right|correct|sms|last|current)\s)?(?:(?P<what>[a-z]{1,14})[ -])?(?:code|pin|otp|cvv|cvc"
    r"|password|passcode)\b"
    r"|(?:هو|هي|هذا|هاد|هذي|هاذا|ده|دا|هيدا|هادا)\s(?:هو\s)?(?:ال)?(?:رمز|كود|رقم السري|رقم سري|باس ?ورد|بن|otp"
    r"|cvv)(?!\w)(?! (?:الخصم|خصم|خط[أا]|الخط[أا])))",
    re.IGNORECASE,
)
_ARABIC_SHOPS = re.compile(r"خصم|كوبون|قسيم|عرض|بريد|خط[أا]|منتج|صنف|طلب|دول|موديل|شحن|تتبع|استرجاع|حجز|فاتور|عطل")
_WORDS_BESIDE = re.compile(
    r"(?i:\b(?:code|pin|otp|cvv|cvc|passcode|password)\b)|(?<![\u0621-\u064a])(?:ال)?(?:رمز|كود|باس ?ورد|السري"
    r"|بن)(?![\u0621-\u064a])"
)
_BESIDE = 25  # characters between digits in words and the word that tells what they are

# -- passwords ---------------------------------------------------------------------------------------------------------

_PASS = r"(?:pass(?:word|code|wd|phrase)?|pw|pwd|psw|pswd|p/w)"
_ARABIC_PASS = (
    r"(?:(?:ال|و|وال|بال|لل)?(?:باس ?و{0,2}رد|باس|بسورد|پاسورد)|كلم[ةه] (?:ال)?(?:سر|مرور)|الرقم السري|رقم سري)"
)
_TOKEN = (
    r"(?=[^\s\"'`«»“”,]{0,39}\d)"
    r"(?=[^\s\"'`«»“”,]{0,39}[A-Za-z\u0621-\u064a!#$%&*@^+=~])[^\s\"'`«»“”,<>\[\]{}()|/\\]{5,40}?"
)
_STOPS = r"(?=[.,;:?!)\]}]?(?:[\s\"'`«»“”]|$))"
_PASSWORDS = (
    re.compile(
        rf"(?<![a-z]){_PASS}(?![a-z])(?: (?!expires|with|has|needs|must|should"
        rf"|costs)[a-z'’]{{1,9}}){{0,5}}? ?[:=]? ?[\"'`“«]?(?P<value>{_TOKEN}){_STOPS}",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?<![a-z]){_PASS}(?![a-z])(?: \w+)? from [\"'“]?(?P<value>{_TOKEN})[\"'”]?"
        rf" to [\"'“]?(?P<second>{_TOKEN}){_STOPS}",
        re.IGNORECASE,
    ),
    re.compile(
        rf"{_ARABIC_PASS}(?![\u0621-\u064a](?!ا))\w?(?: [\u0621-\u064a]{{1,10}}){{0,3}}? ?[:=]? ?[\"“«]?"
        rf"(?P<value>{_TOKEN}){_STOPS}"
    ),
    re.compile(
        rf"{_ARABIC_PASS}\w{{0,3}} (?:القديم[ةه]? )?من (?P<value>{_TOKEN}) (?:ل|[إا]لى|لـ"
        rf"|الى) ?(?P<second>{_TOKEN}){_STOPS}"
    ),
    re.compile(
        rf"{_ARABIC_PASS}(?: [\u0621-\u064a]{{1,10}}){{0,4}}? ?[:=]? ?(?P<value>\d{{4,12}})"
        rf"(?![\d./-]?\d)(?! ?(?:[أا]حرف|حرف|خان|مر[ةه]|رمز|دقيق|ساع))"
    ),
    re.compile(
        rf"(?<![a-z]){_PASS}(?![a-z])(?: (?:is|for|my|the|wifi|wi-fi|account|app"
        rf"|was)){{0,3}} ?[:=]? ?(?P<value>\d{{4,12}})(?![\d./-]?\d)(?! (?:char|digit|letter|time|day|hour|min))",
        re.IGNORECASE,
    ),
)

# -- keys and links ----------------------------------------------------------------------------------------------------

_LICENCE = re.compile(r"(?<![\w-])(?=[A-Z\d-]*\d)(?=[A-Z\d-]*[A-Z])[A-Z\d]{5}(?:-[A-Z\d]{5}){4}(?![\w-])")
_VOUCHER = re.compile(
    r"(?:licen[cs]e|activation|product|serial|cd|scratch|voucher|gift ?card|top[ -]?up|recharge|redeem|prepaid"
    r"|game) (?:card )?(?:key|code|pin|number)s?"
    r"(?:\s[a-z]{1,10}){0,5}?|(?:كود|رمز|رقم|مفتاح|الرقم السري) (?:ال)?(?:ترخيص|تفعيل|بطاق[ةه]|كرت|كارت|قسيم[ةه]"
    r"|شحن|منتج|ويندوز|اوفيس|ايتونز)(?: (?!طلب)[^\W\d_]{1,10}){0,4}?"
)
_VOUCHER_TOLD = re.compile(
    rf"(?:{_VOUCHER.pattern}){_IS}(?P<value>[A-Z\d]{{3,6}}(?:[ -][A-Z\d]{{3,6}}){{2,5}}|\d{{12,18}})(?![\w-])",
    re.IGNORECASE,
)
_ARABIC_KEY = re.compile(
    r"مفتاح(?: (?:ال)?[^\W\d_]{2,10}){0,3}? ?:? ?(?P<value>(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{12,})"
)
_CONFIRMING = re.compile(
    r"://[^\s\"'<>]{0,120}?(?:reset|verif|confirm|activat|magic|recover|unlock|invit)[\w-]{0,20}(?:/|[?&](?:code|c"
    r"|t|k|id|key|token)=)"
    r"(?P<value>(?=[\w~%]{0,80}\d)(?=[\w~%]{0,80}[a-z])(?=[\w~%]{0,80}[A-Z])[\w~%-]{7,})",
)

# -- phrases of wallets, answers to questions --------------------------------------------------------------------------

_PHRASE = re.compile(
    r"(?:(?:(?:recovery|seed|backup|secret|mnemonic|wallet)[ -](?:recovery )?(?:phrase|words?)|mnemonic)(?: (?:is"
    r"|are|was))?"
    r"|(?:كلمات|عبار[ةه]) (?:ال)?(?:محفظ\w*|استرداد|استعاد[ةه]|استرجاع|سري[ةه]|سر|بذور)(?: (?:هي|حقتي"
    r"|تبعي))?)\s?[:=-]?\s{1,2}[\"“«]?"
    r"(?P<value>(?:\d{1,2}[.)]? ?)?[^\W\d_]{2,10}(?:[ ,]{1,2}(?:\d{1,2}[.)]? ?)?[^\W\d_]{2,10}){11,23})",
    re.IGNORECASE,
)
_SENTENCE = frozenset(
    "the and for not are was but our has have can from my is to of a in it i me be so or if في من على الى إلى ان"
    " أن هذا هذه لا هي هو التي مع او أو"
    " عن ما لو كل".split()
)
_QUESTION = re.compile(
    r"(?:(?:security|secret) (?:question|answer)|maiden name|first pet|سؤال (?:ال)?[أا]مان|السؤال السري)[^.\n]{0,50}?"
    r"(?:\banswer(?: is| was|:)?|(?:و?جوابي|و?الجواب|و?اجابتي|و?الاجاب[ةه])(?: هو| هي"
    r"|:)?)\s(?P<value>[A-Z][\w'’-]{2,}(?: [A-Z][\w'’-]+)?"
    r"|(?!ما|لا|غير|مو|مش|صح|خط|غلط|مقبول|مرفوض)[\u0621-\u064a]{3,}(?: (?!ما|لا|غير|ول|مو|مش|وما"
    r"|بس)[\u0621-\u064a]{3,})?)",
)


def told(text: str) -> Iterator[tuple[Span, str]]:
    """(place, value) of every secret that the words around say it is."""
    for pattern in _likely(text):
        for match in pattern.finditer(text):
            yield from (
                (match.span(name), value) for name, value in match.groupdict().items() if value and name != "gap"
            )
            yield from _listed(text, match)
    for match in _LICENCE.finditer(text):
        yield match.span(), match.group()
    bare = (*_BARE, _BEHIND) if _DIGIT.search(text) else ()
    for match in (one for pattern in bare for one in pattern.finditer(text)):
        what = (match["what"] or "").lower()
        if what not in _SHOPS and not _ARABIC_SHOPS.search(what) and not _ARABIC_SHOPS.match(text, match.end() + 1):
            yield match.span("value"), match["value"]
    yield from _phrases(text)
    yield from _spoken(text)


_IN_ARABIC = (_NAMED[2], _NAMED[4], *_PASSWORDS[2:5], _ARABIC_KEY)
_WITHOUT_DIGITS = (_VOUCHER_TOLD, _QUESTION)
_DIGIT = re.compile(r"\d")


def _likely(text: str) -> Iterator[re.Pattern[str]]:
    """The patterns that may find something in a text of these letters, with or without a digit."""
    ascii_only, digit = text.isascii(), _DIGIT.search(text) is not None
    for pattern in (*_NAMED, *_PASSWORDS, _VOUCHER_TOLD, _ARABIC_KEY, _CONFIRMING, _QUESTION):
        if (digit or pattern in _WITHOUT_DIGITS) and not (ascii_only and pattern in _IN_ARABIC):
            yield pattern


def _listed(text: str, match: re.Match[str]) -> Iterator[tuple[Span, str]]:
    """Further values of the same layout behind one: "backup codes 8841-2097, 5530-1186"."""
    layout = re.sub(r"\d", r"\\d", re.escape(match["value"]))
    another = re.compile(rf"(?:, ?| and | و ?|\s)(?P<value>{layout})(?![\w-])")
    end = match.end("value")
    while _LISTS.search(match.group()) and (more := another.match(text, end)):
        yield more.span("value"), more["value"]
        end = more.end()


_LISTS = re.compile(r"codes|رموز|[أا]كواد|passwords", re.IGNORECASE)


def _phrases(text: str) -> Iterator[tuple[Span, str]]:
    for match in _PHRASE.finditer(text):
        if not _SENTENCE.intersection(match["value"].lower().split()):
            yield match.span("value"), match["value"]


def _spoken(text: str) -> Iterator[tuple[Span, str]]:
    """Codes whose digits are words: "nine one zero four, that's the code"."""
    if not _WORDS_BESIDE.search(text):
        return
    for (start, end), digits in spoken_digits(text):
        if len(digits) <= _LONGEST_CODE and (
            _WORDS_BESIDE.search(text, max(0, start - _BESIDE), start) or _WORDS_BESIDE.search(text, end, end + _BESIDE)
        ):
            yield (start, end), digits


_LONGEST_CODE = 8  # digits
