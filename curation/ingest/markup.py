"""HTML in messages to the text a reader sees. Nothing is run and nothing is fetched.

Rendering is inscriptis', on lxml's tree. Of html2text (GPL), markdownify, html-to-markdown and selectolax none gave
plain words: marks of Markdown within the text, scripts kept, or paragraphs and lists run together.
"""

import functools
import re
from collections.abc import Iterator
from html import unescape
from typing import Any

from curation.core.record.repair import LONE_SURROGATES

_NAMES = "p div br li ul ol td tr table tbody blockquote html head body style script span strong em font pre center"
_TAG = rf"<(/?)({'|'.join(_NAMES.split())}|h[1-6]|b|i|u|a|img)(?:\s[^<>]*)?/?>"
_STARTS_WITH_TAG = re.compile(rf"\s*(?:<!--|<!doctype\b|<\?xml\b|{_TAG})", re.IGNORECASE)
_TAGS = re.compile(_TAG, re.IGNORECASE)
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_ENTITY = re.compile(r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{1,7}|#x[0-9a-f]{1,6});", re.IGNORECASE)
_BLANKS = re.compile(r"\n{3,}")

_IS = "contains(concat(' ', normalize-space(@class), ' '), ' {} ')"
# How Gmail, Outlook, Yahoo, Apple Mail, Thunderbird, Proton and Zendesk mark the mail they answer and their signature.
QUOTED = " | ".join(
    [
        *(f"//*[{_IS.format(name)}]" for name in "gmail_quote yahoo_quoted moz-cite-prefix protonmail_quote".split()),
        "//blockquote[@type='cite']",
        *(  # the first of the name, which is one's own; all of many would take the square of their number
            f"(//*[@id='{name}'])[1] | (//*[@id='{name}'])[1]/following-sibling::*"
            for name in ("divRplyFwdMsg", "appendonsend")
        ),
    ]
)
SIGNED = " | ".join(
    [
        *(f"//*[{_IS.format(name)}]" for name in ("gmail_signature", "moz-signature", "protonmail_signature_block")),
        f"//div[{_IS.format('signature')}]",
        *(f"//*[@id='{name}']" for name in ("AppleMailSignature", "ms-outlook-mobile-signature", "Signature")),
    ]
)
_HIDDEN = "//*[contains(translate(@style, ' ', ''), 'display:none')]"
_FORWARD = "moz-forward-container"  # Thunderbird's
_FORWARDED = re.compile(  # how the part begins: a rule of dashes around words in any language, or Apple's line
    r"\s*-{4,} ?(?!-|original message|الرسالة الأصلية|رسالة أصلية)\w|\W*(?:forwarded message|begin forwarded|"
    r"(?:début du message|anfang der weiter|inicio del mensaje|inizio|início da mensagem|بداية الرسالة|بدء الرسالة)\b)",
    re.IGNORECASE,
)


def is_html(text: str) -> bool:
    """Whether a text is written in HTML: it starts with a tag, breaks lines or closes tags with it, outside of code."""
    if "<" not in text or ">" not in text:
        return False
    spoken = _CODE.sub("", text)
    if _STARTS_WITH_TAG.match(spoken):
        return True
    tags = {(slash, name.lower()) for slash, name in _TAGS.findall(spoken)}
    return any(name == "br" or ("/", name) in tags for slash, name in tags if not slash)


def text_of_html(html: str, drop: dict[str, str]) -> tuple[str, list[tuple[str, str]]]:
    """The text of an HTML message, and what was left out of it.

    `drop` names what to leave out -> where it is (XPath). HTML nested too deeply to be read whole comes back as it is.
    """
    try:
        tree = _tree(html)
    except _TooDeepError:
        return html, []
    if tree is None:
        return "", []
    removed = [(what, _rendered(part)) for what, place in drop.items() for part in _dropped(tree, place)]
    for hidden in _finder(_HIDDEN)(tree):
        _remove(hidden)
    return _rendered(tree), [(what, text) for what, text in removed if text]


def unescaped(text: str) -> str:
    """A text without tags, its HTML entities as the characters they stand for."""
    return unescape(text).replace("\xa0", " ") if _ENTITY.search(text) else text


class _TooDeepError(Exception):
    pass


def _tree(html: str) -> Any:
    from lxml import html as lxml_html
    from lxml.etree import ParserError

    parser = lxml_html.HTMLParser(remove_comments=True, remove_pis=True)
    clean = LONE_SURROGATES.sub("\ufffd", html).replace("\0", "")
    try:
        tree = lxml_html.document_fromstring(re.sub(r"^\s*<\?xml[^>]*>", "", clean), parser=parser)
    except ParserError:  # nothing but comments
        return None
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise _TooDeepError
    return tree


def _dropped(tree: Any, place: str) -> Iterator[Any]:
    """The outermost parts at this place, taken out of the tree. Forwarded mails, which are news, stay, and so does all
    where somebody answered between the parts.
    """
    outermost: dict[Any, None] = {}
    for part in _finder(place)(tree):
        if not any(above in outermost or above.get("class") == _FORWARD for above in part.iterancestors()):
            outermost[part] = None
    parts = [inner for part in outermost if not _FORWARDED.match(part.text_content()) for inner in _quoted(part)]
    if not _answered_between(tree, parts):
        for part in parts:
            _remove(part)
            yield part


def _quoted(part: Any) -> list[Any]:
    """The part, or of one that holds answers below what it quotes, as Gmail writes them, what it quotes."""
    quotes = [] if part.tag == "blockquote" else part.xpath(".//blockquote[not(ancestor::blockquote)]")
    return [*part.xpath(".//*[@class='gmail_attr']"), *quotes] if quotes and _speaks_after(part, quotes) else [part]


def _speaks_after(part: Any, quotes: list[Any]) -> bool:
    return any(quoted and words for quoted, words in _words_outside(part, quotes))


def _answered_between(tree: Any, parts: list[Any]) -> bool:
    """Whether words stand between two of the parts."""
    spoken = [quoted for quoted, words in _words_outside(tree, parts) if words]
    return any(0 < quoted < len(parts) for quoted in spoken)


def _words_outside(tree: Any, parts: list[Any]) -> Iterator[tuple[int, str]]:
    """Every text outside of the parts, and how many parts stand before it."""
    from lxml.etree import iterwalk

    known, inside, before = set(parts), 0, 0
    for event, element in iterwalk(tree, events=("start", "end")):
        at_part = element in known
        inside += at_part if event == "start" else -at_part
        before += at_part and event == "end"
        text = element.tail if event == "end" else element.text if element.tag not in ("style", "script") else None
        if not inside and text and text.strip():
            yield before, text.strip()


@functools.cache
def _finder(place: str) -> Any:
    from lxml.etree import XPath

    return XPath(place)


def _remove(part: Any) -> None:
    if part.getparent() is not None:
        part.drop_tree()
        part.tail = None  # stayed where it was


def _rendered(tree: Any) -> str:
    from inscriptis.html_engine import Inscriptis

    for element in tree.iter():
        element.attrib.pop("style", None)  # margins of a million lines
        if element.tag == "a" and _says_itself(element):
            element.attrib.pop("href", None)
    lines = [line.rstrip() for line in Inscriptis(tree, _layout()).get_text().split("\n")]
    return _BLANKS.sub("\n\n", "\n".join(lines)).strip()


def _says_itself(link: Any) -> bool:
    """Whether the words of a link are its address, or it has none that leads anywhere."""
    address = re.sub(r"^(?:mailto:|tel:|https?://)(?:www\.)?", "", link.get("href", "").strip()).rstrip("/")
    shown = re.sub(r"^(?:https?://)?(?:www\.)?", "", link.text_content().strip()).rstrip("/")
    return not shown or shown == address or address.startswith(("javascript:", "data:", "cid:", "#"))


@functools.cache
def _layout() -> Any:
    from inscriptis.css_profiles import CSS_PROFILES
    from inscriptis.html_properties import Display
    from inscriptis.model.config import ParserConfig
    from inscriptis.model.html_element import HtmlElement

    indents = {"ul": 2, "ol": 3}  # as wide as their marks
    lists = {tag: HtmlElement(tag, display=Display.block, padding_inline=width) for tag, width in indents.items()}
    return ParserConfig(css={**CSS_PROFILES["strict"], **lists}, display_links=True)
