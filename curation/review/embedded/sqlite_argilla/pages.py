"""What the browser may do on Argilla's pages: run their scripts and no others, and load from this server only.

Argilla's pages fetch fonts from elsewhere, and what rows say is rendered in them. Escaping (markdown.py) is the first
wall against hostile rows; this is the second.
"""

import base64
import hashlib
import re
from pathlib import Path

_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def security_policy(index: str) -> str:
    """Content-Security-Policy for the page `index`, whose own inline scripts are allowed by their hash."""
    scripts = [hashlib.sha256(script.encode()).digest() for script in _INLINE_SCRIPT.findall(index)]
    hashes = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in scripts)
    return (
        f"default-src 'self'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline'; "
        "img-src 'self' data: blob:; font-src 'self' data:; object-src 'none'; base-uri 'self'; "
        "form-action 'self'; frame-ancestors 'none'"
    )


def served_index(pages: Path) -> str:
    """The page as Argilla copied it to its temporary folder, placeholders filled in."""
    return next(pages.glob("*/statics/index.html")).read_text("utf-8")
