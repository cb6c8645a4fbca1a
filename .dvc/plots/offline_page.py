"""Write the page that `dvc plots` draws on, with the drawing library inside it.

    python .dvc/plots/offline_page.py

DVC's own page fetches Vega from a CDN and is blank without a network. .dvc/config names the page written here; the
scripts come out of the package vl-convert-python. Run once when the environment is made.
"""

from pathlib import Path

import vl_convert

PAGE = """<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
{refresh_tag}
<title>Plots</title>
<style>
body { font-family: system-ui, sans-serif; margin: 1.5rem; }
</style>
<script>
(function () {
VEGA
})();
</script>
</head>
<body>
{plot_divs}
</body>
</html>
"""


def main() -> None:
    """page.html beside this file."""
    # DVC writes Vega-Lite 5 charts.
    version = next(v for v in reversed(vl_convert.get_vegalite_versions()) if v.startswith("5."))
    vega = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", vl_version=version)
    page = PAGE.replace("VEGA", vega.replace("</script", "<\\/script"))
    Path(__file__).with_name("page.html").write_text(page, "utf-8")


if __name__ == "__main__":
    main()
