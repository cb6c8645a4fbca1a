"""Texts on which patterns stumble: one sign or a few, over and over, in both scripts."""

import base64
import functools
import hashlib

UNITS = {
    "digits": "7",
    "arabic digits": "٥",
    "question marks": "?",
    "blanks": " ",
    "lines": "\n",
    "brackets": "[(",
    "open tags": "<b ",
    "tags": "<br>",
    "dots": ".",
    "ats": "@",
    "quotes": '"a ',
    "letters": "a",
    "tatweel": "ـ",
    "harakat": "\u064b",
    "one by one": "1 ",
    "dashed": "1-",
    "dotted": "1.",
    "slashed": "1/",
    "parted": "1,000",
    "prices": "$1 ",
    "hosts": "a.",
    "addresses": "http://a/",
    "no address": "a@",
    "percents": "%40",
    "broken marks": "?? ",
    "wrong letters": "Ã©",
    "invisible": "\u200b",
    "echo": "Please tell me once more what I said. ",
    "arabic echo": "قل لي مرة أخرى ما قلته من فضلك. ",
    "mixed scripts": "ab عب ",
    "numbers in words": "one خمسة ",
    "secrets": "password: كلمة السر ",
    "streets": "12 Baker street شارع 5 ",
    "names": "my name is Ali اسمي علي ",
    "json": '{"a":[',
    "nested": "[",
    "quote marks": "> ",
    "quoted lines": "> a\n",
    "wrote": "On 1/1/2025 Ali wrote:\n",
    "arabic wrote": "في 1/1/2025 كتب علي:\n",
    "headers": "From: a\n",
    "dates": "1/1/2024 ",
    "arabic dates": "١/١/",
    "clocks": "10:15 ",
    "combining": "e\u0301",
    "families": "\U0001f469\u200d",
    "flags": "\U0001f1f8",
    "other blanks": "\u00a0",
    "other line ends": "\r\n",
    "bullets": "- ا\n",
    "tables": "| a ",
    "links": "[a](",
    "entities": "&amp;",
    "escapes": "\\u00",
    "comments": "<!--",
    "quarters": "'a ",
    "commas": "ا، ",
    "special tokens": "<|im_start|>",
    "quotes in quotes": "\"'«“",
    "nested tags": "<div><p>",
    "words that join": "أنا\u200c",
    "headings": "# ",
    "paths": "a/../",
    "formulas": "=1+",
    "assignments": "a=b&",
}
PACKED = "base64"  # never the same twice, as files in words are
EVER_NEW = {  # with another number in it each time, of four digits in short texts as in long ones
    "new secrets": "password: Kx{}z ",
    "new pins": "the pin code is 9{} ",
    "new names": "my name is Ali Ben{} ",
    "new addresses": "a{}@example.com ",
    "new phones": "+96650{:07} ",
    "new streets": "عنواني شارع {} حي 5 الرياض ",
    "new prices": "Plan {} costs ${}.50. ",
    "new items": "- رقم {}: ${}\n",
}
NAMES = (*UNITS, *EVER_NEW, PACKED)
FEW = (
    "digits",
    "question marks",
    "lines",
    "quote marks",
    "one by one",
    "dotted",
    "no address",
    "echo",
    "arabic echo",
    "new secrets",
    "new items",
)


@functools.cache
def worst(name: str, length: int) -> str:
    """So many characters of it, less what would cut the last piece: texts of all lengths end alike."""
    if name == PACKED:
        blocks = (hashlib.sha256(str(n).encode()).digest() for n in range(length // 42 + 1))
        return base64.b64encode(b"".join(blocks)).decode()[:length]
    if name in EVER_NEW:
        one = EVER_NEW[name].format(1_000, 1_000)
        return "".join(EVER_NEW[name].format(n, n) for n in range(1_000, 1_000 + length // len(one)))[:length]
    return UNITS[name] * (length // len(UNITS[name]))
