"""`qirat`: what people ask of the pipeline. The pipeline itself is dvc.yaml; run it with `dvc repro`."""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperCommand

from curation.harness.terminal import Commands, say
from curation.review.commands import app as review

if TYPE_CHECKING:
    from curation.decisions.forget import ForgetRule, ForgetRules

app = typer.Typer(
    name="qirat",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Turn raw conversations into a data set worth fine-tuning on, prove it, and fine-tune.\n\n"
    "1. Drop your exports into data/raw (or run `qirat sample` for an example).\n\n"
    "2. Run `dvc repro`; read reports/index.html.\n\n"
    "3. See all rows with `qirat explore`, ask `qirat why ROW`; let people decide the doubtful with `qirat review`.\n\n"
    "4. Ask `qirat whatif` before you change a limit, `qirat calibrate` after people decided.\n\n"
    "5. `qirat results` tells the verdict; let people compare replies with `qirat review pairs`.\n\n"
    "6. `qirat publish` gives the curated set away: what would leave first, then with --yes.",
)
app.add_typer(
    review, name="review", help="Doubtful rows and pairs of replies to people in Argilla, and what they say back."
)
playbook = typer.Typer(cls=Commands, no_args_is_help=True, help="The rules that your team's replies must keep.")
app.add_typer(playbook, name="playbook")

Answer = Mapping[str, Any]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder, or one without such files.")],
    example: Annotated[bool, typer.Option("--example", help="With the example's conversations and rules.")] = False,
) -> None:
    """Start a project: its dvc.yaml, params, playbook, prompt and expectations, with git and DVC ready."""
    from qirat import project

    say(project.init(folder, example))


@app.command()
def upgrade() -> None:
    """Take the project here to the installed qirat: `dvc repro` then runs again what its rules change."""
    from qirat import project

    say(project.upgrade())


@app.command()
def sample(
    root: Annotated[Path, typer.Option(help="Project folder to write data/raw into.")] = Path(),
    seed: Annotated[int, typer.Option(help="The same seed writes the same bytes.")] = 7,
) -> None:
    """Write the example: a fictional company's support export with planted, labelled defects."""
    from qirat.sample import write

    say("\n".join(f"{name:<28} {count:>6,}" for name, count in write(root, seed).items()))


@app.command()
def ingest(
    explain: Annotated[bool, typer.Option("--explain", help="Say what each raw file is taken for.")] = False,
    file: Annotated[str | None, typer.Argument(help="Of this file or folder also why it is nothing else.")] = None,
) -> None:
    """Say which raw file is read as what, how many rows it gives, and why others are not read."""
    if not explain:
        raise typer.BadParameter("`dvc repro ingest` reads the raw files; --explain says how it would")
    from curation.commands.explain import explain as explained

    say(explained(file))


