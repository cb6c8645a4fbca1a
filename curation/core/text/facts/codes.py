"""Codes that hold no digit, or signs beside hyphens: their capitals tell them, or the word before them does.

Patterns here read folded text in which capitals stand as written (`Spelled.cased`); codes of letters and digits without
a sign but hyphens are found without (patterns.py).
"""

import re
from collections.abc import Iterator

_NUMBERED = (  # things that have one
    r"(?:booking|order|ticket|tracking|confirmation|reservation|case|serial|invoice|member(?:ship)?|customer|account|sku"
    r"|policy|registration|plate|part|model|item|product|shipment|transaction)"
)
_NUMBER = r"(?:id|number|no\.?|reference|ref)"
_CALLED = (  # what is behind such words is a code
    r"(?:ref(?:erence)?|(?<!dress )(?<!error )(?<!area )(?<!source )code|coupon|voucher|pnr|locator"
    rf"|{_NUMBERED} {_NUMBER})"
)
_SIGNED = (  # and behind these with a sign
    rf"(?:(?:booking|confirmation|reservation|tracking|serial|sku)(?=\s?[:#=])|{_NUMBERED}(?=\s?#))"
)
_ARABIC_CALLED = (
    r"(?:[وبلف]?(?:ال)?(?:كود|رمز|كوبون|قسيمه|مرجع)(?:ك|كم|ه|ها|ي|نا)?|[وب]?(?:ال)?رقم (?:ال)?"
    r"(?:مرجع|حجز|تتبع|تاكيد|طلب|شحن|بوليص|تذكر|لوح|فاتور|عضوي|عقد|بلاغ|تسلسل)[^\W\d_]*)"
)
_NAME = (  # a shout is no name, but before a sign
    rf"(?:\b(?:(?![A-Z]{{2}})(?i:{_CALLED})|PNR|REF|(?i:{_CALLED})(?=\s?[:#=])|(?i:{_SIGNED}))\b\.?"
    r"(?: (?:number|no\.?|id|code)\b\.?)?)"
)
_ARABIC_NAME = rf"(?:(?<!\w){_ARABIC_CALLED}(?!\w))"
_IS = (  # directly, or with some words before "is": the code for your booking is
    r"(?:(?:(?: (?!(?:and|or|but|name)\b)[a-z][a-z'-]*){0,4} (?:is|was|are)\b"
    r"| [^\W\d_a-zA-Z]+(?: [^\W\d_a-zA-Z]+){0,3}?)?(?: هو| هي)?"
    r"\s?[:#=]?\s?[\"'“”«`(*_]{0,3})"
)
_BEHIND = rf"(?:{_NAME}|{_ARABIC_NAME}){_IS}"
NO_CODE = (  # words that people stress, and names of codes
    r"(?!(?:ASAP|ALSO|ALWAYS|BEFORE|AFTER|BELOW|ABOVE|CANNOT|CORRECT|EMAIL|EXACTLY|FREE|FROM|GONE|HERE|HTML|HTTPS?|IBAN|IMEI"
    r"|JSON|MADE|MUST|NEVER|ONLY|PLEASE|READY|SECRET|SENT|SWIFT|THAT|THEN|THIS|TODAY|UNIQUE|UNTIL|WHEN|WILL|WITH|WITHOUT"
    r"|WRONG|YOUR|(?:IN)?VALID|[A-Z]+(?:ED|ING|[AI]BLE|LY))(?![A-Z]))"
)
_LETTERS = rf"{NO_CODE}[A-Z]{{4,}}(?:[-./][A-Z]+)*(?![\w@]|[-./]\w| [A-Z]{{2,}})"
_SIGNS = r"[-./_]"
# Pairs of letters that stand in next to no English word, name or Arabic name in Latin letters.
UNSAYABLE = (
    r"(?:b[qx]|c[jvx]|dx|f[qvxz]|g[qx]|h[xz]|j[bcdfghjklmnqrstvwxz]|k[qx]|m[qx]|p[qx]|q[bcdfghjklmnprstvwxyz]|s[x]"
    r"|t[qx]|v[bcdfghjkmnpqtvwxz]|w[jqvx]|x[bdgjkqrvwz]|y[jqx]|z[bcdfgjmnpqrsvwx])"
)
_LOUD, _DIGITS, _ARABIC = r"[A-Z]{4}", r"\d\d", r"[ء-ي]"
_CODES = [  # what a text must hold, for a quick look, and the code
    (_LOUD, rf"{_BEHIND}({_LETTERS})"),
    (_LOUD, rf"\b(?:[Uu]se|[Ee]nter|[Aa]pply|[Qq]uote|[Tt]ype) ({_LETTERS})(?= at (?:the )?check-?out| when you\b)"),
    (r"[A-Z]{6}", rf"(?<![\w@#/.-])(?=[A-Z]*(?i:{UNSAYABLE}))([A-Z]{{6,}})(?![\w@-])"),
    (  # a word in quotes
        r"[\"“«]",
        rf"(?:{_NAME}|{_ARABIC_NAME})(?: (?:is|هو|هي)|(?: [^\W\d_]+){{1,3}})?\s?:?\s?"
        r"(?:[\"“]([^\W_]{3,})[\"”]|«([^\W_]{3,})»)",
    ),
    (  # signs and digits behind what is called a code
        r"\w[./_-]\w",
        rf"{_BEHIND}((?=(?:[^\s\d]*\d){{3}})[a-zA-Z\d]+(?:{_SIGNS}[a-zA-Z\d]+)+)(?![\w@%]|{_SIGNS}\w)",
    ),
    (  # INV/2024/0012; NO.12345 is a number behind its name, and 1929.I the end of a sentence
        r"[A-Z\d][./_][A-Z\d]",
        rf"(?<![\w@#:,$/.-])(?![A-Z]+\.\d+(?![\w/-]|\.\w))(?=[A-Z\d./_-]*[A-Z])(?=(?:[^\s\d]*\d){{4}})"
        rf"((?:[A-Z\d]+-)*[A-Z\d]+(?:[/_]|\.(?=[A-Z]*\d))[A-Z\d]+(?:(?:[/_-]|\.(?=[A-Z]*\d))[A-Z\d]+)*)"
        rf"(?![\w@%]|{_SIGNS}\w)",
    ),
    (
        rf"{_ARABIC}[-/]?{_DIGITS}|{_DIGITS}[-/]?{_ARABIC}",
        rf"{_ARABIC_NAME}{_IS}(?<!{_ARABIC})((?:(?!(?:ال|خلال|بعد|قبل|لمده|حتي|من|الي|في|عند|[وبل])\d){_ARABIC}{{1,6}}"
        rf"[-/]?\d{{2,}}|\d{{2,}}[-/]?{_ARABIC}{{1,6}})(?![\w/-]))",
    ),
    (  # أ-1234, ١٢٣/ب, and plates, أ ب ج 1234
        rf"{_ARABIC}[-/ ]\d\d\d|\d\d\d[-/]{_ARABIC}",
        rf"(?<![\w/-])((?!كم|سم|مم|كغ|كجم|غم|جم|لتر|مل){_ARABIC}{{1,3}}[-/]\d{{3,}}(?:[-/]\d+)*"
        rf"|\d{{3,}}[-/](?!ه(?!\w)|م(?!\w)|كم|سم|مم|كغ|كجم|غم|جم|لتر|مل|يوم|شهر|سنه){_ARABIC}{{1,3}}"
        rf"|(?:{_ARABIC} ){{3}}\d{{3,4}})(?![\w/-])",
    ),
]
_COMPILED = [(re.compile(needed), re.compile(code)) for needed, code in _CODES]
MAY_BE_CODED = re.compile(rf"{_LOUD}|[\"“«]|\d")  # what each of them needs, in the quickest words
# What a folded text must hold for any of them, for Python and for Polars' engine.
MAY_HOLD_ONE = (
    rf"(?:^|\W)(?:ref|code|coupon|voucher|pnr|locator|use|enter|apply|quote|type|{_NUMBERED} ?(?:{_NUMBER}|[:#=]))"
    rf"|كود|رمز|كوبون|قسيمه|مرجع|رقم|{UNSAYABLE}"
)


def codes(cased: str) -> Iterator[tuple[int, int]]:
    """Places of such codes; they may overlap."""
    for needed, code in _COMPILED:
        if needed.search(cased):
            yield from (match.span(match.lastindex or 0) for match in code.finditer(cased))
