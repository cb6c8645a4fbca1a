#!/bin/sh
# Lists what this is made of, as CycloneDX 1.6, into out/sbom.  make sbom
#     environment.json   what is installed in .venv, with licences and who needs whom
#     pins.json          what may be installed on any platform, with the hashes of the files
#     argilla.json       the same of the environment of the embedded Argilla server
#     images.json        the images of deploy/argilla
# Two runs write the same bytes. Each is written whole or not at all.
set -eu
cd "$(dirname "$0")/.."
mkdir -p out/sbom
partial=$(mktemp out/sbom/.sbom.XXXXXX)
trap 'rm -f "$partial"' EXIT

listed() {
    name=$1
    shift
    .qirat/pins/bin/cyclonedx-py "$@" --spec-version 1.6 --output-reproducible --validate --output-format JSON \
        --output-file - > "$partial"
    chmod 644 "$partial"
    mv "$partial" "out/sbom/$name.json"
    echo "out/sbom/$name.json"
}

listed environment environment --pyproject pyproject.toml --mc-type application .venv
listed pins requirements --pyproject pyproject.toml constraints.txt
listed argilla requirements curation/review/embedded/requirements.txt
listed label-studio requirements curation/review/embedded/studio_requirements.txt
python3 - > "$partial" <<'PYTHON'
import json, pathlib, re

compose = pathlib.Path("deploy/argilla/compose.yaml").read_text("utf-8")
components = []
for name, version, digest in sorted(set(re.findall(r"^ *image: *([^\s@]+):([^\s@:]+)(?:@sha256:(\w+))?", compose, re.M))):
    component = {"type": "container", "bom-ref": f"{name}:{version}", "name": name, "version": version}
    components.append(component | ({"hashes": [{"alg": "SHA-256", "content": digest}]} if digest else {}))
print(json.dumps({"bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1, "components": components}, indent=2))
PYTHON
chmod 644 "$partial"
mv "$partial" out/sbom/images.json
echo "out/sbom/images.json"