class OutcomeCommand(TyperCommand):
    """Takes `--dropped` for `--outcome dropped`, and so for every outcome of the ledger."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        from curation.core.record.ledger import CLOSINGS
        from curation.harness.errors import meant

        short = {f"--{outcome.replace('_', '-')}": f"--outcome={outcome}" for outcome in (*CLOSINGS, "used")}
        known = {*short, *(option for param in self.get_params(ctx) for option in param.opts)}
        for argument in args:
            name = argument.partition("=")[0]
            if name.startswith("--") and name not in known and (near := meant(name, known)):
                raise typer.BadParameter(f"there is no option {name}{near}")
        return super().parse_args(ctx, [short.get(argument, argument) for argument in args])


@app.command(cls=OutcomeCommand)
def why(  # noqa: PLR0913 - each narrows the list
    row: Annotated[str | None, typer.Argument(help="A row_id, a conversation_id, or the beginning of one.")] = None,
    outcome: Annotated[
        str | None, typer.Option(help="List rows with this outcome; `--dropped`, `--held` and so on for short.")
    ] = None,
    code: Annotated[str | None, typer.Option(help="List rows that carry this code, e.g. outlier.")] = None,
    file: Annotated[str | None, typer.Option(help="List rows of this raw file.")] = None,
    month: Annotated[str | None, typer.Option(help="Of this month, e.g. 2026-01, or `none`.")] = None,
    language: Annotated[str | None, typer.Option(help="In this language, e.g. ar.")] = None,
    label: Annotated[str | None, typer.Option(help="With this label, or `none`.")] = None,
    source: Annotated[str | None, typer.Option(help="Read as this format, e.g. csv_messages.")] = None,
    turns: Annotated[str | None, typer.Option(help="With so many turns: 2, 3-4, 33+.")] = None,
    sample: Annotated[int, typer.Option(min=0, help="How many rows to list.")] = 10,
    every: Annotated[bool, typer.Option("--all", help="Also what was seen and decides nothing.")] = False,
    show_personal_data: Annotated[bool, typer.Option("--show-personal-data", help="Mask nothing.")] = False,
) -> None:
    """Tell what happened to a row and why; or list rows by outcome, code and where they come from."""
    from curation.commands.why import Where, listed
    from curation.commands.why import why as story
    from curation.harness.params import load_params
    from curation.privacy.params import Privacy
    from curation.privacy.shown import Shown

    where = Where(file, month, language, label, source, turns)
    if row is None and outcome is None and code is None and where == Where():
        raise typer.BadParameter("name a row, or give --outcome, --code or where the rows come from")
    shown = Shown(load_params("privacy", Privacy).countries, show_personal_data, every)
    say(story(row, shown) if row is not None else listed(outcome, code, sample, shown, where))


@app.command()
def explore(port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0) -> None:
    """Show every row that was read as a map in the browser, by verdict, code, source and more. This machine only."""
    from curation.commands.explore import explore as shown_as_map
    from curation.harness.params import load_params
    from curation.privacy.params import Privacy
    from curation.privacy.shown import Shown

    shown_as_map(port, Shown(load_params("privacy", Privacy).countries), say)


@app.command()
def whatif(
    settings: Annotated[
        list[str] | None, typer.Argument(help="E.g. route.outlier.doubt=0.98 route.budget=0.2 route.pii.email=review.")
    ] = None,
    preset: Annotated[str | None, typer.Option(help="Under this preset of params.yaml.")] = None,
    examples: Annotated[int, typer.Option(min=0, help="Rows shown of each move.")] = 3,
    as_json: Json = False,
) -> None:
    """Say what other limits would change: verdicts now and then, and the rows that move. Changes nothing."""
    if not settings and preset is None:
        raise typer.BadParameter("give a setting such as route.budget=0.2, or --preset")
    from curation.commands import whatif as asked

    answered(asked.whatif(settings or [], preset, examples), asked.as_text, as_json)


@app.command()
def calibrate(
    target: Annotated[
        float, typer.Option(min=0, max=1, help="Share of reviewed rows that people should confirm, at least.")
    ] = 0.3,
    as_json: Json = False,
) -> None:
    """Say how right each doubt was by people's decisions, and the limits that follow. Changes nothing."""
    from curation.commands import calibrate as asked

    answered(asked.calibrate(target), asked.as_text, as_json)


@app.command()
def diff(
    revision: Annotated[str, typer.Argument(metavar="REV", help="A git revision at which the pipeline had run.")],
    other: Annotated[str | None, typer.Argument(metavar="REV2", help="Another; else the workspace.")] = None,
    as_json: Json = False,
) -> None:
    """Say what entered and left the curated set between two versions of the data, and why."""
    from curation.commands import diff as versions

    answered(versions.diff(revision, other), versions.as_text, as_json)


@app.command()
def facts(
    kind: Annotated[str | None, typer.Option(help="E.g. price, date, time, link, code, contact.")] = None,
    contradictions: Annotated[
        bool, typer.Option("--contradictions", help="Where values contradict one another over time.")
    ] = False,
    house: Annotated[bool, typer.Option("--house", help="The house's own, for a person to confirm.")] = False,
    most: Annotated[int, typer.Option(min=1, help="How many to list.")] = 40,
    as_json: Json = False,
) -> None:
    """List the facts that replies state, for retrieval: of what, how often, since when, and where they contradict."""
    from curation.commands import facts as asked

    answered(asked.facts(kind, contradictions, house, most), asked.as_text, as_json)


