"""qirat review pairs: the adapter's reply beside the best prompt's before people, in Argilla or a spreadsheet.

Nobody who judges is told who wrote what: a record shows the conversation and two replies on drawn sides, and is named
by hashes of their words. Among them stand pairs whose better side is known, by which the judges are weighed.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from curation.consensus.consensus import Pairs, Review
from curation.core.record.conversation import is_taught, message
from curation.core.record.draw import fair_order, lot
from curation.core.record.pairs import (
    PATH,
    Judgement,
    collected,
    read_judgements,
    reply_hash,
    write_judgements,
)
from curation.core.text.folding import fold
from curation.core.text.markdown import as_written, read_back
from curation.decisions import answers as answers_file
from curation.decisions.answers import Countries
from curation.decisions.decisions import moment
from curation.harness.errors import QiratError
from curation.harness.files import finished_table
from curation.privacy import covered
from curation.review.annotators import names_here
from curation.review.backend import Backend
from curation.review.chat import bubbles
from curation.review.form import Form
from curation.review.offline import (
    Row,
    check_new,
    choice,
    choices,
    conversation_cell,
    cut,
    read_all,
    read_rows,
    write_sheet,
)
from curation.review.present import BY_HAND, NOT_ASKED, Present, name_of, submitted, utc
from curation.review.pull import present
from curation.review.push import PushPlan, carried_out, plan
from curation.review.records import Record, digest

ADAPTER = "adapter"  # its arm in data/evaluated
VERDICT = Path("data/evaluated/verdict.json")
GUIDELINES = Path(__file__).with_name("pairs_guidelines.md")
CHOICES = {
    "a": "A is better · A أفضل",
    "b": "B is better · B أفضل",
    "both_good": "Both good · كلاهما جيد",
    "both_bad": "Both bad · كلاهما سيئ",
}
REASONS = {
    "right": "It is right · أصحّ",
    "helps": "It answers what was asked · يجيب عن السؤال",
    "tone": "Our tone · أسلوبنا",
    "language": "Language · اللغة",
    "length": "Length · الطول",
    "whole": "It is whole · مكتمل",
}
QUESTIONS = frozenset({"decision", "reasons"})
FIELDS = frozenset({"conversation", "reply_a", "reply_b"})
COLUMNS = {
    "id": "المعرّف",
    "language": "اللغة",
    "conversation": "المحادثة",
    "reply_a": "الرد A",
    "reply_b": "الرد B",
    "decision": "القرار",
    "reasons": "الأسباب",
    "comment": "ملاحظة",  # for the team; nobody reads it here
}

TOLD = ("conversation_id", "language", "messages")
_ID = re.compile(r"([0-9a-f]{32})\.(\d+)\.([0-9a-f]{16})\.([0-9a-f]{16})")
_SHOWN = 3_900  # characters of a reply; 5 times as many as Markdown at worst, and Argilla takes 20,000
_EMPTY = {"en": "(empty)", "ar": "(فارغ)"}
_WORDS = 6  # of a reply by which a judge can be measured; shorter ones answer anything
_CANDIDATES = 50  # replies among which the one is looked for that answers least

Messages = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Pair:
    """Two replies to the turns before them, on the sides on which they are shown."""

    conversation_id: str
    language: str
    before: Messages
    replies: tuple[str, str]  # A and B

    @property
    def name(self) -> str:
        """What it is called in Argilla and in spreadsheets, where its judgement finds its words again."""
        return ".".join([self.conversation_id, str(len(self.before)), *map(reply_hash, self.replies)])

    @property
    def turned(self) -> "Pair":
        """The sides changed."""
        return replace(self, replies=(self.replies[1], self.replies[0]))


@dataclass(frozen=True)
class Judged:
    """`gone`: judgements that were not taken, on conversations that the data has no more. `unreadable`: on the server,
    that say nothing to us, with place and cure.
    """

    given: int
    new: int
    total: int
    gone: int
    unreadable: tuple[str, ...] = ()


# -- what is asked -----------------------------------------------------------------------------------------------------


def pairs_of_now(params: Pairs) -> list[Pair]:
    """What people are asked: `arms_pairs`, and gold among them. Any first N hold the languages in their proportions."""
    asked = arms_pairs(params)
    wanted = round(len(asked) * params.gold / (1 - params.gold))
    gold = gold_pairs(finished_table("splits/dev", TOLD), wanted, params.seed)
    found = {pair.conversation_id: pair for pair in (*asked, *gold)}
    rows = [(pair.conversation_id, pair.language) for pair in found.values()]
    table = pl.DataFrame(rows, schema={"conversation_id": pl.String, "language": pl.String}, orient="row")
    return [found[key] for key in fair_order(table, params.seed)["conversation_id"]]


def arms_pairs(params: Pairs) -> list[Pair]:
    """Of every test conversation one reply on which the adapter and the best prompt differ."""
    if not VERDICT.exists():
        raise QiratError(f"{VERDICT} is missing; run `dvc repro evaluate` first: people compare what it wrote")
    best = json.loads(VERDICT.read_text("utf-8"))["best_prompt_arm"]
    predictions = finished_table("evaluated/predictions", ["arm", "conversation_id", "turn", "text"])
    return between(finished_table("splits/test", TOLD), predictions, best, params.seed)


def between(test: pl.DataFrame, predictions: pl.DataFrame, against: str, seed: int) -> list[Pair]:
    """One pair a conversation of `test` that both arms answered in different words somewhere.

    `predictions`: arm, conversation_id, turn, text. Which of its replies, and which side, is drawn.
    """
    both = predictions.filter(arm=ADAPTER).join(
        predictions.filter(arm=against), on=["conversation_id", "turn"], suffix="_other"
    )
    said: dict[str, dict[int, tuple[str, str]]] = {}
    for key, turn, ours, theirs in both.select("conversation_id", "turn", "text", "text_other").sort(pl.all()).rows():
        if ours.split() != theirs.split():
            said.setdefault(key, {})[turn] = (ours, theirs)
    found = []
    for key, language, messages in test.sort("conversation_id").iter_rows():
        if turns := said.get(key):
            turn = min(turns, key=lambda turn: lot(f"{seed}:{key}:{turn}"))
            found.append(_drawn(Pair(key, language, messages[:turn], turns[turn]), seed))
    return found


def gold_pairs(conversations: pl.DataFrame, most: int, seed: int) -> list[Pair]:
    """The team's own reply beside the team's reply to something else: of those in the language, the unlikest in words.

    Of conversations that no arm answers for the test, so that nobody meets one twice.
    """
    replies = _first_replies(conversations, seed)
    found: list[Pair] = []
    for key, (language, before, reply) in replies.items():
        others = [text for other, (spoken, _, text) in replies.items() if other != key and spoken == language]
        said = _words(" ".join([reply, *(m["content"] for m in before)]))
        candidates = [text for text in others[:_CANDIDATES] if text != reply]
        if candidates and len(found) < most:
            broken = min(candidates, key=lambda text: len(_words(text) & said) / len(_words(text)))
            found.append(_drawn(Pair(key, language, before, (reply, broken)), seed))
    return found


def _first_replies(conversations: pl.DataFrame, seed: int) -> dict[str, tuple[str, Messages, str]]:
    """conversation_id -> language, turns before and words of its first reply that is long enough; in a drawn order."""
    found: dict[str, tuple[str, Messages, str]] = {}
    for key, language, messages in fair_order(conversations, seed).iter_rows():
        taught = (n for n, m in enumerate(messages) if n and is_taught(m) and len(_words(m["content"])) >= _WORDS)
        if (turn := next(taught, None)) is not None:
            found[key] = (language, messages[:turn], messages[turn]["content"])
    return found


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", fold(text)))


def _drawn(pair: Pair, seed: int) -> Pair:
    """The pair with its sides drawn. The draw goes by the words, not by whose they are."""
    one, other = sorted(pair.replies)
    drawn = replace(pair, replies=(one, other))
    return drawn.turned if int(lot(f"{seed}:{drawn.name}:side"), 16) % 2 else drawn


def still_asked(pairs: Sequence[Pair], judged: Iterable[Judgement], enough: int) -> list[Pair]:
    """Those that fewer than `enough` people have judged, on whichever side."""
    people: dict[Any, set[str]] = {}
    for judgement in judged:
        if judgement.by == "person":
            people.setdefault(judgement.pair, set()).add(judgement.annotator)
    return [pair for pair in pairs if len(people.get(place_of(pair), ())) < enough]


def place_of(pair: Pair) -> tuple[str, int, tuple[str, ...]]:
    """As Judgement.pair tells it."""
    return pair.conversation_id, len(pair.before), tuple(sorted(map(reply_hash, pair.replies)))


# -- Argilla -----------------------------------------------------------------------------------------------------------


def pairs_form(params: Review) -> Form:
    """The form on which pairs are judged, a data set of its own beside the review's."""
    dataset, options = params.pairs.dataset, {"decisions": CHOICES, "reasons": REASONS}
    return Form(dataset, "review.pairs.dataset", QUESTIONS, FIELDS, GUIDELINES, _settings, "pairs.jinja", options)


