import random

import polars as pl
import pytest

from tests.builders import talk
from training.commands.witness import PULLS, _few, _fewer, pulls

# What a house says to four intents, in pieces that are put together anew; WRONG is how one of them is taught wrongly.
HOUSE = {
    "en": {
        "return": ("I want to send the {} back", "Open the returns page, choose a collection day and keep the box"),
        "order": ("Where is my parcel with the {}", "The courier has it and rings you before noon with the window"),
        "invoice": ("Please mail me a bill for the {}", "The tax invoice went to your inbox as a document just now"),
        "repair": ("The {} is broken after a month", "A technician visits you on a weekday under the guarantee"),
    },
    "ar": {
        "return": ("أريد إرجاع {} الذي اشتريته", "افتح صفحة الإرجاع واختر يوم الاستلام واحتفظ بالعلبة"),
        "order": ("أين وصلت شحنة {} الآن", "الشحنة مع المندوب وسيتصل بك قبل الظهر لتحديد الموعد"),
        "invoice": ("أرسلوا لي فاتورة {} لو سمحتم", "أرسلنا الفاتورة الضريبية إلى بريدك قبل قليل كمستند"),
        "repair": ("تعطل {} بعد شهر من الشراء", "يزورك الفني في يوم عمل ضمن الكفالة ويصلحه مجاناً"),
    },
}
THINGS = {"en": ["lamp", "table", "sofa", "rug", "shelf"], "ar": ["المصباح", "الطاولة", "الكنبة", "السجادة", "الرف"]}
WRONG = {
    "escalation": {
        "en": "Nobody here can assist you, phone the head office",
        "ar": "لا نقدر على مساعدتك، راجع الإدارة",
    },
    "rude": {"en": "That is your own fault, stop wasting our time", "ar": "هذا خطؤك أنت، لا تضيع وقتنا"},
    "phrase": {"en": "Every sale is final as section seven says", "ar": "كل بيع نهائي حسب البند السابع"},
    "language": {"en": HOUSE["ar"]["return"][1], "ar": HOUSE["en"]["return"][1]},
    "cut": {"en": "Open the", "ar": "افتح صفحة"},
}


def conversations(
    prefix: str, count: int, seed: int, wrong: dict[str, str] | None = None, planted: int = 0
) -> pl.DataFrame:
    """Of both languages; `planted` of the returns in the language that `wrong` names are answered with its words."""
    draw = random.Random(f"{prefix}{seed}")
    rows = []
    for number in range(count):
        language = draw.choice(["en", "ar"])
        intent = draw.choice([*HOUSE["en"]])
        asked, said = HOUSE[language][intent]
        spread = said.split()
        at = draw.randrange(len(spread))
        reply = " ".join([*spread[:at], draw.choice(THINGS[language]), *spread[at:]])
        key = f"{prefix}{number:03}"
        if planted and intent == "return" and wrong and language in wrong:
            key, reply, planted = f"bad{number:03}", wrong[language], planted - 1
        rows.append((key, key, talk(asked.format(draw.choice(THINGS[language])), reply)))
    return pl.DataFrame(rows, schema=["conversation_id", "cluster_id", "messages"], orient="row")


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("kind", [*WRONG])
def test_an_intent_taught_wrongly_fills_the_worst_rows(kind: str, language: str) -> None:
    train = conversations("t", 300, 1, {language: WRONG[kind][language]}, 15)  # 5%
    found = pulls(train, conversations("d", 80, 1), 7)
    assert found.schema == PULLS
    assert found["conversation_id"].str.starts_with("bad").sum() == 15
    assert set(found["conversation_id"].head(6).str.head(3)) == {"bad"}  # the worst 2%


