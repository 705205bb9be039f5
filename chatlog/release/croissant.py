"""croissant.json: a release in the terms of Croissant 1.1, with its vocabulary for responsible AI."""

from __future__ import annotations

import calendar
from typing import Any, Final

import pyarrow as pa

from chatlog.release import statements
from chatlog.release.citing import bibtex
from chatlog.release.columns import is_list, meaning
from chatlog.release.facts import Facts
from chatlog.release.licences import LICENSE, licence_of
from chatlog.release.metadata import language_codes

CROISSANT: Final = "croissant.json"

_CONTEXT: Final = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "arrayShape": "cr:arrayShape",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "containedIn": "cr:containedIn",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "description": {"@container": "@language"},
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isArray": "cr:isArray",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "name": {"@container": "@language"},
    "parentField": "cr:parentField",
    "path": "cr:path",
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
"""The context of the Croissant specification, whole, so that no reader fetches one."""

_TYPES: Final = {
    pa.bool_(): "sc:Boolean",
    pa.int8(): "cr:Int8",
    pa.int16(): "cr:Int16",
    pa.int32(): "cr:Int32",
    pa.int64(): "cr:Int64",
    pa.float32(): "cr:Float32",
    pa.float64(): "cr:Float64",
    pa.date32(): "sc:Date",
}

_PARQUET: Final = "application/x-parquet"
_SPLITS: Final = "splits"


def croissant(facts: Facts) -> dict[str, Any]:
    """The JSON-LD object of croissant.json.

    Each split is a record set named after it (`train`), of the Parquet files of that name; each file stands in
    `distribution` with its checksum, and the record set `splits` enumerates the splits. Paths are relative to the
    release, so that a copy of it can be read without a network.

    Source: Croissant 1.1 and Croissant RAI 1.0 (docs.mlcommons.org/croissant).
    """
    spec = facts.spec
    known = licence_of(spec)
    distribution: list[dict[str, Any]] = []
    for split in facts.splits:
        for file in split.files:
            distribution.append(
                {
                    "@type": "cr:FileObject",
                    "@id": file.name,
                    "name": file.name,
                    "contentUrl": file.name,
                    "contentSize": f"{file.size} B",
                    "encodingFormat": _PARQUET,
                    "sha256": file.sha256,
                }
            )
        distribution.append(_file_set(split.name))
    told: dict[str, Any] = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": spec.title,
        "description": f"{facts.rows:,} rows. {statements.collection(facts)}",
        "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
        "license": known.url if known else spec.license_name or LICENSE,
        "version": spec.version,
        "keywords": ["chat", "conversations", "chatlog", str(facts.told["format"])],
        "isLiveDataset": False,
        **({"inLanguage": codes} if (codes := language_codes(facts)) else {}),
        **({"url": spec.homepage} if spec.homepage else {}),
        "citeAs": spec.citation.strip() or bibtex(facts),
        **({"datePublished": spec.published} if spec.published else {}),
        **({"creator": _holder(facts), "publisher": _holder(facts)} if spec.holder else {}),
        **_responsible(facts),
        "distribution": distribution,
        "recordSet": [_split_set(facts), *(_record_set(facts, split.name) for split in facts.splits)],
    }
    return told


def _holder(facts: Facts) -> dict[str, Any]:
    told = {"@type": "sc:Organization", "name": facts.spec.holder}
    return {**told, "url": facts.spec.homepage} if facts.spec.homepage else told


