"""What the words around a number say it is: digits alone do not tell an identity from an order.

The word nearest before a number counts, then the one behind it, then what the other side asked in the turn before.
"""

import functools
import re
from dataclasses import dataclass

_NUMBER = r"(?:[\s_-]*(?:id|number|no|num|nr|code|ref|reference|#))?"
# Behind "id" where "I'd" is meant: "id be glad to look at ZH-421446".
_WISHES = (
    r"(?!\s+(?:be|like|love|hate|rather|prefer|appreciate|say|suggest|recommend|guess|think|want|wish|hope|go|do|try"
    r"|ask|take|get|have (?:to|been)|need to|better|really|gladly|happily|never|just)(?![a-z]))"
)
_WORDS = {
    "order": (
        r"(?<![a-z])(?:order|ticket|invoice|tracking|case|ref|reference|shipment|parcel|booking|confirmation|purchase"
        r"|transaction|receipt|serial|sku|model|imei|barcode|awb|waybill|policy|claim|quote|product|item|session"
        r"|device"
        r"|apple|chat|agent|driver[\s_-]id|game|flight|store|branch|extension|postal|zip)"
        rf"{_NUMBER}(?![a-z])"
        r"|(?:طلب|فاتور|شحن|تتبع|تذكر|مرجع|حجز|بوليص|بلاغ|معامل|عملي[ةه]|عمليات|صنف|موديل|تسلسلي|متجر|فرع)\w*"
    ),
    # What a person is known by in somebody's books: often their mobile itself.
    "account": (
        r"(?<![a-z])(?:customer|client|account|acct|user|username|log[\s_-]?in|sign[\s_-]?in|profile|subscri(?:ber"
        r"|ption)"
        r"|wallet|seller|vendor|merchant|player|student|members?|membership|loyalty|employee|points)"
        rf"(?:[\s_-]?name)?{_NUMBER}(?![a-z])"
        r"|(?:حساب|عضوي|عضو|عميل|مستخدم|مشترك|اشتراك|محفظ|زبون)\w*"
    ),
    "birth": (
        r"(?<![a-z])(?:date[\s_-]of[\s_-]birth|dob|birth[\s_-]?(?:day|date)|born)(?![a-z])|ميلاد|مواليد|ولدت"
        r"|الولاد[ةه]"
    ),
    "identity": (
        r"(?<![a-z])(?:national[\s_-]?(?:id|identity|identification|number|no|card|insurance|register|registration)"
        r"|identity|identification|citizen(?:ship)?[\s_-]?(?:id|card|number|no)|personal[\s_-]?(?:id|number|no)"
        r"|nid|nin|eid|nationality[\s_-]?(?:id|card|number|no)|gov(?:ernment|'?t)?[\s_-]?(?:issued[\s_-])?(?:id"
        r"|number|no)"
        r"|i[qg]a+ma|hawiy+ah?|residen(?:ce|cy|t)[\s_-]?(?:permit|id|card|number|no)"
        r"|civil[\s_-]?(?:id|number|no|card|registry)"
        r"|driv(?:er'?s?|ing)[\s_-]licen[cs]e|emirates[\s_-]?id|cpr|qid|passport|ssn"
        r"|citizen|social[\s_-](?:security|number)|id[\s_-]?(?:card|number|num|no|#)|ids?" + _WISHES + ")"
        rf"(?:[\s_-]card)?{_NUMBER}(?![a-z])"
        r"|هوي[ةهت]|[أإا]قام(?:[ةه]|تي|تك|ته)|(?:ال)?(?:قومي|وطني|مدني)(?!\w)|(?<!\w)(?:ال)?[أا]ي ?دي(?!\w)"
        r"|بطاق\w* (?:ال)?(?:شخصي|وطني|[أا]حوال|مقيم|عائل|تعريف|هوي|مدني|ناسيونال)"
        r"|[إا]ثبات (?:ال)?شخصي|كارط ناسيونال"
        r"|(?:رقم|كرت|دفتر) (?:ال)?(?:مقيم|مواطن|حدود|[أا]حوال|عائل[ةه]|تعريف)|سجلي|كارنيه|رخص(?:[ةه] (?:ال)?قياد|تي)"
        r"|الرقم الشخصي|رقمي الشخصي|جواز"
    ),
    "card": (
        rf"(?<![a-z])(?:(?:credit|debit|bank|gift)[\s_-]?)?cards?{_NUMBER}(?![a-z])"
        r"|(?<![a-z])(?:credit|debit)[\s_-]?(?:no|number)(?![a-z])|(?<![a-z])(?:visa|master ?card|mada)"
        r"(?![a-z])|بطاق[ةهت]|فيزا|ماستر"
    ),
    "phone": (
        r"(?<![a-z])(?:tel|telephone|call|ring|dial|text|sms|reach|contact)(?![a-z])|phone|mobile|whats ?app"
        r"|(?<![a-z])(?:cell|(?:my|his|her|your)[\s_-]number)|(?<![a-z])(?:land)?line(?![a-z])|(?<![a-z])(?:sms"
        r"|otp|code)(?: \S{1,12}){0,6} (?:to|on)(?=\s*$)"
        r"|(?:رمز|كود|رسال[ةه])\w{0,4}(?: \S{1,12}){0,5} (?:على|ل)(?=\s*$)|(?<!\w)(?:ال)?خط[يهك]?(?!\w)|شريح[ةه]"
        r"|هاتف|جوال|موبايل|محمول|تلفون|تليفون|واتس|اتصل|كلمون"
        r"|كلمن|رقمي|تواصل|خلوي|نقال|راسلون"
    ),
}
_THINGS = ("order", "account")  # what takes a number out of question
_HINT = re.compile("|".join(f"(?P<{kind}>{words})" for kind, words in _WORDS.items()), re.IGNORECASE)
# Those for an identity within others too: what `hint` looks at may begin or end in the middle of a word. For Python and
# for Polars' engine, which looks neither ahead nor behind.
IDENTITY_WORDS = re.sub(r"\(\?<?!(?:\[a-z\]|\\w)\)", "", _WORDS["identity"].replace(_WISHES, ""))
_IDENTITY = re.compile(IDENTITY_WORDS, re.IGNORECASE)
_GLUE = re.compile(r"(?:[\s:#=()\"'-]|is|was|no\.?|number|رقم|هو|هي)*", re.IGNORECASE)
_GLUE_BEHIND = re.compile(r"[\s,:(-]*(?:(?:is|was|هو|هي)\s+)?(?:(?:my|his|her|our)\s+)?", re.IGNORECASE)
_WINDOW, _BEHIND, _BESIDE, _ASKED = 60, 40, 25, 200  # characters
_LETTER = re.compile(r"[^\W\d_]")
_BARE = 15  # characters beside the number in an answer that says little else


