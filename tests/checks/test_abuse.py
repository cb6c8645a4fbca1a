"""Abuse: what is no insult although a word of one is in it, and insults that must be heard all the same."""

import itertools

import pytest

from curation.checks import checks
from tests.builders import context, record, talk
from tests.checks.word_lists import codes


@pytest.mark.parametrize(
    "said",
    [
        "I am calling from Pakistan, my family lives in Karachi.",
        "Are you Pakistani? Our branch in Pakistan is open today.",
        "How dense is the foam, and how thick is the mattress?",
        "Are you deaf or hard of hearing? We have a text line.",
        "I hope the parcel did not get lost on its way.",
        "I'll deal with it as soon as the shop opens.",
        "The stop is about two hours away, so please use your headset.",
        "There are no stupid questions, please ask away.",
        "Two tickets for Dumb and Dumber, and one for Psycho at nine.",
        "We have the film Psycho and the novel The Idiot in stock.",
        'Have you read "The Subtle Art of Not Giving a Fuck" yet?',
        "The jerk chicken comes with a salad tosser and a finger prick test.",
        "Mr Moron lives in Morón, Mrs Prats in El Prat.",
        "Write to f***@mail.example or s***t@mail.example.",
        "Your card **** 1234 and the code #### are covered.",
        "I will find you a room, and you will break your own record.",
        "This sofa is a waste of space according to my mother.",
        "I'm such an idiot, I forgot my own birthday.",
        "The idiot-proof lock opens with one hand.",
        "Fatty fish, an ugly duckling costume and a donkey ride, please.",
        "What a crazy day, what a week!",
        "People like you make our day, customers like you are why we work.",
        "Please use the drop-dead date, and screw off the lid.",
        "You get thick socks, a lazy river and a crazy golf course.",
        "Losers pay for the round, and cowards may leave the ride early.",
        "I will find you a table and break your bill into three.",
        "We hope you all rest well, and I know where you can park.",
        "Your ticket covers lions, snakes, monkeys.",
    ],
)
def test_words_with_other_uses_are_no_abuse(said: str):
    assert codes(talk(said, said), check="profanity") == set()


@pytest.mark.parametrize(
    "said",
    [
        "سنعمل على حل مشكلتك في أقرب وقت.",
        "هل أنت مريض؟ سلامتك يا أمي.",
        "أهلاً يا سيد زامل، معك طحان من شركة الزامل.",
        "عندي حذاء نايك وشنطة جلد.",
        "الله يهديك ويأخذ بيدك، والله يشيل عنك كل هم.",
        "غداً وغد بعد غد، وأنجبت زوجتي طفلاً.",
        "أريد أكياس زبالة وكيس قمامة كبير.",
        "الإنترنت فعلا ضعيف والسعر فعلا رخيص.",
        "ليس ذنبك ولا غلطتك، أنت تستحق الأفضل وتستاهل كل خير.",
        "زرت قلعتك المفضلة في الغور، وعندي صداع ووجع راس.",
        "هل هذه مشكلتك؟",
        "دين أبوك مسدد بالكامل.",
        "يا بنت الحلال، يا ولد، يا روحي.",
        "المسند تحت رجلي غير مريح والخبز معفن.",
        "شاهدت فيلم الأحمق ومسلسل الحقيرة.",
        "أسكت الإشعارات من الإعدادات.",
        "كم نصاب الزكاة؟",
        "هل أنت جوعان؟ المطعم مفتوح حتى منتصف الليل.",
        "الله يبارك في عمرك، والله لا يقطعك من الخير ولا يبتليك.",
        "عساك ما تشوف شر، وإن شاء الله بلا مشاكل.",
        "سأقطع لك تذكرة، وبكسر الغصن تتضرر الشجرة، والعناية بجلدك مهمة.",
        "الخصم 50* ريال والباقي 20#.",
        "ما يهمنا إلا رضاك.",
        "إن شاء الله تخسر الوزن الذي تريده، وخولة في انتظارك.",
    ],
)
def test_arabic_words_with_other_uses_are_no_abuse(said: str):
    assert codes(talk(said, said), language="ar", check="profanity") == set()


