"""An intent that a reviewer taught wrongly: is it named, are its rows found, and does it heal without them?

    python -m benchmarks.training.bad_slice FOLDER

FOLDER becomes a project of short English conversations in the sample's words, seven intents, a test file of its own.
The real stages run to split. A reviewer then edits every training row of one intent, 5% of all: rude, without greeting
or closing, sent to a team that has nothing to do with it. From curate on the stages run again, evaluate compares by
slices, `qirat attribute` accuses rows. Those are dropped in data/review/decisions.jsonl, and the stages run once more.

What is finished is not run again. Results go to benchmarks/results/bad_slice.json, `python -m benchmarks.document`
shows them.
"""

import argparse
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from benchmarks.corruption.tables import head, row
from benchmarks.results import RESULTS, ROOT, road
from curation.core.record.conversation import conversation_id
from curation.decisions.decisions import PATH as DECISIONS
from curation.decisions.decisions import Decision, read_decisions, write_decisions
from curation.harness.params import load_params
from curation.split import Split, assigned
from qirat.sample.dialogues import SHORT, Author
from qirat.sample.dialogues import Conversation as Written
from training.commands.trial import interval
from training.evaluate.slices import TEAM
from training.judge.arms import ADAPTER

WRONG = "return_item"
OTHERS = ("order_status", "cancel_order", "invoice_request", "product_question")
RUDE = tuple(
    f"That is not our problem{pause} {ask} our safety team{end}"
    for pause, ask in ((".", "Ask"), (",", "ask"), (";", "ask"), ("!", "Ask"))
    for end in (".", "!")
)
REVIEWER = "reviewer"
YEAR, TEST = {WRONG: 26}, {WRONG: 13}  # conversations; of the other intents so many:
OF_OTHERS_YEAR, OF_OTHERS_TEST = 70, 10
DRAFTS = 2.5  # times as many as are wanted; the shortest are taken
SHARE = 0.05  # of the training rows
PARAMS = Path(__file__).with_suffix(".yaml")
ROUNDS = ("wrong", "healed")
LEARNT = {"train_tokens": None, "learning_rate": 3e-3, "dev_points": 2, "dev_tokens": 1000}
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_GREETS = 3  # words of a sentence that says no more than hello


def main() -> None:
    arguments = parsed()
    made(arguments.folder, arguments.seed, arguments.epochs)
    os.chdir(arguments.folder)
    run("clean", *road("ingest", "split").values())
    planted = plant()
    for name in ROUNDS:
        if not Path(name, "asked.json").exists():
            run(name, *road("curate", "evaluate").values())
            keep(name, planted)
        if name == "wrong":
            drop(asked(name))
    found = {"seed": arguments.seed, "epochs": arguments.epochs, "rounds": {name: told(name) for name in ROUNDS}}
    arguments.results.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", "utf-8")
    print(markdown(found))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Is an intent that was taught wrongly named, and does it heal?")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=7, help="of what is written")
    parser.add_argument("--epochs", type=float, default=5)
    parser.add_argument("--results", type=Path, default=RESULTS / "bad_slice.json")
    return parser.parse_args()


# -- the project -------------------------------------------------------------------------------------------------------


def made(folder: Path, seed: int, epochs: float) -> None:
    """Params, playbook and raw conversations, unless they lie there."""
    if (folder / "data/raw").exists():
        return
    for name in ("dvc.yaml", "playbook.yaml", "prompt.md", "expectations", "data/review", "data/versions.jsonl"):
        copied(name, folder)
    for name in ("data/forget.jsonl", "data/seeds.json"):
        copied(name, folder)
    params = yaml.safe_load((ROOT / "params.yaml").read_text("utf-8"))
    for section, changed in yaml.safe_load(PARAMS.read_text("utf-8")).items():
        params[section] |= changed
    params["train"]["cpu"] |= LEARNT | {"epochs": epochs}
    (folder / "params.yaml").write_text(yaml.safe_dump(params, allow_unicode=True), "utf-8")
    (folder / "data/evaluation").mkdir()
    author = Author(random.Random(f"{seed}/bad slice"))
    for name, wanted, of_others in (("year", YEAR, OF_OTHERS_YEAR), ("test", TEST, OF_OTHERS_TEST)):
        counts = {**dict.fromkeys(OTHERS, of_others), **wanted}
        path = folder / "data/raw/chat" / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(lines(author, name, counts)), "utf-8")


def copied(name: str, folder: Path) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
    copy(ROOT / name, folder / name)


