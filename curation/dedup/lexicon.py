"""Words that the meaning guard looks at, English and Arabic, as `fold` writes them."""

import re
from collections.abc import Iterable

from curation.core.text.folding import fold
from curation.core.text.lexicon import ARABIC_MONTHS, ENGLISH_MONTHS, LEVANTINE_MONTHS, NUMBERS


def _folded(text: str) -> frozenset[str]:
    return frozenset(fold(word) for word in text.split())


def _joined(words: Iterable[str]) -> set[str]:
    """Arabic writes "and", "so", "by", "for" and "the" onto the word: each word alone and with them before it."""
    articles = ("", "ال")
    before = ("", "و", "ف", "ب", "ل", "ك", "وب", "ول")
    return {head + article + word for word in words for head in before for article in articles} | {
        head + "لل" + word for word in words for head in ("", "و")
    }


# "1" and "one" are the same number, "1st" and "first" too. A word that is often no number (Arabic "half a moment",
# English "second") keeps a pair apart when only one side says it: the safe side.
NUMBER_WORDS = {
    form: number
    for number, words in NUMBERS.items()
    for word in _folded(words)
    for form in _joined([word]) - {"لست", "كميه"}  # I am not; a quantity
}

# What is counted; it tells only right after a number ("5 days", not "have a nice day").
_UNITS = {
    "%": "percent بالمئة بالمية",
    "second": "seconds sec secs ثواني",
    "minute": "minutes min mins دقيقة دقائق",
    "hour": "hours hr hrs ساعة ساعات",
    "day": "days يوم يوما أيام",
    "week": "weeks أسبوع أسابيع",
    "month": "months شهر شهرا أشهر شهور",
    "year": "years سنة سنوات عام أعوام",
    "dollar": "dollars usd دولار دولارا دولارات",
    "euro": "euros eur يورو",
    "pound": "pounds gbp جنيه جنيها",
    "cent": "cents",
    "riyal": "riyals sar ريال ريالا ريالات",
    "dirham": "dirhams aed درهم درهما دراهم",
    "dinar": "dinars jod kwd دينار دينارا دنانير",
    "shekel": "shekels ils شيكل شواكل",
    "kilogram": "kilograms kg kilo kilos كيلو كيلوغرام كيلوجرام",
    "gram": "grams غرام جرام",
    "meter": "meters metre metres متر أمتار",
    "kilometer": "kilometers km كيلومتر",
    "gigabyte": "gigabytes gb جيجا غيغا",
    "megabyte": "megabytes mb ميجا",
    "am": "صباحا",
    "pm": "مساء",
}
UNITS = {word: unit for unit, words in _UNITS.items() for word in {unit, *_folded(words)}}
_DUALS = {
    "day": "يومين",
    "week": "أسبوعين",
    "month": "شهرين",
    "year": "سنتين عامين",
    "hour": "ساعتين",
    "minute": "دقيقتين",
}
DUALS = {form: f"2 {unit}" for unit, words in _DUALS.items() for form in _joined(_folded(words))}

_NOT = "not cannot cant dont doesnt didnt wont wouldnt couldnt shouldnt isnt arent wasnt werent havent hasnt hadnt"
_REFUSALS = (
    "no never none nothing nobody neither nor nowhere without unless except hardly barely "
    "لا لم لن ليس ليست لست لسنا ليسوا غير بدون دون بلا عدم سوى إلا ما مش مو مب موب مهو مهب ماني ماكو مافي مافيه"
)
NEGATIONS = dict.fromkeys(_NOT.split(), "not") | {
    head + word: word for word in _folded(_REFUSALS) for head in ("", "و", "ف")
}
# Courtesies of more than a word: refusals that refuse nothing, "hello again", which counts nothing, good wishes.
_COURTESIES = re.compile(
    r"[^a-z0-9_](?<!\w)"  # before a word
    r"(?:no,? (?:thanks|thank you|thankyou|thx|problem|worries)|not at all|nothing (?:else|more)|no more|why not|"
    r"(?:sorry|apologies) (?:to bother|for (?:bothering|the inconvenience|any inconvenience|the trouble))|"
    r"to whom it may concern|(?:i )?hope (?:you(?: are|'re)|this (?:mail|email|message) finds you) (?:doing )?well|"
    r"thank(?:s| you) (?:for your|for the) (?:help|time|support|assistance|patience)|"
    r"(?:i )?(?:really |truly |much )?appreciate (?:it|that|your (?:help|time|support|assistance))|"
    r"have a (?:very )?(?:nice|good|great|lovely|wonderful|blessed) (?:day|evening|night|one|weekend|time|rest)|"
    r"looking forward to (?:hearing from you|your (?:reply|answer|response))|(?:best|kind|warm) (?:regards|wishes)|"
    r"(?<![\w,'] )(?:great|good|fine|perfect|awesome|cool|nice|excellent|wonderful|amazing|superb|lovely|alright|sure|"
    r"ممتاز|ممتازه|جيد|رائع|جميل)(?= ?(?:[,.!?؟،]|$))|"
    r"thank(?:s| you) in advance|by the way|if you don't mind|"
    r"(?:مرحبا|اهلا|هلا|السلام عليكم|شكرا) مره (?:ثانيه|اخري)|لو (?:تكرمت|سمحت)\w{0,2}|"
    r"تحيه طيبه|اتمني لك\w? يوما? (?:سعيدا?|طيبا?)|مع (?:خالص )?(?:الشكر|التحيه|التقدير|تحياتي)|نهارك? سعيد|"
    r"(?:اسف|عذرا|معذره) (?:ع[ل]?ي|لل)\s?ا?ل?(?:ازعاج|اطاله)|بارك الله|جزاك\w? الله|الله ي(?:عافي|عطي|سعد|حفظ)\w{1,3}|"
    r"لا,? شكرا|لا مشكله|لا باس|لا عليك|ولا يهمك|لا داعي)\b"
)