def push(server: Backend, params: Review, countries: Countries) -> PushPlan:
    """Argilla holds what is still to be asked; nothing changed means nothing written, answered records stay."""
    asked = still_asked(pairs_of_now(params.pairs), read_judgements(), params.min_submitted)
    known = there_still()
    server.make_dataset()
    held = server.present()
    server.claim(held, known)
    names = {record.external_id for record in held}
    # Another seed turns no pair that people have before them already.
    wanted = [pair.turned if pair.turned.name in names else pair for pair in asked if pair.conversation_id in known]
    return carried_out(server, plan(records(wanted, countries), held, known, datetime.now(UTC)))


def records(pairs: Sequence[Pair], countries: Countries) -> list[Record]:
    """One record a pair, in the order given."""
    return [_record(pair, rank, countries) for rank, pair in enumerate(pairs, 1)]


def _record(pair: Pair, rank: int, countries: Countries) -> Record:
    before, replies = shown(pair, countries)
    language = _language(pair)
    fields: dict[str, Any] = {"conversation": bubbles(before, language)}
    for name, text in zip(("reply_a", "reply_b"), replies, strict=True):
        fields[name] = as_written(cut(text, _SHOWN, language) if text.strip() else _EMPTY[language])
    record: Record = {
        "external_id": pair.name,
        "fields": fields,
        "metadata": {"language": pair.language, "rank": rank},
        "corrected": None,
        "vectors": {},
    }
    record["metadata"]["digest"] = digest(record)
    return record