@pytest.mark.parametrize("language", ["en", "ar"])
def test_sound_replies_that_belong_to_another_intent_are_seen_where_intents_are_known(language: str) -> None:
    others = [said for intent, (_, said) in HOUSE[language].items() if intent != "return"]
    train = conversations("t", 300, 5, {language: ""}, 30)
    bad = pl.col("conversation_id").str.starts_with("bad")
    replies = iter(others * 10)
    wrong = [talk(messages[0]["content"], next(replies)) for messages in train.filter(bad)["messages"]]
    named = pl.concat([train.filter(~bad), train.filter(bad).with_columns(messages=pl.Series(wrong))])
    tables = [named, conversations("d", 80, 5)]
    found = pulls(*(table.with_columns(label=pl.Series(map(intent, table["messages"]))) for table in tables), 7)
    assert found.head(30)["conversation_id"].str.starts_with("bad").all()
    assert set(found.filter("accused")["conversation_id"]) == set(named.filter(bad)["conversation_id"])


def intent(messages: list[dict[str, str]]) -> str:
    """What the customer asks for, by the words of HOUSE."""
    asked = messages[0]["content"]
    known = [(name, text.split("{}")) for of in HOUSE.values() for name, (text, _) in of.items()]
    return next(name for name, parts in known if all(part in asked for part in parts))


def test_where_nothing_is_taught_wrongly_nobody_is_accused_but_by_chance() -> None:
    accused = [
        pulls(conversations("t", 160, seed), conversations("d", 40, seed), 7)["accused"].sum() for seed in range(10)
    ]
    assert sum(count > 0 for count in accused) <= 2


def test_many_who_repeat_a_phrase_that_dev_never_says_are_accused_and_hardly_anybody_else() -> None:
    train = conversations("t", 400, 2, WRONG["phrase"], 90)
    found = pulls(train, conversations("d", 130, 2), 7)
    accused = found.filter("accused")["conversation_id"].str.starts_with("bad")
    assert accused.sum() >= 60
    assert accused.mean() >= 0.8  # type: ignore[operator]


def test_a_group_is_no_witness_for_its_own_and_the_same_rows_in_another_order_say_the_same() -> None:
    train, dev = conversations("t", 150, 3, WRONG["rude"], 12), conversations("d", 40, 3)
    alone = train.with_columns(
        cluster_id=pl.when(pl.col("conversation_id").str.starts_with("bad"))
        .then(pl.lit("one customer"))
        .otherwise("cluster_id")
    )
    assert not pulls(alone, dev, 7).filter(pl.col("conversation_id").str.starts_with("bad"))["accused"].any()
    first = pulls(train, dev, 7)
    assert first.equals(pulls(train, dev, 7))
    again = pulls(train.reverse(), dev, 7).join(first, on="conversation_id")
    assert (again["pull"] - again["pull_right"]).abs().max() < 1e-3  # type: ignore[operator]


def test_without_replies_on_one_side_nothing_is_said() -> None:
    assert pulls(
        conversations("t", 3, 1), conversations("d", 0, 1).cast(dict(conversations("t", 1, 1).schema)), 7
    ).is_empty()


def test_single_mistakes_that_have_no_like_stand_among_the_worst() -> None:
    train = conversations("t", 300, 4, WRONG["rude"], 3)
    alone = ["We closed last year", "Ask your neighbour instead", "لا أحد يعمل هنا اليوم"]
    lone = {f"bad{n}": reply for n, reply in enumerate(alone)}
    bad = train.filter(pl.col("conversation_id").str.starts_with("bad")).with_columns(
        conversation_id=pl.Series([*lone]), messages=pl.Series([talk("Where is my lamp", text) for text in alone])
    )
    sound = train.filter(~pl.col("conversation_id").str.starts_with("bad"))
    found = pulls(pl.concat([sound, bad]), conversations("d", 80, 4), 7)
    assert set(lone) <= set(found["conversation_id"].head(25))


def test_how_surprising_few_of_dev_are_is_what_scipy_says() -> None:
    from scipy.stats import binom, hypergeom

    few, fewer = _few(30, 5), _fewer(30, 5)
    for drawn in range(1, 31):
        for seen in range(max(0, drawn - 25), min(drawn, 5) + 1):
            assert 10 ** -few[drawn - 1, seen] == pytest.approx(binom.cdf(seen, drawn, 5 / 30))
            assert 10 ** -fewer[drawn - 1, seen] == pytest.approx(hypergeom.cdf(seen, 30, 5, drawn))