def without_courtesies(folded: str) -> str:
    """The text with a space for each courtesy, and one more before all.

    The character before a word is in the pattern, which so is tried where words begin and nowhere else.
    """
    return _COURTESIES.sub(lambda courtesy: courtesy[0][0] + " ", " " + folded)


# "may" and the short forms of days are words too: left to the capitals. Parts of the day are greetings at times.
_DATES = " ".join(
    [
        "monday tuesday wednesday thursday friday saturday sunday",
        "today tonight tomorrow yesterday midnight noon weekend",
        "الأحد الاثنين الإثنين الثلاثاء الأربعاء الخميس الجمعة السبت محرم رمضان شوال شعبان رجب",
        "اليوم غدا بكرة بكرا باكر أمس امبارح مبارح البارحة الليلة",
        *(month for month in ENGLISH_MONTHS if month != "may"),
        *ARABIC_MONTHS,
        *(month.split()[0] for month in LEVANTINE_MONTHS),
    ]
)
DATES = {form: word for word in sorted(_folded(_DATES)) for form in (word, "و" + word, "ب" + word, "ل" + word)}
DAY_PARTS = _folded("morning afternoon evening night صباح مساء صباحا مساء ظهرا عصرا ليلا")
WELL_WISHED = _folded("good great nice lovely wonderful pleasant beautiful blessed fine الخير النور الورد سعيد طيب")

# Exchanging one for the other turns a statement round. Sides are told apart by /, inflected English forms are found by
# their stem.
_OPPOSITES = """
before / after · increase raise / decrease reduce lower · accept approve / decline reject deny refuse
open / close · enable activate / disable deactivate · buy purchase / sell · cancel / confirm keep
credit / debit · on / off · deposit / withdraw withdrawal · arrive arrival / depart departure
above over / below under · more / less fewer · high higher / low lowest · maximum most / minimum least
up / down · in / out · left / right · next / last previous · early earlier / late later
cheap cheaper / expensive · hot / cold iced · large big / small medium · allowed / forbidden · true / false
add / remove · inside / outside · start begin / stop end finish · all / some · lock / unlock · send / receive
win / lose · yes yeah / no nope · subscribe / unsubscribe · upgrade / downgrade · push / pull · import / export
include / exclude · possible / impossible · correct / incorrect wrong · available / unavailable · قبل / بعد
زيادة رفع ازيد أرفع / تقليل تخفيض خفض انقص · قبول موافقة اقبل يقبل / رفض ارفض يرفض · فتح افتح / إغلاق اغلق
تفعيل تنشيط افعل / تعطيل إيقاف الغاء · شراء اشتري / بيع ابيع · إيداع اودع / سحب اسحب · وصول / مغادرة
دخول / خروج · فوق أعلى / تحت أدنى أسفل · أكثر / أقل · مسموح / ممنوع · صحيح / خطأ · بارد / ساخن حار
كبير كبيرة / صغير صغيرة · قادم قادمة مقبل / ماضي ماضية · يمين / يسار · داخل / خارج · ذهاب / عودة إياب
إضافة أضيف / حذف إزالة احذف · إرسال / استلام · دائن / مدين · بداية / نهاية · متاح متوفر / محجوز نفد
ممكن / مستحيل · نعم ايوه اي / لا كلا · مبكر / متأخر · رخيص / غالي · to into / from · من / إلى · مع / ضد · for / against
"""
_STEM_ENDS = ("ing", "ed", "es", "e", "s")
_SHORTEST_STEM = 3


