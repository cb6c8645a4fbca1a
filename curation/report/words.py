"""The words of the report, one YAML file a language in strings/. A further language is a further file."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

import yaml
from markupsafe import Markup

FOLDER = Path(__file__).parent / "strings"


class Words:
    """The catalogue of one language: `words("funnel.title")`, `words("verdict.clean", clean=3)`."""

    def __init__(self, catalogue: Mapping[str, Any]) -> None:
        self._texts = {key: str(text) for key, text in flat(catalogue)}
        self.code = self._texts["language.code"]
        self.name = self._texts["language.name"]
        self.direction = self._texts["language.direction"]
        self._counting = _Counting(self)

    def __call__(self, key: str, **values: object) -> str:
        return self._counting.vformat(self._texts[key], (), values) if values else self._texts[key]

    def counted(self, noun: str, value: object) -> str:
        """So many of a noun: counted("conversation", 4) is "4 conversations", and «4 محادثات»."""
        number = int(float(str(value).replace(",", "")))
        form = plural(number, self.code)
        text = self._texts.get(f"plural.{noun}.{form}", self._texts[f"plural.{noun}.other"])
        return text.format(n=f"{number:,}")

    def name_of(self, kind: str, value: str | None) -> str:
        """What the catalogue calls a value that came from the data; the value itself when it has no name for it."""
        return self._texts.get(f"{kind}.{value}", value or self("none"))

    def titled(self, code: str) -> str:
        """What a code is called; its name where nobody has called it anything."""
        return self.name_of("titles", code)

    def titled_code(self, code: str) -> Markup:
        """The same with the name by which commands and params.yaml know it."""
        name = Markup('<code dir="ltr">{}</code>').format(code or "–")
        if not self.knows(f"titles.{code}"):
            return name
        return Markup('<span class="titled">{} {}</span>').format(self.titled(code), name)

    def knowing(self, more: Mapping[str, Any]) -> "Words":
        """The catalogue with words that came from elsewhere."""
        return Words({**self._texts, **more})

    def knows(self, key: str) -> bool:
        return key in self._texts

    @property
    def keys(self) -> frozenset[str]:
        return frozenset(self._texts)


class _Counting(Formatter):
    """`{clean:conversation}` in a text of the catalogue counts conversations."""

    def __init__(self, words: Words) -> None:
        self._words = words

    def format_field(self, value: Any, format_spec: str) -> Any:
        if self._words.knows(f"plural.{format_spec}.other"):
            return self._words.counted(format_spec, value)
        return super().format_field(value, format_spec)


def plural(number: int, language: str) -> str:
    """The form of a noun behind a whole number, by CLDR's rules (unicode.org/cldr/charts, cardinal)."""
    if language != "ar":
        return "one" if number == 1 else "other"
    if number < 3:
        return ("zero", "one", "two")[number]
    rest = number % 100
    return "few" if 3 <= rest <= 10 else "many" if rest > 10 else "other"


@cache
def languages() -> tuple[Words, ...]:
    """Every catalogue, English first: it is the one that is complete by definition."""
    found = [Words(yaml.safe_load(path.read_text("utf-8"))) for path in sorted(FOLDER.glob("*.yaml"))]
    return tuple(sorted(found, key=lambda words: (words.code != "en", words.code)))


def flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names and values of a nested mapping."""
    for key, value in tree.items():
        yield from flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else [(f"{prefix}{key}", value)]