def _responsible(facts: Facts) -> dict[str, Any]:
    """The properties of Croissant RAI."""
    told: dict[str, Any] = {
        "rai:dataCollection": statements.collection(facts),
        "rai:dataCollectionType": ["User-generated content data", "Software Collection"],
        "rai:dataCollectionRawData": "Logs of chat services, which are not part of this release.",
        "rai:dataCollectionMissingData": statements.missing(facts),
        "rai:dataCollectionTimeFrame": _days(facts.began, facts.ended),
        "rai:dataPreprocessingProtocol": statements.preprocessing(facts),
        "rai:dataAnnotationProtocol": [
            "Programs annotated every conversation; no person did.",
            *statements.languages(facts),
            *statements.moderation(facts),
        ],
        "rai:annotationsPerItem": "One by each tool, made by programs; none by people.",
        "rai:machineAnnotationTools": statements.annotation(facts),
        "rai:personalSensitiveInformation": statements.personal(facts),
        "rai:dataBiases": statements.biases(facts),
        "rai:dataLimitations": statements.limitations(facts),
        "rai:dataUseCases": statements.uses(facts),
        "rai:dataSocialImpact": "It lets people outside of the companies that run language models study what they are "
        "used for. What people confide to a machine may be recognised by those who know them.",
        "rai:dataReleaseMaintenancePlan": statements.maintenance(facts),
    }
    return {name: value for name, value in told.items() if value}


def _days(began: str | None, ended: str | None) -> list[str]:
    """The first and last day of a span of whole months."""
    if began is None or ended is None:
        return []
    year, month = map(int, ended.split("-"))
    return [f"{began}-01", f"{ended}-{calendar.monthrange(year, month)[1]:02d}"]


def _file_set(split: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileSet",
        "@id": f"files-of-{split}",
        "name": f"files-of-{split}",
        "description": f"The Parquet files of the split {split}.",
        "encodingFormat": _PARQUET,
        "includes": f"data/{split}-*.parquet",
    }


def _split_set(facts: Facts) -> dict[str, Any]:
    """The names of the splits, as Croissant asks for them."""
    name = f"{_SPLITS}/name"
    return {
        "@type": "cr:RecordSet",
        "@id": _SPLITS,
        "name": _SPLITS,
        "description": "The splits of the dataset.",
        "dataType": "cr:Split",
        "key": {"@id": name},
        "field": [{"@type": "cr:Field", "@id": name, "name": "name", "dataType": "sc:Text"}],
        "data": [{name: split.name} for split in facts.splits],
    }


def _record_set(facts: Facts, split: str) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        "description": f"The rows of the split {split}.",
        "field": [_column(field, split) for field in facts.schema],
    }


def _column(field: pa.Field, split: str) -> dict[str, Any]:
    told = _node(f"{split}/{field.name}", field.name)
    if text := meaning(field):
        told["description"] = text
    return told | _typed(field.type, told["@id"], {"fileSet": {"@id": f"files-of-{split}"}}, field.name, ())


def _node(identity: str, name: str) -> dict[str, Any]:
    return {"@type": "cr:Field", "@id": identity, "name": name}


def _typed(
    kind: pa.DataType, identity: str, files: dict[str, Any], column: str, path: tuple[str, ...]
) -> dict[str, Any]:
    """What a field's type adds to its node.

    A field inside of a struct, or of a list of structs, is found by a JSON path in the column's values.
    """
    told: dict[str, Any] = {}
    if is_list(kind):
        told |= {"isArray": True, "arrayShape": "-1"}
        kind = kind.value_type
    if pa.types.is_struct(kind):
        fields = [kind.field(index) for index in range(kind.num_fields)]
        told["subField"] = [
            _node(f"{identity}/{_plain(field.name)}", field.name)
            | _typed(field.type, f"{identity}/{_plain(field.name)}", files, column, (*path, field.name))
            for field in fields
        ]
        return told
    source: dict[str, Any] = {**files, "extract": {"column": column}}
    if path:
        source["transform"] = {"jsonPath": ".".join(_step(step) for step in path)}
    return told | {"dataType": _type(kind), "source": source}


def _type(kind: pa.DataType) -> str:
    if pa.types.is_timestamp(kind):
        return "sc:DateTime"
    return _TYPES.get(kind, "sc:Text")


def _plain(name: str) -> str:
    """A name as a part of an id, in which a slash would be a step of its own."""
    return name.replace("/", "_")


def _step(name: str) -> str:
    return name if name.isidentifier() else f'"{name}"'