def stem(word: str) -> str:
    """An English word without its common endings: accepts, accepted, accepting -> accept. Others as they are."""
    end = next((end for end in _STEM_ENDS if word.endswith(end) and len(word) - len(end) >= _SHORTEST_STEM), "")
    bare = word.removesuffix(end)
    return bare[:-1] if bare[-2:] in ("ll", "pp") else bare  # cancelled, stopping


def _opposites() -> dict[str, tuple[int, int]]:
    pairs = [pair.split("/") for line in _OPPOSITES.strip().splitlines() for pair in line.split("·")]
    return {
        form: (number, side)
        for number, sides in enumerate(pairs)
        for side, words in enumerate(sides)
        for word in words.split()
        for form in ({stem(word)} if word.isascii() else _joined([fold(word)]))
    }


OPPOSITES = _opposites()  # stem -> (number of the pair, its side)

# Arabic has no capitals: a name is what follows a word that announces one, or what is called out between marks.
NAME_FOLLOWS = _folded(
    "mr mrs ms miss dr dear اسمي اسمك اسمه اسمها أنا معك السيد السيدة الأستاذ الأستاذة أستاذ أستاذة سيد سيدة الأخ "
    "الأخت أخي أختي أبو أم يا عزيزي عزيزتي الكريم الكريمة مرحبا أهلا هلا أهلين حياك الدكتور الدكتورة دكتور دكتورة "
    "المهندس المهندسة الآنسة المدعو المدعوة باسم"
)
# What stands where names stand and is none: courtesy, answers, the words sentences begin with.
NO_NAMES = _folded(
    "i i'm i'd hai that thats confirm confirmed bye byee mhm hmm um uh i'll i've ok okay yes yeah yep yup no nope not "
    "hi hello hey dear thanks thank thx please pls plz kindly sorry sure great good fine well welcome alright perfect "
    "cool awesome nice wonderful excellent goodbye cheers looking sir madam ma'am miss mr mrs ms dr there team "
    "everyone all right correct exactly done nothing none that's it's a an the this these those my your his her its "
    "our their you we he she it they me us him them who whom whose what what's when where why how which and but or so "
    "if then because as at by for from in of on to with about after before until while since also too just only even "
    "still again now later soon once here is are was were be been am do does did have has had can could will would "
    "shall should may might must let let's lets get give go come want need like look check tell say ask try take make "
    "find help send see know think hope wait hold call use put keep some any each every another other both many much "
    "more most less few next last first second finally however although though unfortunately actually currently "
    "really maybe perhaps probably certainly absolutely definitely الله بك بكم فيك فيكم عليك عليكم السلام وسهلا سهلا "
    "مرحبا أهلا أهلين هلا شكرا عفوا لو سمحت سمحتم فضلك فضلكم من تكرمت نعم لا طيب حسنا تمام اوكي أوك ماشي حاضر أكيد "
    "بالتأكيد ممتاز جيد رائع والله أخي أختي عزيزي عزيزتي العميل العميلة سيدي سيدتي أستاذ أستاذة الكريم الكريمة صديقي "
    "يا أنا هنا هل كيف متى أين لماذا ماذا ما هو هي جميعا بالجميع جزيلا كثيرا جدا مع آسف آسفة آسفين متأسف متأسفة نأسف "
    "أعتذر نعتذر معذرة للأسف بصراحة صراحة يعني طبعا فعلا صحيح صح أيوه أيوة ايه بلى كلا خلاص تم معلش رجاء الرجاء أرجو "
    "مشكور مشكورة تسلم يسلمو ممنون ممنونة متشكر متشكرة يعطيك العافية صباح مساء الخير النور تحية تحياتي سلام السلام "
    "إذا لكن ثم بعدين أيضا كمان ممكن وش شو ايش ليش وين مجددا مساعد مساعدك في على إلى عن أريد أود أرغب بخدمتك خدمتك "
    "تفضل تفضلي أبغى بدي عايز جماعة شباب ناس إخوان اخوان اخوة خوي خويا خيتي حبيبي حبيبتي غالي غالية حلو عم عمي باشا "
    "بيه فندم ريس معلم أفندم دخيلك تكفى تكفون بالله يسعدك يسعدكم يسعد أوقاتكم أوقاتك حضرتك حضرتكم كيفك كيفكم حالك "
    "حالكم أخبارك أخباركم"
)

