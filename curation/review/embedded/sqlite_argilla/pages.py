"""What the browser may do on Argilla's pages: run their scripts and no others, and load from this server only.

Argilla's pages fetch fonts from elsewhere, and what rows say is rendered in them. Escaping (markdown.py) is the first
wall against hostile rows; this is the second.
"""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any

_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


# Argilla keeps the guidelines folded away and remembers in the browser, by the names of its panels, whether somebody
# opened them. This page opens them once for each data set and goes on to the conversations.
WELCOME = """<!doctype html><title>Argilla</title><script>
const id = location.pathname.split("/").pop(), panel = id + "-r-h-rz"
const kept = JSON.parse(localStorage.getItem("argilla") || "{}")
kept.layout = { [panel]: { isExpanded: true, position: "30%" }, ...kept.layout }
localStorage.setItem("argilla", JSON.stringify(kept))
location.replace("/dataset/" + id + "/annotation-mode")
</script>"""


def welcome(app: Any) -> None:
    """/welcome/ID of a data set: the way in for who comes the first time."""
    from starlette.responses import HTMLResponse
    from starlette.routing import Route

    async def page(request: Any) -> HTMLResponse:
        return HTMLResponse(WELCOME)

    app.router.routes.insert(0, Route("/welcome/{dataset}", page))


def security_policy(*served: str) -> str:
    """Content-Security-Policy for the pages `served`, whose own inline scripts are allowed by their hash."""
    scripts = [hashlib.sha256(script.encode()).digest() for script in _INLINE_SCRIPT.findall("".join(served))]
    hashes = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in scripts)
    return (
        f"default-src 'self'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; object-src 'none'; base-uri 'self'; "
        "form-action 'self'; frame-ancestors 'none'"
    )


def served_index(pages: Path) -> str:
    """The page as Argilla copied it to its temporary folder, placeholders filled in."""
    return next(pages.glob("*/statics/index.html")).read_text("utf-8")
