"""Why a verdict is as it is: a code and its figures, which the report tells in every language, and English words."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_GAIN = "gain {value:+.3f} [{low:+.3f}, {high:+.3f}]"
_NET = "{value:+.2f} [{low:+.2f}, {high:+.2f}]"
SENTENCES = {
    "prompt_reached": "{arm} alone reached baseline.target: it breaks no rule, and ends its replies, in {target:.0%} "
    "of the conversations of each language",
    "prompt_reached_unbeaten": "{arm} alone reached baseline.target, and the adapter does not beat every prompt arm",
    "beaten": f"the adapter beats every prompt arm on {{metric}}, {{against}} by the least: {_GAIN}",
    "unbeaten": f"the adapter is not shown to beat {{against}} on {{metric}}: {_GAIN}",
    "too_few": "only {n} conversations stand behind {metric}, and intervals from fewer than {least} are too narrow to "
    "decide on: raise evaluate.generated and evaluate.conversations",
    "loss": "{metric} ({language}) against {against}: worse by more than the margin {margin:g} cannot be ruled "
    f"out ({_GAIN})",
    "forgotten": "general ability ({language}): a loss of more than the margin {margin:g} against the base model "
    f"cannot be ruled out ({_GAIN})",
    "forgetting_few": "only {n} questions on general ability were asked, and fewer than {least} decide nothing: raise "
    "evaluate.forgetting",
    "memorised_personal": "the adapter repeats personal data of training conversations, {n} times ({kinds}): see "
    "data/evaluated/memorised, mask it (route.pii) and train again",
    "not_shown": "{language}: not shown on {metrics}; fewer than {least} conversations of a language count neither for "
    "nor against the adapter",
    "preference_lost": "people prefer the replies of {against}: better in {losses} of {n} conversations, the adapter's "
    f"in {{wins}}; wins less losses {_NET}",
    "preference_few": "only {n} conversations were compared with {against} by people, and it takes {least} to tell: "
    f"qirat review pairs; wins less losses {_NET}",
    "preference_judges": "{n} answers of people on pairs of replies do not count: on pairs whose better side is known "
    "these people did no better than chance",
    "preference_won": "people prefer the adapter's replies to those of {against}: better in {wins} of {n} "
    f"conversations, worse in {{losses}}; wins less losses {_NET}",
    "preference_even": "{judges} people are not shown to prefer the replies of {against} or the adapter's, in {n} "
    f"conversations: wins less losses {_NET}",
    "preference_model": "{judge} compared {n} conversations, {beside} of them beside people, with whom it agrees in "
    f"{{agree:.0%}}; corrected by their answers, wins less losses are {_NET}. A model alone decides nothing",
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
