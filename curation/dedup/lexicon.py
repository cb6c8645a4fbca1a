"""Words that the meaning guard looks at, English and Arabic, as `fold` writes them."""

import re
from collections.abc import Iterable

from curation.text.folding import fold
from curation.text.lexicon import ARABIC_MONTHS, ENGLISH_MONTHS, LEVANTINE_MONTHS, NUMBERS


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
    form: number for number, words in NUMBERS.items() for word in _folded(words) for form in _joined([word])
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
# A refusal that refuses nothing, and "hello again", which counts nothing.
POLITE_NO = re.compile(
    r"\b(?:no,? (?:thanks|thank you|thankyou|thx|problem|worries)|not at all|nothing (?:else|more)|no more|why not|"
    r"(?:مرحبا|اهلا|هلا|السلام عليكم|شكرا) مره (?:ثانيه|اخري)|"
    r"لا,? شكرا|لا مشكله|لا باس|لا عليك|ولا يهمك|لا داعي)\b"
)

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
ممكن / مستحيل · نعم ايوه اي / لا كلا · مبكر / متأخر · رخيص / غالي
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
    "mr mrs ms miss dr dear "
    "اسمي اسمك اسمه اسمها أنا معك السيد السيدة الأستاذ الأستاذة أستاذ أستاذة سيد سيدة الأخ الأخت أخي أختي أبو أم يا "
    "عزيزي عزيزتي الكريم الكريمة مرحبا أهلا هلا أهلين حياك الدكتور الدكتورة دكتور دكتورة المهندس المهندسة الآنسة "
    "المدعو المدعوة باسم"
)
# What stands where names stand and is none: courtesy, answers, the words sentences begin with.
NO_NAMES = _folded(
    "i i'm i'd hai that thats confirm confirmed bye byee mhm hmm um uh i'll i've ok okay yes yeah yep yup no nope "
    "not hi hello hey dear thanks thank thx please pls plz kindly sorry sure great good fine well welcome alright "
    "perfect cool awesome nice wonderful excellent goodbye cheers looking sir madam ma'am miss mr mrs ms dr there team "
    "everyone all right correct exactly done nothing none that's it's a an the this these those my your his her its "
    "our their you we he she it they me us him them who whom whose what what's when where why how which and but or "
    "so if then because as at by for from in of on to with about after before until while since also too just only "
    "even still again now later soon once here is are was were be been am do does did have has had can could will "
    "would shall should may might must let let's lets get give go come want need like look check tell say ask try "
    "take make find help send see know think hope wait hold call use put keep some any each every another other "
    "both many much more most less few next last first second finally however although though unfortunately "
    "actually currently really maybe perhaps probably certainly absolutely definitely الله بك بكم فيك فيكم عليك "
    "عليكم السلام وسهلا سهلا مرحبا أهلا أهلين هلا شكرا عفوا لو سمحت سمحتم فضلك فضلكم من تكرمت نعم لا طيب حسنا تمام "
    "اوكي أوك ماشي حاضر أكيد بالتأكيد ممتاز جيد رائع والله أخي أختي عزيزي عزيزتي العميل العميلة سيدي سيدتي أستاذ "
    "أستاذة الكريم الكريمة صديقي يا أنا هنا هل كيف متى أين لماذا ماذا ما هو هي جميعا بالجميع جزيلا كثيرا جدا مع "
    "آسف آسفة آسفين متأسف متأسفة نأسف أعتذر نعتذر معذرة للأسف بصراحة صراحة يعني طبعا فعلا صحيح صح أيوه "
    "أيوة ايه بلى كلا خلاص تم معلش رجاء الرجاء أرجو مشكور مشكورة تسلم يسلمو ممنون ممنونة متشكر متشكرة "
    "يعطيك العافية صباح مساء الخير النور تحية تحياتي سلام السلام إذا لكن ثم بعدين أيضا كمان ممكن وش شو "
    "ايش ليش وين مجددا "
    "مساعد مساعدك في على إلى عن أريد أود أرغب بخدمتك خدمتك تفضل تفضلي أبغى بدي عايز "
    "جماعة شباب ناس إخوان اخوان اخوة خوي خويا خيتي حبيبي حبيبتي غالي غالية حلو عم عمي باشا بيه فندم ريس معلم أفندم "
    "دخيلك تكفى تكفون بالله يسعدك يسعدكم يسعد أوقاتكم أوقاتك حضرتك حضرتكم كيفك كيفكم حالك حالكم أخبارك أخباركم"
)
