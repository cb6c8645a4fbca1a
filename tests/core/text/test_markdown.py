import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from curation.core.text.markdown import as_plain, as_written

SIGNS = "<>&[]()!*_`~#|$\\+-=:/.@ \n\t1wahttps"
HOSTILE = [
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "![beacon](http://example.invalid/a.png)",
    "[click](javascript:alert(1))",
    "[a]: http://example.invalid\n[a]",
    "<http://example.invalid>",
    "http://example.invalid HTTPS://example.invalid www.example.invalid WWW.example.invalid a@example.invalid",
    "```html\n<b>\n```",
    "~~~\ncode\n~~~",
    "    <b>code</b>",
    "\t<b>code</b>",
    "a\n===",
    "a\n---",
    "# heading",
    "1. one\n2. two",
    "1) one",
    "- one\n+ two\n* three",
    "> quoted",
    "| a | b |\n|---|---|\n| 1 | 2 |",
    r"\<b\> \\<b>",
    "&lt;b&gt; &#60;b&#62;",
    r"$\href{javascript:alert(1)}{x}$ $$x$$",
]


@pytest.fixture(scope="module")
def render() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_renders_as_the_text_itself(render: MarkdownIt, text: str) -> None:
    assert shown(render, as_written(text)) == visible(text)


@given(st.text(st.one_of(st.sampled_from(SIGNS), st.characters(exclude_categories=["Cs", "Cc"])), max_size=60))
@example("0.\n")
def test_any_text_renders_as_the_text_itself(text: str) -> None:
    render = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    assert shown(render, as_written(text)) == visible(text)


@given(st.lists(st.sampled_from([*HOSTILE, *SIGNS])).map("".join))
@example("".join(HOSTILE))
def test_no_tag_and_no_address_survives_even_where_html_is_read(text: str) -> None:
    written = as_written(text)
    assert not re.search(r"[<>]|(?<!\\)://|www\.", written, re.IGNORECASE)


def test_words_that_people_search_for_stay_whole() -> None:
    assert as_written("don't pay 12,5 or 12.5; ok?") == "don't pay 12,5 or 12.5; ok?"
    assert as_written("لم يصل الطلب، متى؟") == "لم يصل الطلب، متى؟"


def test_signs_that_turn_text_backwards_are_seen_and_do_nothing() -> None:
    assert as_written("pay \u202etxt.exe\u202c") == "pay ⟦RLO⟧txt.exe\u202c"
    assert as_plain("pay \u202etxt.exe\u202d") == "pay txt.exe"
    assert as_written("\u2068سارة\u2069") == "\u2068سارة\u2069", "those of ordinary Arabic chats stay"


def shown(render: MarkdownIt, markdown: str) -> list[str]:
    """The words on the page; fails when anything but paragraphs of plain text is there."""
    words: list[str] = []
    for block in render.parse(markdown):
        assert block.type in ("paragraph_open", "inline", "paragraph_close"), block.type
        for part in block.children or ():
            assert part.type in ("text", "text_special", "softbreak", "hardbreak"), part.type
            words.append(" " if part.type.endswith("break") else part.content)
        words.append(" ")
    return "".join(words).split()


def visible(text: str) -> list[str]:
    return text.replace("\u202d", "⟦LRO⟧").replace("\u202e", "⟦RLO⟧").split()
