"""The YAML at the head of a card: what the Hub and `datasets` read of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from chatlog.release.columns import hub_features
from chatlog.release.facts import Facts
from chatlog.release.licences import LICENSE

_FORMAT_TAGS: Final = {"chatbot_arena_conversations": ("preference", "arena")}

_NOT_YAML: Final = re.compile("[\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")
"""Letters that JSON takes as they are, and YAML breaks lines at or refuses."""


def card_metadata(facts: Facts) -> dict[str, Any]:
    """The metadata of a card, in the order in which it is written.

    Source: the dataset card specification of the Hub (huggingface/hub-docs, datasetcard.md).
    """
    spec = facts.spec
    told: dict[str, Any] = {"pretty_name": spec.title, "license": spec.license}
    if spec.license == "other":
        # The Hub takes a name of lower case and dashes.
        if spec.license_name:
            told["license_name"] = "-".join(spec.license_name.lower().split())
        told["license_link"] = LICENSE
    if codes := language_codes(facts):
        told["language"] = codes
        told["multilinguality"] = ["multilingual" if len(codes) > 1 else "monolingual"]
    told["size_categories"] = [facts.size_category]
    told["task_categories"] = ["text-generation"]
    tags = ["chat", "conversations", "chatlog", *_FORMAT_TAGS.get(str(facts.told["format"]), ())]
    told["tags"] = tags
    told["configs"] = [
        {
            "config_name": "default",
            "data_files": [{"split": split.name, "path": f"data/{split.name}-*.parquet"} for split in facts.splits],
        }
    ]
    told["dataset_info"] = {
        "features": hub_features(facts.schema),
        "splits": [
            {"name": split.name, "num_bytes": split.arrow_bytes, "num_examples": split.rows} for split in facts.splits
        ],
        "download_size": sum(file.size for split in facts.splits for file in split.files),
        "dataset_size": sum(split.arrow_bytes for split in facts.splits),
    }
    return told


def language_codes(facts: Facts) -> list[str]:
    """Codes of the languages that enough people wrote, without region and script, as the Hub wants them."""
    return sorted({language.code.split("-")[0] for language in facts.languages if language.code})


def to_yaml(value: dict[str, Any]) -> str:
    """A YAML document in block style, every text quoted as JSON, which is YAML."""
    return "".join(f"{line}\n" for line in _mapping(value, ""))


def _mapping(value: dict[str, Any], indent: str) -> Iterator[str]:
    for key, inner in value.items():
        yield from _entry(f"{indent}{_scalar(key) if not key.isidentifier() else key}:", inner, indent)


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict) and value:
        yield head
        yield from _mapping(value, indent + "  ")
    elif isinstance(value, list) and value:
        yield head
        for item in value:
            if isinstance(item, dict) and item:
                lines = list(_mapping(item, indent + "  "))
                yield f"{indent}- {lines[0].lstrip()}"
                yield from lines[1:]
            else:
                yield f"{indent}- {_scalar(item)}"
    else:
        yield f"{head} {_scalar(value)}"


def _scalar(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return _NOT_YAML.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
