"""Secrets in one text: keys by the shape their makers give them, links that let in, passwords and codes as people say.

The shapes are facts of the makers' own documentation; gitleaks and detect-secrets look for the same ones.
"""

import re
from collections.abc import Iterator

from curation.privacy.told_codes import told

Span = tuple[int, int]

# What a text must hold for a secret to be possible, beside a link and a digit behind a word; for Python and for Polars.
SECRET_WORDS = (
    r"(?:secret|token|bearer|authorization|api[ _\-]?key|access[ _\-]?key|private key|cookie|session|pass(?:word"
    r"|code|wd"
    r"|phrase)|passwort|pwd|wi-?fi|eyJ|sk-|xox|xapp-|AKIA|ASIA|AIza|ya29|GOCSPX|gh[pousr]_|github_pat|glpat"
    r"|[srp]k_|SG\."
    r"|npm_|pypi-|hf_|shp[a-z]{2}_|gsk_|xai-|whsec_|dop_v1|glsa_|lin_api)"
)
_ARABIC_SECRET = (
    r"(?:كلم[ةه] ?(?:ال)?(?:سر|مرور)|كلم[ةه] (?:سر|مرور) (?:ال)?|(?:ال)?باس ?و+رد|(?:ال)?(?:رقم|رمز"
    r"|كود) (?:ال)?(?:سر[يّ]ي?"
    r"|مرور|دخول))"
)
ARABIC_SECRET_WORDS = r"كلم[ةه] ?(?:ال)?(?:سر|مرور)|باس ?و+رد|رمز|كود|(?:ال)سري|واي ?فاي"

