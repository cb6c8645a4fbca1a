"""Replies that nobody of the team wrote for this customer: a language model's, a template's, an auto-responder's."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from curation.checks import Context, check
from curation.conversation import turns
from curation.text import folded

# In folded text, as whole words.
_MODEL_TALK = (
    r"as an? (?:\w+ )?(?:ai|artificial intelligence)",
    r"as an? (?:\w+ )?language model",
    r"i(?:'m| am) (?:just |only |merely |actually )?an? (?:\w+ )?(?:ai|language model|artificial intelligence)",
    r"(?:ai|large) language model",
    r"(?:trained|developed|created) by (?:openai|anthropic|google|meta|microsoft)",
    r"i(?:'m| am) (?:chatgpt|gpt|claude|gemini|llama|bard)",
    r"my (?:training data|training cutoff|knowledge (?:cut ?-?off|base ends|only goes|was last updated|is limited to))",
    r"knowledge cut-?off",
    r"(?:as of|until|up to) my last (?:knowledge |training )?update",
    r"i(?: cannot|'m unable to| can't| can not| am unable to| won't| will not) (?:assist|comply|help you) "
    r"with (?:that|this|such) (?:kind of )?request",
    r"i(?: cannot|'m unable to| can't| can not| am unable to| am not able to) assist with (?:that|this)",
    r"i(?: cannot|'m unable to| can't| can not| am unable to) (?:fulfill?|generate) (?:this|such a) request",
    r"(?:goes against|against|violates|contrary to) my (?:\w+ )?(?:guidelines|programming|principles|training)",
    r"i(?: do not|'m not| don't|'ve no| have no) (?:have |capable of |able to have )?(?:personal )?"
    r"(?:feelings|emotions|opinions|beliefs|experiences|consciousness)",
    r"i(?: cannot| can't| do not have the ability to| don't have the ability to| am not able to)"
    r" (?:browse|access|search) (?:the )?(?:internet|web|real[- ]time)",
    r"i(?: do not| don't) have (?:access to )?(?:real[- ]time|live) (?:information|data|access)",
    r"i was not (?:trained|programmed) to",
    r"(?:cannot|can't|can not|unable to|not able to) (?:help|assist)(?: you)? with (?:that|this|such an?|your) request",
    r"here(?:'s| is) (?:an?|one|the|your|my) (?:\w+ )?"
    r"(?:possible|suggested|sample|draft|example|revised|rewritten|polite|improved)"
    r" (?:\w+ )?(?:reply|response|answer|email|message|version|script)",
    r"(?:would you|if you'd|if you would) like me to (?:adjust|rewrite|rephrase|shorten)",
    r"(?:cannot|can't|unable to|not able to) provide assistance with (?:this|that)",
    r"(?:may|might|would|could) violate my (?:\w+ )?(?:guidelines|policy|policies|principles|rules)",
    r"(?:as|being|since i'm|since i am) an? (?:chatbot|bot|virtual assistant|machine|computer program)",
    r"هذه (?:اعاده )?(?:صياغه|كتابه) (?:مهذبه|منقحه|محسنه|بديله|مقترحه|جديده|مختصره)",
    r"(?:لكوني|لانني|لاني|كوني|ككوني|بصفتي|باعتباري|بوصفي) (?:مجرد )?(?:روبوت|برنامج|الي|نظام الي|اله)\p{L}*",
    r"(?:ليس|ليست) (?:لدي|عندي) (?:تجارب|خبرات|اراء|مشاعر) (?:شخصيه|خاصه)",
    r"[وف]?كنموذج لغ(?:وي|ه)",
    r"(?:بصفتي|بوصفي|باعتباري|كوني|ككوني) (?:مجرد )?(?:نموذج|مساعد\p{L}* (?:ذكاء|ذكي|لغوي)|ذكاء اصطناعي|روبوت)\p{L}*",
    r"(?:كذكاء|كمساعد ذكاء) اصطناعي",
    r"(?:انا|مجرد) (?:مجرد |فقط )?(?:نموذج|برنامج|مساعد|روبوت)\p{L}* (?:لغ\p{L}+|ذكاء اصطناعي|محادثه|دردشه)",
    r"نموذج\p{L}* (?:لغوي|لغه|ذكاء)\p{L}*",
    r"مساعد ذكاء اصطناعي",
    r"(?:تم تدريبي|دربت|دربتني) (?:علي|حتي|من)",
    r"بيانات (?:تدريبي|التدريب الخاصه بي)",
    r"(?:اخر تحديث|حدود) (?:لمعلوماتي|لمعرفتي|لبياناتي|معرفتي|معلوماتي)",
    r"معرفتي (?:تقتصر|محدوده|تتوقف|توقفت|تنتهي)",
    r"(?:ليس|ليست) لدي (?:مشاعر|اراء|معلومات محدثه|معلومات فوريه|القدره علي تصفح)",
    r"لا (?:املك|امتلك) (?:مشاعر|اراء|وعيا|القدره علي (?:تصفح|الوصول|تنفيذ))",
    r"(?:يتعارض|يخالف|تتعارض|تخالف) (?:مع )?(?:ارشاداتي|برمجتي|سياساتي|مبادئي|تعليماتي)",
    r"لا (?:يمكنني|استطيع) (?:تقديم |ان )?(?:المساعده|مساعدتك|مساعده|اساعدك|تلبيه|الامتثال|الاستجابه|تنفيذ)"
    r" ?(?:في|ل|ب|علي)? ?(?:هذا|مثل هذا|ذلك|هكذا|لهذا|بهذا|طلبك)(?: الطلب)?",
    r"(?:اليك|هذا|هذه|فيما يلي|تفضل) (?:رد|ردا|صياغه|نموذج|مسوده|اقتراح|مثال)\p{L}*"
    r" (?:مقترح|لرد|للرد|محتمل|معدل|منقح|رد|بديل)\p{L}*",
    r"انا (?:شات جي بي تي|chatgpt|claude|gemini)",
)
_BOILERPLATE = (
    r"this is an auto(?:mated|matic|-?generated) (?:message|reply|response|email|e-mail|notification)",
    r"auto(?:mated|matic)?[ -]?(?:reply|response|responder):?",
    r"(?:please )?do not reply to this (?:email|e-mail|message|mail)",
    r"(?:mailbox|inbox|address) is not monitored",
    r"(?:i am|i'm|i will be|is) (?:currently )?out of (?:the )?office",
    r"(?:i am|i'm|i will be) (?:currently )?on (?:annual |sick |parental )?leave (?:until|from|till)",
    r"this e-?mail and any (?:attachments|files)",
    r"intended solely for the (?:use|addressee)",
    r"sent from my (?:iphone|ipad|android|samsung|mobile|blackberry)",
    r"to unsubscribe",
    r"unsubscribe (?:here|from)",
    r"all rights reserved",
    r"view this (?:email|message) in your browser",
    r"(?:هذه|هذا) (?:رساله|رد|بريد)\p{L}* (?:اليه?|تلقاييه?|الكترونيه? تلقاييه?|مولده? تلقاييا|مرسله? تلقاييا)",
    r"رد (?:الي|تلقايي)",
    r"(?:يرجي|الرجاء|نرجو|رجاء) عدم الرد علي هذ\p{L}+",
    r"لا ترد علي هذ(?:ه الرساله|ا البريد)",
    r"(?:ارسلت|تم ارسال) هذه الرساله (?:تلقاييا|اليا|بشكل الي|بشكل تلقايي)",
    r"(?:انا )?(?:حاليا )?خارج المكتب",
    r"(?:انا )?(?:حاليا )?في اجازه (?:حتي|الي|من)",
    r"(?:ارسلت|مرسل\p{L}*) من (?:جهاز|هاتف)\p{L}* (?:ال)?(?:ايفون|iphone|اندرويد|سامسونج)",
    r"(?:الغاء|لالغاء) الاشتراك (?:في|من) (?:النشره|القايمه|هذه)",
    r"جميع الحقوق محفوظه",
    r"(?:هذه الرساله ومرفقاتها|محتوي هذه الرساله) سري\p{L}*",
)
# In the text as it stands. Our own tags of masked data, [phone_2], are none of these.
_FIELD = (
    r"(?:(?:your|insert|enter|add|first|last|full|customer|company|agent|client|user|recipient|sender|order|product|item"
    r"|[أا]دخل|[أا]ضف)[ _-][^\[\]<>{}\n]{1,40}"
    r"|(?:name|date|phone|email|address|link|url|amount|price|number|tracking|ticket|case|reference|signature|position"
    r"|title|placeholder|website|business|department|reason|اسم|الاسم|اسمك|رقم|الرقم|تاريخ|التاريخ|رابط|الرابط|عنوان"
    r"|العنوان|مبلغ|المبلغ|العميل|الشركة|المنتج|بريد|البريد|هاتف|المدة|السبب|توقيع)(?:[ _-][^\[\]<>{}\n]{0,40})?)"
)
_PLACEHOLDER = (
    r"\{\{[^{}\n]{1,60}\}\}|\$\{[^{}\n]{1,60}\}|<%[^%\n]{1,60}%>|\{[a-z]+(?:_[a-z]+)*\}",
    rf"(?i:[\[<{{(]{{1,2}}(?:{_FIELD})[\]>}}]{{1,2}})",
    r"%[A-Z][A-Z_]{2,}%|#[A-Z][A-Z_]{2,}#|\b__[A-Z_]{3,}__\b|\b[A-Z]+_[A-Z_]*(?:NAME|NUMBER|DATE|EMAIL|ADDRESS|LINK)\b",
    r"\b(?:TODO|TBD|FIXME|TBC)\b|\bX{3,}(?:[-/ ]X+)*\b|:\s?_{4,}|\[object Object\]|(?i:lorem ipsum)",
    r"(?i:\b(?:dear|hi|hello|hey|mr|ms|مرحبا|مرحباً|أهلاً|عزيزي|عزيزتي|السيد|السيدة) (?:null|none|undefined|nan|n/a)\b)",
)
_TAG = r"\[[a-z_]+_\d+\]"


@check(
    "refusal",
    {"model_refusal": "fatal", "placeholder": "doubt", "boilerplate": "doubt"},
    version=2,
    languages=("en", "ar"),
    source="own phrase patterns, English and Arabic",
)
def refusal(conversations: pl.DataFrame, context: Context) -> Iterator[Mapping[str, Any]]:
    """Replies that speak as a language model, keep a template's blanks, or come from a machine that answers mail.

    `model_refusal`: talk of being an AI, of training and of guidelines. `placeholder`: [Your Name], {{order_id}},
    <INSERT DATE>, "Dear null", lorem ipsum, TODO, XXX. `boilerplate`: automatic replies, absence notes, mail footers,
    disclaimers. `value` = how many in the conversation, `turn` and `evidence` = the first.

    Limits: refusals in the team's own words are its business (and the playbook's); a bot that is meant to introduce
    itself as one needs model_refusal switched off in params.yaml.
    """
    replies = turns(conversations).filter(pl.col("role") == "assistant")
    text, plain = folded(pl.col("content")), pl.col("content").str.replace_all(_TAG, "")
    found = replies.select(
        "conversation_id",
        "turn",
        model_refusal=text.str.extract_all(_whole(_MODEL_TALK)),
        placeholder=plain.str.extract_all("|".join(_PLACEHOLDER)),
        boilerplate=text.str.extract_all(_whole(_BOILERPLATE)),
    )
    each = found.unpivot(index=["conversation_id", "turn"], variable_name="code", value_name="said")
    seen = each.filter(pl.col("said").list.len() > 0).sort("conversation_id", "code", "turn")
    count = seen.group_by("conversation_id", "code", maintain_order=True).agg(
        turn=pl.col("turn").first(), value=pl.col("said").list.len().sum(), evidence=pl.col("said").first().list.first()
    )
    yield from count.with_columns(pl.col("evidence").str.strip_chars(" "), threshold=pl.lit(1.0)).iter_rows(named=True)


def _whole(patterns: tuple[str, ...]) -> str:
    return rf"\b[وف]?(?:{'|'.join(patterns)})\b"