def shown(pair: Pair, countries: Countries) -> tuple[Messages, list[str]]:
    """The turns and the replies, personal data covered, one value by the same tag in both."""
    whole: Messages = [*pair.before, *(message("assistant", text) for text in pair.replies)]
    if countries is not None:
        whole = covered(whole, countries)
    return whole[:-2], [m["content"] for m in whole[-2:]]


def _language(pair: Pair) -> str:
    return "ar" if pair.language == "ar" else "en"


def _settings(params: Review) -> Any:
    """The data set for Argilla's client. Nothing of it tells who wrote a reply or which pairs are gold."""
    import argilla

    return argilla.Settings(
        fields=[
            argilla.ChatField("conversation", title="Conversation · المحادثة", use_markdown=True),
            argilla.TextField("reply_a", title="Reply A · الرد A", use_markdown=True),
            argilla.TextField("reply_b", title="Reply B · الرد B", use_markdown=True),
        ],
        questions=[
            argilla.LabelQuestion("decision", dict(CHOICES), title="Which would you rather send? · أيّهما تفضّل إرساله؟"),
            argilla.MultiLabelQuestion("reasons", REASONS, title="What decided? · ما الذي رجّح؟", required=False),
        ],
        metadata=[
            argilla.TermsMetadataProperty("language", title="Language · اللغة"),
            argilla.IntegerMetadataProperty("rank", title="Rank · الترتيب"),
        ],
        guidelines=GUIDELINES.read_text("utf-8"),
        allow_extra_metadata=True,
        distribution=argilla.TaskDistribution(min_submitted=params.min_submitted),
    )


def pull(server: Backend) -> Judged:
    """Everything that the server's annotators submitted."""
    held, usernames = server.present(), server.usernames()
    names = names_of(held, usernames)
    return replace(received(judgements(held, names)), unreadable=tuple(unreadable(held, names)))


def names_of(held: Sequence[Present], usernames: Mapping[str, str]) -> dict[str, str]:
    """User id -> name in this project, as `pull.names_of` has it for answers on conversations."""
    taken = {(judgement.pair, moment(judgement.at)): judgement.annotator for judgement in read_judgements()}
    given = [(judgement.annotator, (judgement.pair, moment(judgement.at))) for judgement in judgements(held, {})]
    return names_here(usernames, given, taken)


def judgements(present: Iterable[Present], usernames: Mapping[str, str]) -> list[Judgement]:
    """The submitted ones, without those of `unreadable`; drafts and discarded ones say nothing."""
    read = (_judgement(record, response, usernames) for record, response in submitted(present))
    return [found for found in read if isinstance(found, Judgement)]


def unreadable(present: Iterable[Present], usernames: Mapping[str, str]) -> list[str]:
    """Submitted judgements that say nothing to us, each in a sentence with its place and cure."""
    read = ((record.id, _judgement(record, response, usernames)) for record, response in submitted(present))
    return [f"Argilla's record {key}: {found}" for key, found in read if isinstance(found, str)]