# Keys whose first letters tell whose they are.
_KEYS = re.compile(
    r"(?<![\w-])(?:"
    r"sk-(?:[a-z]+\d*-){0,3}(?=[\w-]*\d)[\w-]{20,}"  # OpenAI, Anthropic, OpenRouter
    r"|(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}"  # AWS
    r"|gh[pousr]_\w{30,}|github_pat_\w{22,}|glpat-[\w-]{20,}|glsa_\w{30,}"  # GitHub, GitLab, Grafana
    r"|xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{10,}"  # Slack
    r"|AIza[\w-]{30,}|ya29\.[\w-]{20,}|GOCSPX-[\w-]{20,}"  # Google
    r"|[sr]k_(?:live|test|prod)_\w{10,}|whsec_\w{16,}"  # Stripe
    r"|npm_\w{30,}|pypi-[\w-]{50,}|hf_[A-Za-z]{30,}|dop_v1_[a-f\d]{40,}|shp(?:at|ca|pa|ss)_[a-fA-F\d]{24,}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}|gsk_\w{30,}|xai-\w{30,}|lin_api_\w{30,}|key-[a-f\d]{32}|SK[a-f\d]{32}"
    r"|eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]{6,})?"  # JWT, RFC 7519: {"... in base64
    r"|\d{8,10}:[A-Za-z][\w-]{33,}"  # Telegram's bots
    r")"
)
_QUOTED = r"[\"'`\\]{0,2}"
_TOLD = (
    # What a header, a setting or a line of JSON names; also as a sentence would say it.
    re.compile(
        rf"(?<![a-z])(?:bearer|authorization{_QUOTED}\s?[:=]\s?{_QUOTED}(?:basic|token|apikey)?)\s{{1,3}}{_QUOTED}"
        r"(?P<value>(?=[\w.~+/-]{0,200}\d)[\w.~+/-]{12,}={0,2})",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?:(?:api|access|secret|private|auth|account|encryption|signing)[ _-]?key|secret|token|credentials?"
        r"|api[ _-]?secret"
        rf"|session(?:[ _-]?id)?|cookie|sid){_QUOTED}(?: is|\s?[:=])\s?{_QUOTED}"
        r"(?P<value>(?=[^\s\"'`\\,;<>&]{0,200}\d)(?=[^\s\"'`\\,;<>&]{0,200}[a-z])[^\s\"'`\\,;<>&\[\]{}()]{8,})",
        re.IGNORECASE,
    ),
    re.compile(r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----[\s\\n]*(?P<value>(?:[^-]|-(?!----)){15,}[^-\s])"),
)

# Links: who carries them gets in.
_IN_LINKS = (
    re.compile(r"://(?P<value>[^/\s:@\"'<>]+:[^/\s@\"'<>]+)@"),
    re.compile(
        r"(?<=[?&#;])(?:[\w.-]{0,40}(?:token|key|secret|sig|signature|credential|passw(?:or)?d|jwt|otp|hash|magic)"
        r"|pwd|auth"
        r"|session(?:_?id)?|sid|[a-z_]*ticket)=(?P<value>[^&\s#\"'`<>\\]{6,})",
        re.IGNORECASE,
    ),
    # ?code= of a shop is a price cut: only what reads like chance is a secret.
    re.compile(
        r"(?<=[?&#;])(?:code|c|t|k|id|invite|reset|state|nonce|confirm\w*|verif\w*|activat\w*)="
        r"(?P<value>(?=[\w~.%-]{0,80}\d)(?=[\w~.%-]{0,80}[a-z])[\w~.%-]{14,})",
        re.IGNORECASE,
    ),
    re.compile(
        r"://[^\s\"'<>]{1,200}?(?:reset|verif|confirm|activat|magic|login|log-in|signin|sign-in|sso|invit|recover"
        r"|password"
        r"|token|auth|unlock)[\w-]{0,20}/(?P<value>(?=[\w~.%-]{0,120}\d)(?=[\w~.%-]{0,120}[a-z])[\w~.%-]{14,})",
        re.IGNORECASE,
    ),
    re.compile(r"hooks\.slack\.com/(?:services|workflows)/(?P<value>[\w/-]{16,})"),
    re.compile(r"discord(?:app)?\.com/api/webhooks/(?P<value>\d+/[\w-]{16,})"),
    re.compile(r"[?&](?:X-Amz-Signature|X-Goog-Signature)=(?P<value>[^&\s#\"'<>\\]+)", re.IGNORECASE),
)

# Passwords. Behind the bare word the value must hold a digit or a sign; a colon, a quote or a network's name says more.
_PASSWORD = (
    r"(?:pass[ -]?(?:word|code|wd|phrase)|passwort|mot de passe|contrase[nñ]a|pwd|(?<![a-z])pass(?=\s?[:=]))"
    r"(?:\s(?:for|to|of|on)(?:\s[\w-]+){1,4}?)?"
)
_ARABIC_GAP = (
    r"(?:\s(?:لل|ال|ل)?(?:واي ?فاي|شبك[ةه]|راوتر|مودم|حساب\w*|تطبيق|موقع|[إا]يميل|بطاق\w*|جهاز\w*|جديد[ةه]?"
    r"|قديم[ةه]?|حق\w*"
    r"|تبع\w*|خاص[ةه]?|بي|عندي|wi-?fi))*"
)
_IS = r"(?:\s(?:is|was|es|est|ist|هي|هو|كانت|كان)(?=[\s:\"'`«“])|(?<=ه)ا)?"
_SIGN = r"(?=[^\s\"'`«»“”]{0,39}[\d!#$%&*@^+=~])"
_ENDS = r"(?=[.,;?)\]}]?(?:[\s\"'`«»“”\\]|$))"
_STATES = (
    r"(?!(?:required|incorrect|correct|wrong|invalid|valid|missing|none|null|empty|optional|unknown|true|false|hidden"
    r"|forgot\w*|lost|reset\w*|chang\w*|expired|blocked|locked|same|different|here|below|above|not|the|your|needed"
    r"|must|should|still|never|always|please|case|on|in|at|under|by|as|to|for|an?|my|our|his|her|also|too|very|now"
    r"|weak|strong|short|long|secret|private|written|printed|protected|working|work\w*|\w+(?:ed|ing|able))\b)"
)
_PASSWORDS = (
    re.compile(
        rf"(?:{_PASSWORD}|{_ARABIC_SECRET}{_ARABIC_GAP}){_IS}\s*[:=]?\s*[\"'`«“\\]{{0,2}}"
        rf"(?P<value>{_SIGN}[^\s\"'`«»“”\\\[\]<>]{{4,40}}?){_ENDS}",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?:{_PASSWORD}|{_ARABIC_SECRET}{_ARABIC_GAP})(?:{_IS}\s*[\"“«](?P<value>[^\s\"“”«»\\\[\]<>]{{4,40}})[\"”»]"
        rf"|\s?[:=]\s?{_STATES}(?P<plain>[\w.@!$%&*^-]{{4,40}}){_ENDS})",
        re.IGNORECASE,
    ),
    re.compile(
        rf"(?:(?:wi-?fi|network|router|hotspot)\b.{{0,12}}?{_PASSWORD}(?: is| was)|واي ?فاي\s(?:هي|هو))\s*:?\s*"
        rf"{_STATES}(?P<value>[A-Za-z][\w.@-]{{4,40}}){_ENDS}",
        re.IGNORECASE,
    ),
)
_HELD = (  # a word that only names what the code is for may stand between it and the code
    r"(?:\s(?:on|of|for|to|in|at|the|my|your|our|back|front|behind|card|account|phone|app|wi-?fi|bank|you|i|we|me"
    r"|sent|got"
    r"|received|texted|gave|from|that|just|visa|mada|credit|debit|code|number|new|old|atm|sms|by|via))*"
)
_ARABIC_HELD = (
    r"(?:\s(?:ال|لل|ل|ب)?(?:خلف|ورا|بطاق\w*|صراف\w*|جوال|واي ?فاي|حساب\w*|حق\w*|تبع\w*|خاص|بي|جديد|قديم|لي"
    r"|[إا]ل[لي]ي?|الذي"
    r"|وصل\w*|جا\w*|[أا]رسل\w*|عندي|رسال[ةه]|لديكم|عندكم|من|في|على|otp))*"
)
_CODE = r"(?:[A-Z]-)?(?:\d{3}[ -]\d{3}|\d{3,8})(?![\d/.-]?\d)"
_CODES = (
    re.compile(
        r"(?<![a-z])(?:pin|otp|cvv2?|cvc2?|csc|mpin|one[ -]time (?:code|pass\w*)|2fa|(?:security|verification"
        r"|activation"
        r"|authenti\w+|auth|access|login|log-in|unlock|sms|secret|door|gate)[ -](?:code|pin)"
        rf"|code(?=\s(?:you|i|we)\s(?:just\s)?(?:sent|got|received|texted|gave)))(?![a-z]){_HELD}"
        rf"(?:\s(?:is|was))?\s*[:=]?\s*(?P<value>#?{_CODE})",
        re.IGNORECASE,
    ),
    re.compile(
        r"(?:(?:ال)?(?:رقم|رمز|كود) (?:ال)?(?:سري|تحقق|تفعيل|[أا]مان|دخول)"
        r"|(?:رمز|كود)(?= (?:[إا]ل[لي]ي?|الذي) (?:وصل|جا|[أا]رسل))|(?:وصل|جا)\w* (?:ال)?(?:رمز|كود)|(?:رقم|رمز"
        r"|كود) ?otp)"
        rf"{_ARABIC_HELD}(?:\s(?:هو|هي|كان))?\s*[:=]?\s*(?P<value>#?{_CODE})",
        re.IGNORECASE,
    ),
)

# What the other side asked for just before, and the answer that says little else.
ASKED = (
    r"(?i:\b(?:pin|otp|cvv2?|cvc2?)\b|(?:security|verification|activation|access|login"
    r"|one[ -]time) (?:pass)?code|password|passcode)|رمز|كود|السري|كلم[ةه] (?:ال)?(?:سر|مرور)|باس ?و+رد"
)
_ASKED = re.compile(ASKED)
_NOT_ASKED = re.compile(
    r"(?i:promo|discount|coupon|postal|zip|error|country|area|order|tracking)|خصم|بريدي|خط[أا]|طلب|شحن"
)
_ANSWER = re.compile(
    r"(?i:\s*+(?:(?:it'?s|it is|sure,?|yes,?|ok,?|the code is|here:?|هو|هي|تفضل:?|نعم,?)\s*+)?)(?P<value>\d{3}[ -]\d{3}"
    r"|\d{3,8})\W*$"
)
_PASSWORD_ANSWER = re.compile(r"\s*+(?P<value>(?=\S*\d)(?=\S*[A-Za-z])[^\s\"'<>\[\]{}]{6,40}?)[.,!]?\s*$")
_ASKED_WITHIN = 200  # characters of the question


# Of such words; looking for each of them takes less than one pattern of them all.
_SAYS = (
    "pass secret token bearer authoriz key cookie session sid wifi wi-fi pwd contrase credential hf_ pin otp cvv"
    " cvc csc 2fa code"
    " network router hotspot numbers digits phrase mnemonic pw psw puk licen serial scratch voucher top-up"
    " recharge redeem"
    " maiden security combination"
).split()
_SAYS_ARABIC = re.compile(rf"{ARABIC_SECRET_WORDS}|باس|مفتاح|جواب|[أا]رقام|كلمات|عبار[ةه]|بن |تفعيل")
_FIVES = re.compile(r"[A-Z\d]{5}-[A-Z\d]{5}-")
_LONG = re.compile(r"[\w.-]{20}")


def _likely(text: str, said: bool) -> Iterator[re.Pattern[str]]:
    """The patterns that may find something: a quick look that most texts with a number do not pass."""
    if _LONG.search(text):
        yield _KEYS
    if said:
        yield from _TOLD
    if "/" in text or "=" in text:
        yield from _IN_LINKS
    if said:
        yield from _PASSWORDS
        yield from _CODES


def may_be_secret(text: str) -> bool:
    """Whether a text without digits can hold a secret."""
    lower = text.lower()
    return any(map(lower.__contains__, _SAYS)) or (not text.isascii() and _SAYS_ARABIC.search(text) is not None)


def secrets(text: str, before: str | None) -> Iterator[tuple[Span, str]]:
    """(place, value) of every secret; `before`: what was said last, None where that is not known."""
    said = may_be_secret(text)
    for match in (one for pattern in _likely(text, said) for one in pattern.finditer(text)):
        name = match.lastgroup or 0
        yield match.span(name), match[name]
    if said or "://" in text or _FIVES.search(text):
        yield from told(text)
    if before and (answer := _answer(text, before[-_ASKED_WITHIN:])):
        yield answer.span("value"), answer["value"]


def _answer(text: str, before: str) -> re.Match[str] | None:
    """What says little else than the secret that was asked for."""
    code, word = _ANSWER.match(text), _PASSWORD_ANSWER.match(text)
    asked = _ASKED.search(before) if code or word else None
    if asked is None or _NOT_ASKED.search(before):
        return None
    return code or (word if "pass" in asked.group().lower() else None)
