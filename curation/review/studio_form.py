"""What annotators see in Label Studio: records as HTML in which every sign means itself, questions, guidelines."""

import html
import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from curation.core.text.markdown import read_back
from curation.review.form import Form
from curation.review.offline import ROLES
from curation.review.records import Record

INTERFACES = Path(__file__).with_name("interfaces")
KEYS = {  # heading of the guidelines' paragraph on keys -> what it says of Label Studio's
    "With the keyboard": "The key in brackets chooses. **Ctrl Enter** submits. **Ctrl Space** skips: it leaves the "
    "conversation to others. While you write in a box, **Esc** leaves it. What you began is saved as a draft.",
    "بلوحة المفاتيح": "المفتاح بين القوسين للاختيار، و**Ctrl Enter** للإرسال، و**Ctrl Space** لترك المحادثة لغيرك. "
    "وأثناء الكتابة في خانة يخرجك منها **Esc**. وما بدأته يُحفظ مسودةً.",
}


def interface(form: Form) -> str:
    """The labelling configuration of a form."""
    import jinja2

    # No escaping: the words are ours, and what rows say is never part of it.
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(INTERFACES), undefined=jinja2.StrictUndefined)
    choices = environment.get_template("choices.jinja").module.choices  # type: ignore[attr-defined]
    options = {name: {key: _both_ways(words) for key, words in given.items()} for name, given in form.options.items()}
    style = (INTERFACES / "style.css").read_text("utf-8")
    return environment.get_template(form.interface).render(**options, choices=choices, style=style).strip()


def guidelines(form: Form) -> str:
    """The guidelines as HTML, which Label Studio shows before the first conversation."""
    from markdown_it import MarkdownIt

    text = form.guidelines.read_text("utf-8")
    for heading in KEYS:
        text = re.sub(rf"(?m)^(## {heading}\n\n).*$", rf"\g<1>{KEYS[heading]}", text)
    return str(MarkdownIt("commonmark", {"html": True}).render(text)).strip()


def shown(record: Record) -> dict[str, Any]:
    """The data of a record's task: each field as HTML, the text to edit, and what the owner may filter by.

    Nothing of it tells gold and blind rows from one another.
    """
    metadata = record["metadata"]
    language = "ar" if metadata["language"] == "ar" else "en"
    fields = {name: _as_html(value, language) for name, value in record["fields"].items()}
    told = {name: metadata[name] for name in ("language", "source", "intent", "rank") if name in metadata}
    return {**fields, **told, "id": record["external_id"], "corrected": record["corrected"] or ""}


def _both_ways(words: str) -> str:
    """English · Arabic, of which the second turns nothing around that stands behind it, as the key in brackets does."""
    english, _, arabic = words.partition(" · ")
    return f"{english} · \u2068{arabic}\u2069"


def _as_html(field: str | Sequence[Mapping[str, str]], language: str) -> str:
    direction = "rtl" if language == "ar" else "ltr"
    if isinstance(field, str):
        return f'<div class="qirat-words" dir="{direction}">{_escaped(field)}</div>'
    parts = groupby(field, key=lambda bubble: bubble.get("part", ""))
    return f'<div dir="{direction}">{"".join(_part(name, [*bubbles], language) for name, bubbles in parts)}</div>'


def _part(name: str, bubbles: Sequence[Mapping[str, str]], language: str) -> str:
    """Bubbles one after another; those of a named part folded away under the words of the first."""
    shown = bubbles[1:] if name else bubbles
    turns = "".join(_turn(bubble, ROLES[language].get(bubble["role"], bubble["role"])) for bubble in shown)
    head = _escaped(bubbles[0]["content"])
    return f'<details class="qirat-part"><summary>{head}</summary>{turns}</details>' if name else turns


def _turn(bubble: Mapping[str, str], who: str) -> str:
    role = bubble["role"] if bubble["role"] in ("user", "assistant", "system", "tool") else "tool"
    doubted = " qirat-doubted" if bubble.get("doubted") else ""
    return (
        f'<div class="qirat-turn qirat-{role}{doubted}"><div class="qirat-who">{html.escape(who)}</div>'
        f'<div class="qirat-words" dir="auto">{_escaped(bubble["content"])}</div></div>'
    )


def _escaped(markdown: str) -> str:
    return html.escape(read_back(markdown))