@pytest.mark.parametrize(
    "said",
    [
        "You rude, lazy idiots.",
        "What a clown!",
        "Your driver is a liar.",
        "Get lost!",
        "Just shut up.",
        "Oh, grow up.",
        "you are such a fool",
        "Deal with it.",
        "Go to hell, mate.",
        "You fucking Moron",
        "what a fucking joke",
        "And honestly I don't care.",
        "Do not talk to me like that, you idiot.",
        "I am talking to your moron of a boss, you halfwit.",
        "I'm so fucking done with you.",
        "You b a s t a r d.",
        "What an i.d.i.o.t you are.",
        "Oh look, a stupid complaint again.",
        "You absolute muppet!",
        "Scum like you ruin it.",
        "Utter bellends, honestly.",
        "you are so freaking dumb",
        "I'll torch your car.",
        "Piss off back home.",
        "Your order ships on Monday, loser.",
        "Ugly old hag.",
        "You thick-headed donkey, read it again.",
        "you gormless little git",
        "Go choke on it.",
        "I'm going to break your face.",
        "We know exactly where you live.",
        "I hope your whole family rots.",
        "My cat has more brains than you.",
        "خ ر ا عليك",
        "روح يا ق.ح.ب.ه",
        "غبي مثلك لا يستحق الرد.",
        "أنتم مجموعة لصوص",
        "يا غبية",
        "انت واحد كذاب",
        "حلها بنفسك",
        "الله يأخذكم",
        "اسكت!",
        "يا عديم الشرف",
        "انت بني آدم مقرف ووسخ.",
        "سخيف وتافه.",
        "الله يعمي قلبك.",
        "الله يقطع نسلكم.",
        "الله لا يوفقكم.",
        "والله لأهشم وجهك.",
        "راح اكفخك لو جيت.",
        "مخك خربان.",
        "شلة كذابين",
        "والله لأحرق سيارتك.",
        "إنك غبية.",
        "يا ش*موطة",
        "ك*س اختك",
    ],
)
def test_abuse_is_seen_where_somebody_is_called_so(said: str):
    assert "profanity_agent" in codes(talk("Hello?", said), check="profanity")


@pytest.mark.parametrize("by", ["user", "assistant"])
def test_insults_of_every_kind_are_heard_of_both_sides(by: str):
    said = [
        "How thick are you?",
        "Is everyone at your company brain dead?",
        "Are you slow or something?",
        "My goldfish could do your job better than you.",
        "I have met bricks brighter than you.",
        "You have the attention span of a gnat.",
        "You were dumber than a box of hammers.",
        "You have the manners of a warthog.",
        "There are no words for how clueless you are.",
        "Your parents must be so ashamed of you.",
        "Were you raised in a barn?",
        "You people are a plague.",
        "That is a sorry joke of a company.",
        "Go choke on your vouchers.",
        "Stuff your voucher up your backside.",
        "Ram that form where the sun never shines.",
        "May your whole family get cancer.",
        "I would love to see you run over.",
        "I'll have you beaten.",
        "You ought to be horsewhipped.",
        "Sit down and shut up.",
        "You greasy little worm.",
        "Answer me, you pest.",
        "you are one clueless customer",
        "you l0ser",
        "what a m0r0n",
        "Your parcel is late Kiss my hairy arse",
    ]
    assert unheard(said, by) == []


def test_arabic_insults_of_these_kinds_are_heard():
    said = ["مين رباك؟", "نتا مكلخ", "يا جلف", "يا ثقيل الدم", "عندك تخلف عقلي؟", "اقعد واسكت."]
    assert unheard(said, "assistant", language="ar") == []


def test_a_word_with_digits_for_letters_is_read_as_the_word():
    alike = {"o": "0", "i": "1", "e": "3", "a": "4", "s": "5"}
    said = []
    for name in ("moron", "loser", "idiot", "coward"):
        inner = [k for k, letter in enumerate(name) if letter in alike and 0 < k < len(name) - 1]
        for hidden in (some for n in range(1, len(inner) + 1) for some in itertools.combinations(inner, n)):
            written = "".join(alike[letter] if k in hidden else letter for k, letter in enumerate(name))
            said.append(f"you {written}, read it again")
    assert unheard(said, "assistant") == []


def test_what_is_told_denied_or_about_things_is_no_insult():
    said = [
        "I am sorry that the driver called you an idiot.",
        "He called me a stupid liar and I want to complain.",
        "Don't worry, it is not a stupid question at all.",
        "You are not an idiot, the menu is confusing.",
        "Our filter removed the word 'bitch' from your review.",
        "Can I get you chicken? We will send you mugs and tools.",
        "This is horrible, the whole screen went dark.",
        "What kind of animals live in the zoo? We go to the zoo on Sunday.",
        "You sound like you have a virus on your laptop, is it slow?",
        "Stick the label up high, put the stand where the sun shines on the plants.",
        "I hope you get a good seat and your family gets home safely.",
        "I would love to see you at the opening.",
        "How deaf-friendly is the cinema, and how thick are the walls?",
        "The soup is better than you think, and cheaper than your old plan.",
        "You will be sorry to miss it, so please go back to the lobby.",
        "The model m0del-b1t and the code a1b2c3 are in stock.",
        "Write to l0ser@mail.example.",
    ]
    assert unheard(said, "user") == said


def unheard(said: list[str], by: str, language: str = "en") -> list[str]:
    """Of what one side says what is not found to be abuse."""
    talks = [talk(text, "Pardon?") if by == "user" else talk("Hello?", text) for text in said]
    table = record(*talks, language=[language] * len(talks))
    heard = set(checks()["profanity"](table, context())["conversation_id"])
    return [text for text, key in zip(said, table["conversation_id"], strict=True) if key not in heard]
