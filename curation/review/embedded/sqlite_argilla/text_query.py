"""What people type into Argilla's search box, as a full-text query of SQLite."""

import re
from dataclasses import dataclass

# A term: perhaps a minus, then a "phrase" or a word with perhaps a star. A bar stands between alternatives.
_TERM = re.compile(r'(?P<minus>-?)(?:"(?P<phrase>[^"]*)"?|(?P<word>[^\s|"*]+)(?P<star>\*?))|(?P<bar>\|)')


@dataclass(frozen=True)
class TextMatch:
    """FTS5 expressions: what must match and what must not; None where nothing of the kind was asked."""

    wanted: str | None
    unwanted: str | None


def text_match(query: str, column: str | None = None) -> TextMatch:
    """Words are all required, `a | b` takes either, `-a` excludes, `"a b"` keeps the order, `a*` takes beginnings.

    This is Elasticsearch's simple_query_string as Argilla uses it, without nesting and fuzziness. Every term ends up
    quoted, so no input is an FTS5 syntax error. `column` limits the search to one field.
    """
    alternatives: list[list[str]] = [[]]
    unwanted: list[str] = []
    for found in _TERM.finditer(query):
        if found["bar"]:
            alternatives.append([])
            continue
        text = found["phrase"] or found["word"] or ""
        if re.search(r"\w", text):
            term = f'"{text}"' + ("*" if found["star"] else "")
            (unwanted if found["minus"] else alternatives[-1]).append(term)
    wanted = [" AND ".join(terms) for terms in alternatives if terms]
    return TextMatch(_any(wanted, column), _any(unwanted, column))


def _any(expressions: list[str], column: str | None) -> str | None:
    if not expressions:
        return None
    either = " OR ".join(f"({expression})" for expression in expressions)
    return f"{column} : ({either})" if column else either