# -- words that may come and go, and words that are written in more than one way -------------------------------------

# Of NO_NAMES those that say something nevertheless: exchanged for another they ask for something else.
_TELLING = _folded(
    "confirm confirmed looking get give go come look check tell say ask try take make find help send see know think "
    "hope wait hold call use put keep before after until while every each another other both many much more most less "
    "few next last first second now later soon what what's when where who whom whose why how not "
    "never nothing nobody none correct exactly all everyone everything team done miss "
    "good great fine nice perfect cool awesome wonderful excellent ممتاز جيد رائع جديد انسه كيف متي اين لماذا ماذا وش "
    "شو ايش ليش وين العميل العميله مساعد مساعدك صحيح تم خلاص بخدمتك خدمتك"
)
# Articles, pronouns, auxiliaries, prepositions, fillers and courtesies of one word: they hold a sentence together, and
# none names what is talked about. Those that turn it round are among NEGATIONS and OPPOSITES.
EMPTY = (NO_NAMES - _TELLING) | _folded(
    "a an the this these those that there here i you we they he she it one ones me him her us them my your his its "
    "our their mine yours ours theirs myself yourself itself ourselves themselves am is are was were be been being do "
    "does did doing have has had having can could will would shall may might must should let get's got gonna wanna "
    "gotta and or but so if then than as at by for from in into of on onto to up out off over with within about "
    "around through during upon via per because since also too just only even still again well oh ah aw hmm hm uh um "
    "er eh really actually basically simply literally honestly quite rather pretty very so such kind sort bit "
    "lot lots please kindly anyway though indeed certainly away once any some want wants "
    "wanted need needs needed wish like would'd yo hey hello hi hiya greetings howdy day's guys folks mate buddy dude "
    "bro sir madam thanks thank thankful grateful sorry apologies apologize appreciate appreciated "
    "cheers bye goodbye ok okay alright lol haha hahaha regards sincerely who's which في من "
    "على الى عن ب ل ك و ف او ان انه انها اني انا انت انتي انتم نحن هم هن هي هو هذا هذه هذي هاي ذلك تلك ذا هؤلاء التي "
    "الذي الذين اللي الي قد لقد سوف كان كانت كنت كنا يكون تكون اكون بان لان لانه لاني كي لكي حتى عند لدي لديك لديكم "
    "عندي عندك عندكم لي لك لكم له لها لنا لهم به بها منه منها فيه فيها عليه عليها اليه اليها بي معي معك معكم منك منكم "
    "اذا لو كما ايضا كمان برضه بس فقط جدا كثيرا كتير قليلا شوي شويه هنا هناك يعني طبعا فعلا حقا والله اريد اود ارغب "
    "ابغي ابي بدي عايز عايزه عاوز حاب نريد نود اتمني يمكن يمكنك يمكنكم يمكنني بامكانك بامكاني بامكانكم ممكن اقدر تقدر "
    "نقدر استطيع تستطيع ارجو ارجوك ارجوكم نرجو يرجي الرجاء رجاء فضلك فضلكم سمحت سمحتم سمحتي تكرمت تكرمتم عافاك عفاك "
    "مشكورين شكرا شاكر ممتن طيبه طيب وبعد اهلا مرحبا هلا سلام عليكم السلام ورحمه وبركاته تحيه تحياتي ازعاج اخ اخت "
    "استاذ حضرتك"
)

# What people type for short, as the whole word; the apostrophe that phones leave out.
SHORT_FORMS = {
    short: long
    for long, shorts in {
        "you": "u ya yu",
        "your": "ur yr",
        "are": "r",
        "because": "cause coz cuz bcoz",
        "please": "pls plz plss pleas",
        "thanks": "thx thnx tnx ty thanx thankyou",
        "i'm": "im iam",
        "i've": "ive",
        "it's": "its",
        "you're": "youre",
        "they're": "theyre",
        "we're": "were",
        "we've": "weve",
        "that's": "thats",
        "what": "whats wat",
        "where": "wheres",
        "how": "hows",
        "there": "theres",
        "let's": "lets",
        "want": "wanna",
        "message": "msg",
        "number": "num nbr",
        "account": "acct acc",
        "about": "abt",
        "with": "w",
        "information": "info",
        "okay": "ok k kk okey",
        "و": "&",
    }.items()
    for short in shorts.split()
}

