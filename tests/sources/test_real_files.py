"""Published chat logs, which do not ship with the project: every record becomes rows or a told reject."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import orjson
import pytest

from chatlog.sources import READERS, Reject, reader

FOLDER = Path(__file__).parents[2].parent / "shared" / "data" / "chats_raw"

FILES = {
    # file: reader, records, rows (a battle's record tells two, a tree's one for each leaf)
    "arena_hard_v01_gpt35": ("openai_messages", 331, 331),
    "arena_hard_v2_o3mini": ("openai_messages", 487, 487),
    "fastchat_dummy_identity": ("sharegpt", 215, 215),
    "hh_rlhf_harmless_test": ("transcript_anthropic", 1535, 3070),
    "kdconv_zh": ("pairs", 300, 300),
    "lf_dpo_en_demo": ("sharegpt", 215, 430),
    "lf_dpo_zh_demo": ("sharegpt", 205, 410),
    "lf_glaive_toolcall_en_demo": ("sharegpt", 209, 209),
    "lf_glaive_toolcall_zh_demo": ("sharegpt", 205, 205),
    "lf_kto_en_demo": ("openai_messages", 207, 207),
    "llmzoo_multilingual_queries": ("prompts", 660, 660),
    "mtbench101": ("pairs", 918, 918),
    "mtbench_answers_messages": ("openai_messages", 762, 762),
    "mtbench_multilingual_fastchat": ("fastchat_answers", 1052, 1052),
    "oasst1_en_validation_messages": ("oasst", 1326, 648),
    "oasst1_qlora_multilingual": ("transcript_human", 621, 621),
    "oasst2_trees": ("oasst", 385, 685),
    "ru_arena_fastchat": ("fastchat_answers", 654, 654),
    "sharegpt_zh_1k": ("sharegpt", 692, 692),
    "taubench_airline_toolcalls": ("openai_messages", 144, 144),
    "wildchat_hard_ru_prompts": ("prompts", 712, 712),
    "xpersona_fr": ("pairs", 333, 333),
    "xpersona_id": ("pairs", 653, 653),
    "xpersona_it": ("pairs", 192, 192),
    "xpersona_ja": ("pairs", 383, 383),
    "xpersona_ko": ("pairs", 401, 401),
    "xpersona_zh": ("pairs", 294, 294),
}


def _records(name: str) -> list[Any]:
    path = FOLDER / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip("needs the published chat logs in ../shared/data/chats_raw")
    with gzip.open(path) as lines:
        return [orjson.loads(line) for line in lines]


def _gathered(records: list[Any], name: str) -> list[Any]:
    """The records as ingest gives them to the reader: those with one key in a list."""
    key_of = reader(name).group
    if key_of is None:
        return records
    groups: dict[str, list[Any]] = {}
    alone = []
    for record in records:
        key = key_of(record)
        if key is None:
            alone.append(record)
        else:
            groups.setdefault(key, []).append(record)
    return [*groups.values(), *alone]


@pytest.mark.eval
@pytest.mark.parametrize("name", FILES)
def test_every_record_is_accounted_for(name: str) -> None:
    records = _records(name)
    chosen, expected_records, expected_rows = FILES[name]
    item = reader(chosen)
    rows, rejects = 0, []
    for record in _gathered(records, chosen):
        try:
            drafts = item.parse(record, item.config())
        except Reject as reject:
            rejects.append((reject.reason, reject.hint))
            continue
        rows += len(drafts)
        assert all(draft.messages for draft in drafts)
        assert all(orjson.dumps(draft.meta) for draft in drafts)
    assert (len(records), rows, rejects) == (expected_records, expected_rows, [])


@pytest.mark.eval
@pytest.mark.parametrize("name", FILES)
def test_the_reader_is_recognised(name: str) -> None:
    records = _records(name)
    totals = {item.name: sum(item.recognise(record) for record in records[:50]) for item in READERS}
    assert max(totals, key=lambda key: totals[key]) == FILES[name][0], totals