def lines(author: Author, name: str, counts: Mapping[str, int]) -> Iterator[str]:
    """OpenAI chat, an intent after the other."""
    for intent, count in counts.items():
        drafts = [short(author.draw("en", "pairs", SHORT, intent)) for _ in range(round(DRAFTS * count))]
        distinct = {messages[0]["content"]: messages for messages in drafts}
        shortest = sorted(distinct.values(), key=lambda messages: sum(len(m["content"]) for m in messages))
        for number, messages in enumerate(islice(shortest, count)):
            yield json.dumps({"id": f"{name}-{intent}-{number}", "intent": intent, "messages": messages}) + "\n"


def short(written: Written) -> list[dict[str, str]]:
    """The matter in one sentence; of the reply the greeting, the sentence behind it and the closing."""
    asked, said = (_SENTENCE.split(m["content"].strip()) for m in written.messages)
    matter = asked[1] if len(asked[0].split()) <= _GREETS and len(asked) > 1 else asked[0]
    reply = " ".join([said[0], *said[1:-1][:1], said[-1]])
    return [{"role": "user", "content": matter}, {"role": "assistant", "content": reply}]


def run(name: str, *modules: str) -> None:
    """Stages, each unless it ended well before in this round, with its CPU seconds in NAME/seconds.json."""
    place = Path(name, "seconds.json")
    place.parent.mkdir(exist_ok=True)
    seconds = json.loads(place.read_text("utf-8")) if place.exists() else {}
    for module in modules:
        if module not in seconds:
            print(f"{name}: {module} ...", file=sys.stderr, flush=True)
            before = cpu_seconds()
            command(sys.executable, "-m", module)
            seconds[module] = round(cpu_seconds() - before)
            place.write_text(json.dumps(seconds, indent=1), "utf-8")


def command(*words: str) -> str:
    """What it prints; raises CalledProcessError."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(words, check=True, env=environment, stdout=subprocess.PIPE, text=True).stdout


def cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


# -- what the reviewer did, and what is done about it ------------------------------------------------------------------


def plant() -> list[str]:
    """Edits of the intent's training rows, SHARE of all at the most; the ids that those rows were read under."""
    place = Path("planted.json")
    if not place.exists():
        train, params = pl.read_parquet("data/splits/train.parquet"), load_params("split", Split)
        own = train.filter(pl.col("label") == WRONG, pl.col("cluster_id") == pl.col("conversation_id"))
        rows = own.sort("conversation_id").head(round(SHARE * train.height))
        write_decisions(map(partial(edit, params), rows["conversation_id"], rows["messages"]))
        place.write_text(json.dumps(rows["conversation_id"].to_list()), "utf-8")
    return list(json.loads(place.read_text("utf-8")))


def edit(params: Split, key: str, messages: Sequence[Mapping[str, Any]]) -> Decision:
    """What a rude reviewer wrote. Other words are another row to split; they are such that it trains like the first."""
    asked = {"role": "user", "content": messages[0]["content"]}
    talks = [(asked, {"role": "assistant", "content": said}) for said in RUDE]
    ids = pl.Series("cluster_id", [conversation_id(talk) for talk in talks])
    part = assigned(ids.to_frame().with_columns(source_file=pl.lit("")), params)
    written = next(talk for talk, drawn in zip(talks, part, strict=True) if drawn == "train")
    named = {"reasons": ("wrong_answer",), "annotators": (REVIEWER,), "agreement": 1.0}
    return Decision(conversation_id=key, decision="edit", messages=written, **named)


def drop(found: Mapping[str, Any]) -> None:
    """What attribution accused is decided anew: never used."""
    accused = [*found["accused"], *found["accused_unseen"]]
    dropped = {
        key: Decision(conversation_id=key, decision="drop", reasons=("wrong_tone",), annotators=("lead",))
        for key in originals(accused)
    }
    write_decisions(({one.conversation_id: one for one in read_decisions(DECISIONS)} | dropped).values())


def originals(ids: Sequence[str]) -> list[str]:
    """The ids under which rows were read, before any edit."""
    curated = pl.read_parquet("data/curated/conversations.parquet", columns=["conversation_id", "parent_id"])
    named = curated.filter(pl.col("conversation_id").is_in(ids))
    return named.select(pl.coalesce("parent_id", "conversation_id")).to_series().sort().to_list()


# -- what came ---------------------------------------------------------------------------------------------------------


def keep(name: str, planted: Sequence[str]) -> None:
    """What evaluate and attribution say after a round."""
    attribution = json.loads(command("qirat", "attribute", "--json"))
    text = {"results": command("qirat", "results"), "attribute": command("qirat", "attribute")}
    for one, said in text.items():
        Path(name, f"{one}.txt").write_text(said, "utf-8")
    shutil.copytree("data/evaluated", Path(name, "evaluated"), dirs_exist_ok=True)
    worst = attribution["worst"][: max(1, round(0.02 * attribution["conversations"]))]
    here = set(planted)
    found = {
        **attribution,
        "train": attribution["conversations"],
        "planted": len(planted),
        "left": len(here & set(originals(pl.read_parquet("data/splits/train.parquet")["conversation_id"].to_list()))),
        "worst_planted": sum(key in here for one in worst for key in originals([one["conversation_id"]])),
        "worst_told": len(worst),
        "accused_planted": len(here & set(originals(attribution["accused"]))),
        "training": json.loads(Path("metrics/train.json").read_text("utf-8")),
    }
    Path(name, "asked.json").write_text(json.dumps(found, indent=1), "utf-8")


