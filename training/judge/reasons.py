"""Why a verdict is as it is: a code and its figures, which the report tells in every language, and English words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_GAIN = "gain {value:+.3f} [{low:+.3f}, {high:+.3f}]"
_LESS = "{value:+.3f} [{low:+.3f}, {high:+.3f}]"
_OVER = "{n} conversations in {groups} groups"
_GOOD = "{good} of {n} conversations ({language}) break no rule and end every reply"
_NET = "{value:+.2f} [{low:+.2f}, {high:+.2f}]"
SENTENCES = {
    "prompt_reached": "{arm} alone reached baseline.target: it breaks no rule, and ends its replies, in {target:.0%} "
    "of the conversations of each language that is judged",
    "prompt_reached_unbeaten": "{arm} alone reached baseline.target, and the adapter does not beat every prompt arm",
    "beaten": f"the adapter beats every prompt arm on {{metric}}, {{against}} by the least: {_GAIN}, {_OVER}",
    "no_gain": f"the adapter is shown not to beat {{against}} on {{metric}} by {{least:g}} or more: {_GAIN}, {_OVER}",
    "unbeaten": f"the adapter is not shown to beat {{against}} on {{metric}}: {_GAIN}, {_OVER}",
    "too_few": "only {n} conversations stand behind {metric}, and fewer than {least} decide nothing",
    "lost": "{metric} ({language}) against {against}: worse by more than the margin {margin:g} "
    f"({_GAIN}, {_OVER})",
    "loss": "{metric} ({language}) against {against}: worse by more than the margin {margin:g} cannot be ruled "
    f"out ({_GAIN}, {_OVER})",
    "forgot": "general ability ({language}): lost more than the margin {margin:g} against the base model "
    f"({_GAIN}, {{n}} questions)",
    "forgotten": "general ability ({language}): a loss of more than the margin {margin:g} against the base model "
    f"cannot be ruled out ({_GAIN}, {{n}} questions)",
    "below_target": f"the adapter is not good enough: {_GOOD}, {{value:.0%}} [{{low:.0%}}, {{high:.0%}}], where "
    "baseline.target is {target:.0%}",
    "target_open": "the adapter is not shown to reach baseline.target, {target:.0%}, nor to miss it: "
    f"{_GOOD}, {{value:.0%}} [{{low:.0%}}, {{high:.0%}}]",
    "unmeasured": "{metric} has a say in the verdict and was not measured",
    "too_little": "too little was measured to tell (measured / needed): {measured}; raise "
    "evaluate.generated, evaluate.conversations and evaluate.forgetting",
    "beyond_questions": "there are not so many questions on general ability as it takes to show that it is kept "
    "(needed / there are, and what asks for fewer where it is wider): {measured}; or write more of your own into "
    "training/judge/forgetting/LANGUAGE.yaml and raise evaluate.forgetting",
    "beyond_test": "this test has fewer conversations than it takes to tell (needed / there are, and what asks for "
    "fewer where it is wider or lower): {measured}; or give the test more of them (split.test, split.test_files)",
    "guard_off": "params.yaml switches guards off or loosens them: {params}",
    "memorised_personal": "the adapter repeats personal data of training conversations, {n} times ({kinds}): see "
    "data/evaluated/memorised, mask it (route.pii) and train again",
    "fabricates": "the adapter makes up more facts than {against} ({language}): those in a reply "
    f"that nothing before it holds, {_GAIN}, {_OVER}; see data/evaluated/facts",
    "repeats_facts": "more of the facts that the adapter makes up stand in training replies than of those of {against} "
    f"({{language}}): {_GAIN} a reply, {_OVER}; facts belong to retrieval (route.facts)",
    "not_shown": "{language}: not shown on {metrics}; fewer than {least} conversations of a language count neither for "
    "nor against",
    "strongest_only": "of the prompts only {arm} answered, the strongest on dev by likelihood of the team's replies; "
    "not asked: {others} (evaluate.rivals: every)",
    "out_early": "{arm} was shown to lose to the best prompt after {n} conversations and was asked no more; a loss "
    "beyond a margin against its replies counts only where these show it",
    "unspoken": "{language} is not judged: the base model's tokenizer spells {share:.0%} of the letters in the team's "
    "replies one by one, so it does not speak the language; {n} test conversations are left out (evaluate.languages)",
    "unjudged": "{language} is not judged, as evaluate.languages has it; {n} test conversations are left out",
    "spelt": "{language}: the base model's tokenizer spells {share:.0%} of the letters in the team's replies one by "
    "one, so figures in it say little of what a model that speaks it would do ({n} test conversations)",
    "cut": "{language}: {share:.0%} of the team's own replies are longer than the {limit} tokens that an arm may "
    "write, so what stands at their end is out of reach: raise evaluate.max_new_tokens, or make it auto",
    "known_sentences": "{share:.0%} of the {n:,} sentences in the team's test replies stand word for word in train: "
    "this test asks for phrases that can be learnt by heart, and says little of questions that need others",
    "true_turns": "in {n} of the {of} conversations that were answered freely, each arm's later replies follow the "
    "team's true earlier ones, not its own: how an arm goes on after its own mistakes is not measured",
    "looks": "look {n} at this test set (data/looks.jsonl); looks share the error, so the verdict's intervals stand "
    "at {level:.2%}",
    "slice_worse": "{kind} {slice}: the adapter is shown to be worse than {against} on {metric}: "
    f"{_GAIN} over {{n}} conversations, an interval for all {{looked_at}} slices and metrics looked at",
    "slice_behind": "{kind} {slice}: the adapter gains less over {against} on {metric} than over the other "
    f"conversations ({{rest:+.3f}}), by {_LESS} over {{n}} conversations, an interval for all {{looked_at}} slices and "
    "metrics looked at",
    "slice_behind_team": "{kind} {slice}: the adapter stays further behind the team's own replies on {metric} than "
    f"over the other conversations ({{rest:+.3f}}), by {_LESS} over {{n}} conversations, an interval for all "
    "{looked_at} slices and metrics looked at; nor is it shown to gain over the prompt there",
    "seeds": "training seeds that stand behind it: {n}",
    "seeds_differ": "with {n} seeds the loss on test differs by up to {spread:.3f} nats a token; over the base model "
    f"{_GAIN}, the luck of training in the interval",
    "preference_lost": "people prefer the replies of {against}: better in {losses} of {n} groups of conversations, the "
    f"adapter's in {{wins}}; wins less losses {_NET}",
    "preference_few": "only {n} groups of conversations were compared with {against} by people, and it takes {least} "
    f"to tell: qirat review pairs; wins less losses {_NET}",
    "preference_beyond": "only {n} groups of conversations were compared with {against} by people, and it takes "
    "{least} to tell, where only {there} have replies that differ: raise evaluate.generated, so that more of the test "
    f"is answered; wins less losses {_NET}",
    "preference_judges": "{n} answers of people on pairs of replies do not count: on pairs whose better side is known "
    "these people did no better than chance",
    "preference_won": "people prefer the adapter's replies to those of {against}: better in {wins} of {n} groups of "
    f"conversations, worse in {{losses}}; wins less losses {_NET}",
    "preference_even": "{judges} people are not shown to prefer the replies of {against} or the adapter's, in {n} "
    f"groups of conversations: wins less losses {_NET}",
    "preference_model": "{judge} compared {n} groups of conversations, {beside} of them beside people, with whom it "
    f"agrees in {{agree:.0%}}; corrected by their answers, wins less losses are {_NET}. A model alone decides nothing",
    "preference_none": "nobody has compared its replies with those of {against} yet: qirat review pairs",
    "preference_stale": "{stale} answers of people are on replies that nobody gives any more; nobody has compared "
    "these with those of {against} yet: qirat review pairs",
    "overridden": "trained although prompting was enough: {reason}",
}


@dataclass(frozen=True)
class Reason:
    """`figures` are JSON values; str() is the English sentence."""

    code: str
    figures: Mapping[str, Any]

    def __str__(self) -> str:
        return SENTENCES[self.code].format(**self.figures)


@dataclass(frozen=True)
class Voice:
    """What one more judge says in the verdict, beside metrics, margins and general ability."""

    against: Sequence[Reason] = ()  # shown, and each of them stops promotion
    unsure: Sequence[Reason] = ()  # too little to tell: nothing is promoted on it
    told: Sequence[Reason] = ()  # said after the rest


def as_codes(reasons: Iterable[Reason]) -> dict[str, list[Any]]:
    """`reasons`, English sentences, and `because`, the same for machines and other languages."""
    found = list(reasons)
    return {
        "reasons": [str(reason) for reason in found],
        "because": [{"code": reason.code, "figures": dict(reason.figures)} for reason in found],
    }


def as_line(verdict: Mapping[str, Any]) -> str:
    """A verdict for the terminal: its word, the reasons that count, how many there are besides."""
    folded = len(verdict["further"]["reasons"])
    more = f" (and {folded} more: data/evaluated/verdict.json)" if folded else ""
    return f"{verdict['verdict']}: {'; '.join(verdict['reasons'])}{more}"
