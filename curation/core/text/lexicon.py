"""Words and signs of numbers, months and money, English and Arabic, as people write them and not as `fold` does."""

DIGITS, ARABIC_DIGITS, PERSIAN_DIGITS = "0123456789", "٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹"
THOUSANDS = r"[,٬](?=\d{3}(?!\d))"  # the sign between them

ENGLISH_MONTHS = tuple("january february march april may june july august september october november december".split())
ARABIC_MONTHS = tuple("يناير فبراير مارس أبريل مايو يونيو يوليو أغسطس سبتمبر أكتوبر نوفمبر ديسمبر".split())
LEVANTINE_MONTHS = tuple(
    "كانون الثاني,شباط,آذار,نيسان,أيار,حزيران,تموز,آب,أيلول,تشرين الأول,تشرين الثاني,كانون الأول".split(",")
)
HIJRI_MONTHS = tuple(
    "محرم,صفر,ربيع الأول,ربيع الآخر,جمادى الأولى,جمادى الآخرة,رجب,شعبان,رمضان,شوال,ذو القعدة,ذو الحجة".split(",")
)

CURRENCY_SIGNS = "$€£"
CURRENCY_CODES = ("usd", "sar", "aed", "egp", "jod", "kwd")
CURRENCY_NAMES = ("ريال", "درهم", "دينار", "جنيه")

# Words that are often no number are among them (Arabic "half a moment", English "second").
NUMBERS = {
    "0": "zero صفر",
    "1": "one واحد واحدة وحدة",
    "2": "two twice اثنان اثنين اثنتان اثنتين تنين ثنين مرتين",
    "3": "three ثلاث ثلاثة تلات تلاتة",
    "4": "four أربع أربعة",
    "5": "five خمس خمسة",
    "6": "six ست ستة",
    "7": "seven سبع سبعة",
    "8": "eight ثمان ثماني ثمانية تمن تمانية",
    "9": "nine تسع تسعة",
    "10": "ten عشر عشرة",
    "11": "eleven احدعشر حداشر",
    "12": "twelve اثناعشر اثنعش",
    "13": "thirteen",
    "14": "fourteen",
    "15": "fifteen",
    "16": "sixteen",
    "17": "seventeen",
    "18": "eighteen",
    "19": "nineteen",
    "20": "twenty عشرون عشرين",
    "30": "thirty ثلاثون ثلاثين",
    "40": "forty أربعون أربعين",
    "50": "fifty خمسون خمسين",
    "60": "sixty ستون ستين",
    "70": "seventy سبعون سبعين",
    "80": "eighty ثمانون ثمانين",
    "90": "ninety تسعون تسعين",
    "100": "hundred مئة مائة مية",
    "200": "مئتان مئتين مائتين ميتين",
    "1000": "thousand ألف آلاف",
    "2000": "ألفين ألفان",
    "1000000": "million مليون ملايين",
    "0.5": "half نصف نص",
    "0.25": "quarter ربع",
    "x2": "double ضعف",
    "1st": "first أول أولى",
    "2nd": "second ثاني ثانية",
    "3rd": "third ثالث ثالثة ثلث",
    "4th": "fourth رابع رابعة",
    "5th": "fifth خامس خامسة",
    "6th": "sixth سادس سادسة",
    "7th": "seventh سابع سابعة",
    "8th": "eighth ثامن ثامنة",
    "9th": "ninth تاسع تاسعة",
    "10th": "tenth عاشر عاشرة",
}