@app.command()
def forget(
    customer: Annotated[str | None, typer.Option(help="As the exports name them; kept as a hash.")] = None,
    source: Annotated[str | None, typer.Option(help="A file or folder below data/raw, or a format.")] = None,
    licence: Annotated[str | None, typer.Option(help="As the exports name it.")] = None,
    conversation: Annotated[str | None, typer.Option(help="A conversation_id or the beginning of one.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Write the rule; without it, only say what it would do.")] = False,
    prove: Annotated[bool, typer.Option("--prove", help="Look through every file for what is left of them.")] = False,
) -> None:
    """Leave rows out of every version to come, and name the adapters trained on them. Bare: what is left out now."""
    from curation.commands import certificate
    from curation.commands import forget as erasure
    from curation.decisions.forget import KINDS, rule
    from curation.harness.files import refuse_no_project

    refuse_no_project()
    given = {"customer": customer, "source": source, "licence": licence, "conversation": conversation}
    named = [(kind, said) for kind in KINDS if (said := given[kind]) is not None]
    if len(named) > 1:
        raise typer.BadParameter("give one of --customer, --source, --licence and --conversation; each is its own rule")
    wanted = [(rule(k, erasure.whole_id(said) if k == "conversation" else said), said) for k, said in named]
    if prove:
        _certify(*wanted)
        return
    for one, said in wanted:
        say(erasure.forget(one, said, yes))
    if not named:
        say(erasure.carry_out() if yes else erasure.rules_in_force())
    if yes:
        say(certificate.what_holds_them(*_asked_of(*wanted)))


def _certify(*wanted: "tuple[ForgetRule, str]") -> None:
    from curation.commands.certificate import prove

    rules, said = _asked_of(*wanted)
    told, gone = prove(rules, said)
    say(told)
    if said:
        from training.commands.recall import recall

        sentence, known = recall(said)
        say(sentence)
        gone = gone and not known
    if not gone:
        raise typer.Exit(1)


def _asked_of(*wanted: "tuple[ForgetRule, str]") -> "tuple[ForgetRules, str]":
    """The rules in force that are asked about, all where none is named, and the customer as they were named."""
    from curation.decisions.forget import read_rules

    keys = {one.key for one, _ in wanted}
    rules = frozenset(one for one in read_rules() if not wanted or one.key in keys)
    return rules, next((said for one, said in wanted if one.forget == "customer"), "")


@app.command()
def preview(
    conversation: Annotated[str, typer.Argument(metavar="ID", help="A conversation_id, or the beginning of one.")],
    split: Annotated[Literal["train", "dev", "test"] | None, typer.Option(help="One of them; else all three.")] = None,
    page: Annotated[Path | None, typer.Option("--html", help="Write a page instead.")] = None,
) -> None:
    """Show what is learnt of a conversation, token by token."""
    from training.commands import preview as asked

    whole, shown = asked.preview(conversation, split)
    if page is None:
        typer.echo(asked.as_text(whole, shown, sys.stdout.isatty()))  # in colours, by itself steerless
    else:
        asked.write_page(whole, shown, page)
        say(f"{page}: {len(shown)} examples of {whole}")


@app.command()
def cost(
    profile: Annotated[Literal["cpu", "gpu"] | None, typer.Option(help="Else what params.yaml says.")] = None,
    replies_a_day: Annotated[float, typer.Option(help="Traffic, to say when training has paid for itself.")] = 1000,
) -> None:
    """Say what training will take in time, memory and energy on which card, and when it pays."""
    from training.commands import estimate as asked

    found = asked.estimate(profile)
    say(asked.as_text(found, asked.prompt_tokens(), asked.took_last(), replies_a_day))


@app.command()
def export(
    kind: Annotated[
        Literal["adapter", "merged", "gguf", "axolotl", "llama-factory", "unsloth"],
        typer.Argument(help="What a server shall load; or the data, for another trainer."),
    ],
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    adapter: Annotated[Path, typer.Option(help="Its folder.")] = Path("models/adapter"),
    dtype: Annotated[
        Literal["float32", "float16", "bfloat16"], typer.Option(help="Number format of the weights; not for adapter.")
    ] = "bfloat16",
    converter: Annotated[Path | None, typer.Option(help="llama.cpp's convert_hf_to_gguf.py; else on the PATH.")] = None,
) -> None:
    """Write the adapter as servers load it, and prove that it answers as it was evaluated; or data for a trainer."""
    match kind:
        case "axolotl" | "llama-factory" | "unsloth":
            from training.commands.handover import hand_over

            say(hand_over(kind, folder))
        case _:
            from training.commands import export as asked

            say(asked.export(kind, folder, adapter, dtype, converter))