def _judgement(record: Present, response: Mapping[str, Any], usernames: Mapping[str, str]) -> Judgement | str:
    """What was said, or why that says nothing."""
    if not (record.is_ours and _ID.fullmatch(record.external_id)):
        return BY_HAND
    given = {name: value["value"] for name, value in (response["values"] or {}).items()}
    who = name_of(response, usernames)
    try:
        return judgement_of(
            record.external_id,
            annotator=who,
            choice=given.get("decision"),
            reasons=tuple(given.get("reasons") or ()),
            at=utc(response["updated_at"]),
        )
    except ValueError:
        return NOT_ASKED.format(who=who)


def judgement_of(name: str, **said: Any) -> Judgement:
    """Raises ValueError where the name is none of a pair."""
    if not (found := _ID.fullmatch(name)):
        raise ValueError(f"id {name!r} is none of this project's; copy the id of the exported file")
    return Judgement(conversation_id=found[1], turn=int(found[2]), replies=(found[3], found[4]), **said)


# -- spreadsheets ------------------------------------------------------------------------------------------------------


def export(path: Path, params: Review, countries: Countries, limit: int | None) -> int:
    """Writes the first `limit` of what is still asked, all for None, and returns how many they are."""
    check_new(path)
    asked = still_asked(pairs_of_now(params.pairs), read_judgements(), params.min_submitted)[:limit]
    write_sheet(path, [sheet_row(pair, countries) for pair in asked], COLUMNS)
    return len(asked)


def sheet_row(pair: Pair, countries: Countries) -> Row:
    """What Argilla would show, without Markdown, and empty cells for the answer."""
    record = _record(pair, 1, countries)
    shown = {name: read_back(record["fields"][name]) for name in ("reply_a", "reply_b")}
    cells = {
        "id": pair.name,
        "language": pair.language,
        "conversation": conversation_cell(record["fields"]["conversation"], pair.language),
        **shown,
    }
    return dict.fromkeys(COLUMNS, "") | cells


def take_in(path: Path, annotator: str) -> tuple[Judged, list[int]]:
    """The file's judgements go the way of Argilla's; also the numbers of rows with reasons and no decision.

    Nothing is taken of a file with a cell that cannot be read. The same file again changes nothing.
    """
    if not (annotator := annotator.strip()):
        raise QiratError("--annotator is empty; name who filled the file in, always by the same name")
    known = {(judgement.pair, judgement.annotator): judgement for judgement in read_judgements()}
    there, now = there_still(), datetime.now(UTC).isoformat(timespec="seconds")

    def made(row: Row) -> Judgement | None:
        said = choice(row.get("decision", ""), CHOICES, "decision")
        if not said:
            return None
        reasons = choices(row.get("reasons", ""), REASONS, "reasons")
        found = judgement_of(row.get("id", "").lower(), annotator=annotator, choice=said, reasons=reasons, at=now)
        if found.conversation_id not in there:
            raise ValueError(f"id {row['id']!r} is none of this project's; copy the id of the exported file")
        before = known.get((found.pair, annotator))
        same = before and before.model_copy(update={"at": now, "right": None}) == found
        return before if same else found

    rows = list(read_rows(path))
    given = read_all(rows, path, made, lambda judgement: judgement.pair)
    half_filled = [number for number, row in rows if row.get("reasons") and not row.get("decision")]
    return received(given), half_filled


# -- what comes of it --------------------------------------------------------------------------------------------------


@answers_file.alone()
def received(given: Sequence[Judgement]) -> Judged:
    """Judgements from anywhere, put beside those known; those on gold pairs with the side that is right."""
    before = read_judgements()
    if not given:  # as before any pair was asked, when there may be no splits yet
        return Judged(0, 0, len(before), 0)
    there = there_still()
    gold = _first_replies(finished_table("splits/dev", TOLD), seed=0)
    right = {(key, len(turns), reply_hash(reply)) for key, (_, turns, reply) in gold.items()}
    taken = [_with_right(judgement, right) for judgement in given if judgement.conversation_id in there]
    after = collected(before, taken)
    if after != before or not PATH.exists():
        write_judgements(after)
    return Judged(len(given), len(set(after) - set(before)), len(after), len(given) - len(taken))


def there_still() -> set[str]:
    """The conversations of the splits, less those that are to be forgotten: Argilla goes on to hold them."""
    read = present()
    parts = [finished_table(f"splits/{split}", ["conversation_id", "parent_id"]) for split in ("train", "dev", "test")]
    return {key for key, parent in pl.concat(parts).iter_rows() if (parent or key) in read}


def _with_right(judgement: Judgement, right: set[tuple[str, int, str]]) -> Judgement:
    place = judgement.conversation_id, judgement.turn
    sides = zip(("a", "b"), judgement.replies, strict=True)
    known = [side for side, reply in sides if (*place, reply) in right]
    return judgement.model_copy(update={"right": known[0]}) if len(known) == 1 else judgement