@dataclass(frozen=True)
class Hint:
    """`kind`: order, account, birth, identity, card, phone; "" for none, "unknown" where the words are not at hand.

    `beside`: the word belongs to this very number.
    """

    kind: str
    beside: bool = False


def hint(text: str, start: int, end: int, before: str | None) -> Hint:
    """What the number at text[start:end] is said to be. `before`: what was said last; None: not known."""
    ahead = text[max(0, start - _WINDOW) : start]
    upto = min(len(text), end + _BEHIND)
    behind = _HINT.search(text, end, upto) if _LETTER.search(text, end, upto) else None
    if last := _last(ahead):
        gap = ahead[last.end() :]
        # What takes a number out of question must be bound closer than what brings it in.
        thing = last.lastgroup in _THINGS
        beside = _GLUE.fullmatch(gap) is not None if thing else len(gap) <= _BESIDE
        if beside or not thing or behind is None:
            return Hint(last.lastgroup or "", beside)
    if behind:
        return Hint(behind.lastgroup or "", _GLUE_BEHIND.fullmatch(text, end, behind.start()) is not None)
    if before is None:
        return Hint("unknown")
    if asked := _asked(before[-_ASKED:]):
        return Hint(asked.lastgroup or "", len(text.strip()) - (end - start) <= _BARE)
    return Hint("")


def says_identity(text: str, before: str | None) -> bool:
    """Whether the hint of any number of a text may be an identity: a look at the whole of it."""
    return _IDENTITY.search(text) is not None or _IDENTITY.search((before or "")[-_ASKED:]) is not None


def asks(before: str) -> bool:
    """Whether what was said last says what a number in the answer is."""
    return _asked(before[-_ASKED:]) is not None


@functools.lru_cache(64)  # of every number of an answer
def _asked(before: str) -> re.Match[str] | None:
    return _last(before)


def _last(text: str) -> re.Match[str] | None:
    if not _LETTER.search(text):  # none of the words; between digits that is soon seen
        return None
    return next(iter(list(_HINT.finditer(text))[-1:]), None)
