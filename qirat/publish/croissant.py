"""Croissant metadata of a published folder: what each file and column is, for search engines and loaders.

Croissant format 1.0 (docs.mlcommons.org/croissant/docs/croissant-spec.html).
"""

import hashlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

CONFORMS_TO = "http://mlcommons.org/croissant/1.0"
ARROW = "application/vnd.apache.arrow.stream"
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileObject": "cr:fileObject",
    "fileProperty": "cr:fileProperty",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}


def croissant(folder: Path, columns: Mapping[str, Mapping[str, str]], about: Mapping[str, Any]) -> dict[str, Any]:
    """JSON-LD of the Arrow files below `folder`.

    `columns` tell by set what each column holds; `about` gives name, description, license, version and so on. A set
    lies in `folder` itself or in the folder of its name, each split of it in a folder with one file or more.
    """
    files = sorted(folder.rglob("*.arrow"))
    return {
        "@context": dict(CONTEXT),
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        **about,
        "distribution": [_file(folder, path) for path in files],
        "recordSet": [
            _records(name, path.relative_to(folder).as_posix(), columns[name])
            for path in files
            if (name := set_of(path.relative_to(folder), columns))
        ],
    }


def set_of(path: Path, sets: Collection[str]) -> str:
    """The set that a file below the published folder belongs to: its first folder, else the first of all sets."""
    return path.parts[0] if path.parts[0] in sets else next(iter(sets))


def _file(folder: Path, path: Path) -> dict[str, Any]:
    place = path.relative_to(folder).as_posix()
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {
        "@type": "cr:FileObject",
        "@id": place,
        "name": place,
        "contentUrl": place,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": ARROW,
        "sha256": digest,
    }


def _records(name: str, place: str, columns: Mapping[str, str]) -> dict[str, Any]:
    record = place.removesuffix(".arrow")
    return {
        "@type": "cr:RecordSet",
        "@id": record,
        "name": record,
        "description": f"{name}, one row each",
        "key": {"@id": f"{record}/id"},
        "field": list(_fields(record, place, columns)),
    }


def _fields(record: str, place: str, columns: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for column, means in columns.items():
        yield {
            "@type": "cr:Field",
            "@id": f"{record}/{column}",
            "name": column,
            "description": means,
            "dataType": "sc:Boolean" if means.startswith("whether") else "sc:Text",
            "source": {"fileObject": {"@id": place}, "extract": {"column": column}},
        }
