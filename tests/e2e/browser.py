"""The browser of this machine, and what no page may run."""

import shutil

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OPTIONS = """--no-sandbox --disable-gpu --disable-background-networking --no-first-run --disable-component-update
    --disable-sync""".split()
PAYLOAD = "</script><script>window.ran=1</script><img src=x onerror=window.ran=2><svg onload=window.ran=3>"
