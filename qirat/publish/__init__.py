"""The curated set and what people's decisions teach, as others load it.  qirat publish DIR --licence cc-by-4.0

DIR is a DatasetDict of the conversations, with `preference` and `kto` beside it for the next step in TRL, a card,
Croissant metadata and provenance. Without --yes nothing is written and nothing is sent: it is only told what would be.
"""

import re
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from curation.core.record.codes import read_codes
from curation.core.record.conversation import survivors
from curation.decisions.decisions import read_decisions
from curation.harness.engine import Machine
from curation.harness.errors import QiratError
from curation.harness.files import atomic, finished_table
from curation.harness.params import load_params
from curation.policy.limits import Route, in_force
from curation.privacy.names import name_finder
from curation.privacy.params import Privacy
from curation.report.cards import plain
from curation.report.profile import profile, remember
from curation.report.results import Results
from qirat.publish.columns import COLUMNS
from qirat.publish.folder import ADAPTER, Content, refuse_stale, write
from qirat.publish.hub import push, token
from qirat.publish.personal import refuse_unmasked
from qirat.publish.preferences import Judged, Masking, judged_replies
from qirat.publish.rows import PARTS, conversation_rows, present
from training.commands.export import TRAINED, verdict
from training.model.adapter import TRAINED_ON
from training.model.template.messages import texts_in

LEAK = "evaluation_leak"
HUB = "https://huggingface.co"
# Special tokens of chat templates, whatever the model: those of trl/chat_templates, Llama 2 and 3, Mistral, DeepSeek.
MARKS = re.compile(
    r"<[|｜][\w▁ ]{1,40}[|｜]>|<(?:start|end)_of_turn>|<\|?(?:START|END)_OF_TURN_TOKEN\|?>|</?s>|\[/?INST\]|<</?SYS>>"
)


@dataclass(frozen=True)
class Wanted:
    """Where it goes, and what with it."""

    licence: str
    folder: Path | None = None
    repository: str | None = None
    public: bool = False
    adapter: bool = False
    allowed: Collection[str] = ()


def publish(wanted: Wanted, yes: bool) -> str:
    """Write or send it, where `yes`; say what that is, file by file. Personal data that is not masked stops it."""
    refuse_impossible(wanted, yes)
    content = gathered(wanted)
    if wanted.folder and yes:
        with atomic(wanted.folder) as temporary:
            write(content, temporary)
            told = inventory(content, temporary)
        keep_figures(content)
        return f"{told}\nwritten: {wanted.folder}"
    with tempfile.TemporaryDirectory() as place:
        staged = Path(place) / "published"
        write(content, staged)
        told = inventory(content, staged)
        if not yes:
            return f"{told}\nnothing was written or sent; --yes does it"
        addresses = [*sent(wanted, staged)]
    keep_figures(content)
    return f"{told}\n" + "\n".join(f"sent: {address}" for address in addresses)


def keep_figures(content: Content) -> None:
    """What went out, as counts in data/versions.jsonl, with which the report compares later versions."""
    countries = load_params("privacy", Privacy).countries
    remember(profile(content.results.with_reply(), countries))


def refuse_impossible(wanted: Wanted, yes: bool) -> None:
    """What can be told before anything is read."""
    if (wanted.folder is None) == (wanted.repository is None):
        raise QiratError("say where it goes: a new folder, or --push OWNER/NAME")
    if not wanted.licence.strip():
        raise QiratError("--licence is empty; say who may use the set, e.g. cc-by-4.0 or 'internal use only'")
    if wanted.folder and wanted.folder.exists():
        raise QiratError(f"{wanted.folder} is there already; name a new folder, or remove it")
    if wanted.public and not wanted.repository:
        raise QiratError("--public is of --push; a folder is as private as you keep it")
    if wanted.repository and wanted.repository.count("/") != 1:
        raise QiratError(f"--push {wanted.repository}: a repository of the hub is named OWNER/NAME")
    if wanted.repository and yes:
        token()
    refuse_stale()


def gathered(wanted: Wanted) -> Content:
    """Everything that would leave, proved free of personal data of other kinds than are allowed."""
    curated, ledger = finished_table("curated/conversations"), finished_table("ledger")
    splits = {part: finished_table(f"splits/{part}") for part in PARTS}
    if {*curated["conversation_id"]} != {key for table in splits.values() for key in table["conversation_id"]}:
        raise QiratError("data/splits is of another run than data/curated; run `dvc repro split`")
    ingested, privacy = finished_table("ingested/conversations"), load_params("privacy", Privacy)
    if wanted.adapter:
        refuse_other_adapter(splits["train"])
    parts, unsayable = conversation_rows(splits)
    judged = judged_by_people(splits, ingested, privacy)
    sets = {
        name: rows
        for name, by_split in (("conversations", parts), ("preference", judged.pairs), ("kto", judged.replies))
        if (rows := present(by_split))
    }
    if not sets.get("conversations"):
        raise QiratError("the curated set is empty; `qirat results` says where the rows went")
    whole = {name: [row for rows in by_split.values() for row in rows] for name, by_split in sets.items()}
    refuse_unmasked(whole, privacy, load_params("machine", Machine), wanted.allowed)
    tables = {"curated/conversations": curated, "ledger": ledger, "ingested/conversations": ingested}
    results = Results(tables={**tables, **{f"splits/{part}": t for part, t in splits.items()}}, codes=read_codes())
    told = [*remarks(splits, judged, unsayable, wanted), *names_told(privacy, wanted)]
    address = f"{HUB}/datasets/{wanted.repository}" if wanted.repository else ""
    return Content(sets, wanted.licence.strip(), told, results, wanted.adapter, address)