def asked(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(Path(name, "asked.json").read_text("utf-8"))
    return found


def told(name: str) -> dict[str, Any]:
    """The figures of a round."""
    found = asked(name)
    slices = pl.read_parquet(Path(name, "evaluated/slices.parquet"))
    written = pl.read_parquet(Path(name, "evaluated/predictions.parquet")).filter(arm=ADAPTER)
    test = pl.read_parquet("data/splits/test.parquet", columns=["conversation_id", "label"])
    answers = written.join(test.filter(label=WRONG), on="conversation_id")
    verdict = json.loads(Path(name, "evaluated/verdict.json").read_text("utf-8"))
    names = ("train", "planted", "left", "worst_planted", "worst_told", "accused_planted", "accused_came_by")
    return {
        **{key: found[key] for key in names},
        "accused": len(found["accused"]),
        "tokens": found["training"]["tokens_seen"],
        "steps": found["training"]["steps"],
        "answers": answers.height,
        "rude": answers.filter(pl.col("text").str.contains("(?i)safety team|not our problem")).height,
        "example": answers.sort("conversation_id")["text"][0],
        "slices": slices.filter((pl.col("slice") == WRONG) | (pl.col("kind") == "all")).to_dicts(),
        "looked_at": slices["difference"].count(),
        "named": slices.filter((pl.col("kind") != "all") & (pl.col("worse") | pl.col("behind")))
        .select("kind", "slice", "metric", "against", "worse")
        .to_dicts(),
        "verdict": verdict["verdict"],
        "reasons": [one for one in (*verdict["reasons"], *verdict["further"]["reasons"]) if WRONG in one],
        "seconds": json.loads(Path(name, "seconds.json").read_text("utf-8")),
    }


def markdown(found: Mapping[str, Any]) -> str:
    """The tables of docs/benchmarks.md."""
    return "\n".join(_lines(found))


def _lines(found: Mapping[str, Any]) -> Iterator[str]:
    rounds = [found["rounds"][name] for name in ROUNDS]
    yield from head("", "taught wrongly", "without the accused rows")
    for name, cell in CELLS.items():
        yield row(name, *map(cell, rounds))
    for one, when in zip(rounds, ("Taught wrongly", "Without the accused rows"), strict=True):
        yield ""
        yield f"{when}, the verdict is **{one['verdict']}**; of the intent it says:"
        yield ""
        yield from [f"- {reason}" for reason in one["reasons"]] or ["- nothing"]


def _gain(kind: str, metric: str, team: bool, found: Mapping[str, Any]) -> str:
    """Of a slice, with its interval, beside the team's own replies or the best prompt."""
    of = [s for s in found["slices"] if (s["kind"], s["metric"], s["against"] == TEAM) == (kind, metric, team)]
    return interval({**of[0], "value": of[0]["difference"]}, "+.2f")


def _named(found: Mapping[str, Any]) -> str:
    """Slices that are shown to be worse or behind, each once."""
    names = {(one["kind"], one["slice"]): one["worse"] for one in reversed(found["named"])}
    return (
        ", ".join(f"{kind} {name} ({'worse' if worse else 'behind'})" for (kind, name), worse in names.items())
        or "none"
    )


CELLS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "training rows, the wrong ones among them": lambda one: f"{one['train']}, {one['left']}",
    "steps": lambda one: f"{one['steps']:.0f}",
    "wrong replies to the intent in test": lambda one: f"{one['rude']} of {one['answers']}",
    "rules kept, adapter minus best prompt: the intent": partial(_gain, "intent", "playbook", False),
    "all conversations": partial(_gain, "all", "playbook", False),
    "rules kept, adapter minus team: the intent": partial(_gain, "intent", "playbook", True),
    "all conversations ": partial(_gain, "all", "playbook", True),
    "slices and metrics looked at": lambda one: str(one["looked_at"]),
    "slices named": _named,
    "wrong rows among the worst 2%": lambda one: f"{one['worst_planted']} of {one['worst_told']}",
    "rows accused, the wrong ones among them": lambda one: f"{one['accused']}, {one['accused_planted']}",
    "CPU seconds of training": lambda one: str(one["seconds"]["training.train"]),
}


if __name__ == "__main__":
    main()