@app.command()
def curve(
    judged: Annotated[int, typer.Option(min=30, help="Conversations of dev behind each loss.")] = 100,
    seeds: Annotated[int, typer.Option(min=1, help="Train on all with so many seeds, to see what is luck.")] = 1,
    as_json: Json = False,
) -> None:
    """Train on a quarter, half and all of the data, and say whether more would help. Takes three trainings or more."""
    from training.commands import curve as asked

    answered(asked.curve(judged, seeds), asked.as_text, as_json)


@app.command()
def sweep(
    tokens: Annotated[float | None, typer.Option(min=1, help="To read at most, all trainings together.")] = None,
    minutes: Annotated[float | None, typer.Option(min=1, help="To take at most, by the last training here.")] = None,
    seeds: Annotated[int, typer.Option(min=2, help="Trainings of the best recipe that confirm it.")] = 3,
    judged: Annotated[int, typer.Option(min=30, help="Conversations of dev, and of test, behind each loss.")] = 100,
    as_json: Json = False,
) -> None:
    """Search for a better recipe within a budget, on dev; confirm it once on test with several seeds; propose it."""
    if (tokens is None) == (minutes is None):
        raise typer.BadParameter("give a budget, --tokens or --minutes")
    from training.commands import sweep as asked

    found = asked.sweep(tokens or minutes or 0, "minutes" if tokens is None else "tokens", seeds, judged)
    answered(found, asked.as_text, as_json)


@app.command()
def canaries(as_json: Json = False) -> None:
    """Plant made-up numbers in a copy of the data, train on it, and say which are learnt by heart. Takes a training."""
    from training.commands import canaries as asked

    answered(asked.canaries(), asked.as_text, as_json)


@app.command()
def attribute(as_json: Json = False) -> None:
    """Say which training conversations helped the adapter, which hurt, and who let them in."""
    from training.commands import attribute as asked

    answered(asked.attribute(), asked.as_text, as_json)


@app.command()
def publish(  # noqa: PLR0913 - what leaves the machine is said in full
    licence: Annotated[str, typer.Option(help="Who may use it, e.g. cc-by-4.0 or 'internal use only'.")],
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="A new folder.")] = None,
    repository: Annotated[str | None, typer.Option("--push", metavar="OWNER/NAME", help="To a hub, private.")] = None,
    public: Annotated[bool, typer.Option("--public", help="Of --push: for everybody to see.")] = False,
    adapter: Annotated[bool, typer.Option("--adapter", help="The adapter and its model card too.")] = False,
    allow: Annotated[list[str] | None, typer.Option(metavar="KIND", help="Personal data that may leave.")] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without it, only say what would leave.")] = False,
) -> None:
    """Give the curated set away, with pairs and judged replies for TRL: say what would leave; with --yes, do it."""
    from qirat.publish import Wanted
    from qirat.publish import publish as published

    say(published(Wanted(licence, folder, repository, public, adapter, allow or ()), yes))


@playbook.command()
def propose(
    write: Annotated[Path, typer.Option(help="File to write; never playbook.yaml.")] = Path("playbook.proposed.yaml"),
) -> None:
    """Propose rules that the conversations suggest, each with its evidence. Nothing is on until you take it over."""
    from curation.commands import playbook as asked

    say(asked.propose(write))


@app.command()
def results() -> None:
    """Say where the report, the ledger and the adapter are, with the main figures."""
    from curation.commands.results import results as lines

    say(lines())


def answered(answer: Answer, as_text: Callable[[Answer], str], as_json: bool) -> None:
    """Prints an answer for people or for scripts."""
    say(json.dumps(answer, ensure_ascii=False, indent=1) if as_json else as_text(answer))


if __name__ == "__main__":
    app()