def judged_by_people(splits: Mapping[str, pl.DataFrame], ingested: pl.DataFrame, privacy: Privacy) -> Judged:
    """Pairs and replies of rows that repeat no evaluation set, masked in every kind that the policy does not leave."""
    policy = in_force(load_params("route", Route), read_codes())
    kinds = [kind for kind, treatment in policy.pii.items() if treatment != "report"]
    leaks = finished_table("scored/findings", ["conversation_id", "code"]).filter(code=LEAK)
    surviving = survivors(ingested, finished_table("dedup/clusters")).join(leaks, on="conversation_id", how="anti")
    mask = Masking(kinds, privacy.countries, name_finder(privacy.names, privacy.name_model))
    return judged_replies(splits, surviving, read_decisions(), finished_table("dedup/pairs"), mask)


def refuse_other_adapter(train: pl.DataFrame) -> None:
    """An adapter that saw rows which are not in the set: forgotten, dropped or masked since."""
    path = TRAINED / TRAINED_ON
    if not path.exists():
        raise QiratError(f"{path} is missing; run `dvc repro`, or publish without --adapter")
    others = set(pl.read_parquet(path)["conversation_id"]) - {*train["conversation_id"]}
    if others:
        raise QiratError(
            f"{TRAINED} has learnt {len(others):,} conversations that are not in the set as it is now (forgotten, "
            "dropped or masked since); run `dvc repro` to train it again, or publish without --adapter"
        )


# -- what is told ------------------------------------------------------------------------------------------------------


def remarks(splits: Mapping[str, pl.DataFrame], judged: Judged, unsayable: int, wanted: Wanted) -> Iterator[str]:
    """What somebody who trains on it with other tools must know."""
    every = pl.concat([table.select("facts", "licence", "messages") for table in splits.values()])
    facts = every["facts"].explode(empty_as_null=False).struct.field("treatment").value_counts(sort=True)
    by_treatment = dict(facts.iter_rows())
    if unlearnt := by_treatment.get("unlearn", 0):
        yield (
            f"{unlearnt:,} facts stated in replies and nowhere before are marked unlearn in `facts`: Qirat trains "
            "without them (no loss on their tokens), a plain trainer learns them, and to make up others"
        )
    if ground := by_treatment.get("ground", 0):
        yield f"{ground:,} facts are marked ground: Qirat puts a text that holds them before the reply, others do not"
    context = pl.element().struct.field("train").eq(False).fill_null(False)
    if untaught := int(every["messages"].list.eval(context).list.sum().sum()):
        yield f"{untaught:,} replies are context and not to be learnt (`untaught`); a plain trainer learns them"
    if unsayable:
        yield f"{unsayable:,} conversations are left out: their tools or tool calls are no JSON"
    if judged.unclear:
        yield (
            f"{judged.unclear:,} conversations that people dropped for what a reply says are no KTO rows: they have "
            "several replies, and nobody said which"
        )
    for licence, rows in every["licence"].drop_nulls().value_counts(sort=True).iter_rows():
        told = f"{rows:,} conversations came under the licence {plain(licence)}"
        yield f"{told}; see that {plain(wanted.licence)} may stand over it"
    if marked := sum(map(_spells_marks, every["messages"])):
        yield (
            f"{marked:,} conversations spell marks by which chat templates part turns, such as `<|im_end|>`: "
            "a plain trainer may read words of a customer as a turn of the agent"
        )


def _spells_marks(messages: Sequence[Mapping[str, Any]]) -> bool:
    return any(MARKS.search(text) for m in messages for text in texts_in(m))


def names_told(privacy: Privacy, wanted: Wanted) -> Iterator[str]:
    """What of personal data was not looked for, or may leave."""
    if privacy.names == "off":
        yield "names of people were not looked for (privacy.names: off)"
    if wanted.allowed:
        yield f"personal data of these kinds may stand in it: {', '.join(sorted(wanted.allowed))}"


def inventory(content: Content, folder: Path) -> str:
    """Every file with its size, every set with its rows and columns, and what must be known."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{path.relative_to(folder).as_posix():<52} {path.stat().st_size:>14,} bytes" for path in files]
    lines += [f"{len(files)} files, {sum(path.stat().st_size for path in files):,} bytes", ""]
    for name, parts in content.sets.items():
        rows = ", ".join(f"{split} {len(part):,}" for split, part in parts.items())
        lines.append(f"{name}: {rows}; columns {', '.join(COLUMNS[name])}")
    if content.adapter:
        lines.append(f"adapter: verdict of the evaluation: {verdict(TRAINED) or 'none'}; it may know rows by heart")
    return "\n".join([*lines, f"licence: {content.licence}", *(f"note: {line}" for line in content.told)])


def sent(wanted: Wanted, folder: Path) -> Iterator[str]:
    """Addresses of what was pushed: the set, and the adapter as a model of its own."""
    repository = str(wanted.repository)
    if wanted.adapter:
        with tempfile.TemporaryDirectory() as place:
            apart = (folder / ADAPTER).rename(Path(place) / ADAPTER)
            yield push(apart, f"{repository}-adapter", "model", wanted.public)
    yield push(folder, repository, "dataset", wanted.public)