# Words that stand for each other in any support conversation. Not "small" and "medium", not "refund" and "return".
_SYNONYMS = """
parcel parcels package packages · email emails mail mails · phone telephone · quick quickly fast rapidly
immediately instantly promptly · delivered handed · courier delivery carrier shipper · inbox mailbox · collect pick
booked arranged · purchase purchased purchasing buy bought buying · issue issues problem problems · couch sofa
photo photos picture pictures pic pics · television tv · refrigerator fridge · apartment flat · film movie
cab taxi · application app · assist help assisting helping · reply answer respond · begin start · finish end
advertisement advert ad · children kids · bicycle bike · big large · incorrect wrong
مستودع مخزن · صندوق كرتون علبه · فورا حالا · هاتف تلفون تليفون · جوال موبايل محمول · سياره عربيه · مشكله مشكل
رساله مسج · ايميل بريد · مساعده معاونه · يريد يرغب · بسرعه سريعا عاجلا
"""


def _synonyms() -> dict[str, str]:
    groups = [group.split() for line in _SYNONYMS.strip().splitlines() for group in line.split("·")]
    found: dict[str, str] = {}
    for first, *others in groups:
        forms = {word: word for word in (first, *others)}
        if not first.isascii():
            forms = {form: word for word in forms for form in _joined([fold(word)])}
        found.update(dict.fromkeys(forms, found.get(first, first)))
    return found


SYNONYMS = _synonyms()

# Words of their own that are one slip of the fingers apart.
CONFUSABLE = frozenset(
    frozenset(pair.split("/"))
    for pair in (
        "march/match march/marsh first/fist month/mouth "
        "country/county contact/contract trial/trail angel/angle diary/dairy quiet/quite barley/barely casual/causal "
        "dessert/desert loose/lose later/latter board/broad united/untied martial/marital statue/status bread/beard "
        "shirt/short "
        "shirt/skirt house/horse house/hose plane/planet price/prize hotel/hostel hotel/motel personal/personnel "
        "expand/expend extend/extent accept/except affect/effect adapter/adopter contest/context content/context "
        "through/though thorough/through receipt/receiver silver/sliver sunny/funny charge/change "
        "charger/changer coat/boat coat/goat boots/books brown/crown green/greed black/block white/while "
        "pants/paints paint/point print/point plant/plane plant/plan plans/plants pound/round mouse/house glass/grass "
        "clock/block truck/track trunk/truck train/trail table/cable tablet/table station/stationary "
        "stationery/stationary principal/principle complement/compliment insurance/assurance "
        "compare/compere reserve/reverse reserved/reversed conversation/conservation preform/perform "
        "prefect/perfect expect/except resent/recent signal/single signed/singed singing/signing filing/filling "
        "dinner/diner super/supper roman/woman india/indian iran/iraq austria/australia niger/nigeria "
        "استلام/استعلام تحويل/تخويل اشعار/اسعار حذاء/غذاء غداء/غذاء عشاء/غشاء قهوه/قوه "
        "شاشه/شاحنه"
    ).split()
)

# Signs that say something, by what they say; faces, hearts and flowers are courtesies.
SIGNS = {
    sign: said
    for said, signs in {
        "👍": "👍 👌 ✅ ✔ ☑ 💯 🆗",
        "👎": "👎 ❌ ✖ ❎ 🚫 ⛔",
        "😡": "😡 😠 🤬 😤 👿 🖕",
        "😢": "😢 😭 😞 😔 ☹ 🙁 😟 😩 😫 😥 😓 😣 💔 😿 😦 😧 :( :-( =(",
        "": "🙂 😊 😀 😃 😄 😁 😆 😅 😇 🥰 😍 😘 🤗 😉 😋 😎 🤩 🥳 ☺ ❤ 💕 💖 💗 💙 "
        "💚 💛 💜 🧡 🖤 💞 💓 🙏 🌹 🌸 🌷 🌺 💐 🌻 🤝 👋 ✨ 🎉 🎊 😂 🤣 ⬇ ➡ 👇 "
        "👉 :) :-) ;) ;-) =)",
        "<=": "≤",
        ">=": "≥",
        "!=": "≠",
        "=": "==",
        "×": "*",
        "÷": "/",
        "-": "−",
    }.items()
    for sign in signs.split()
}
NEGATIONS |= {sign: said for sign, said in SIGNS.items() if said == "👎"}

# After these an "a" is a label, as in "gate a".
LABELLED = frozenset(
    "plan gate option vitamin type class grade group section block building terminal size model hepatitis blood team "
    "zone category level platform answer choice part room wing hall tower tier series version unit exit".split()
)
