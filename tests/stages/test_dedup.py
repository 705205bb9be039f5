from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from chatlog.evaluate.dedup import clusters, evaluate, pair_metrics
from chatlog.schema import MESSAGES
from chatlog.stages.dedup import DedupConfig
from chatlog.stages.fingerprint import FINGERPRINT, FingerprintConfig
from tests.conftest import EVAL
from tests.stages.dedup_rows import dedup, kinds, row, text


def test_the_last_state_supersedes_its_snapshots() -> None:
    a, b, c, d = (text(seed) for seed in range(4))
    found = dedup(
        [row(a, b, conversation_id="x"), row(a, b, c, conversation_id="x"), row(a, b, c, d, conversation_id="x")]
    )
    assert kinds(found) == [("snapshot", 2), ("snapshot", 2), (None, None)]
    assert [item["cluster_size"] for item in found] == [3, 3, 3]


def test_a_later_state_that_failed_does_not_supersede() -> None:
    a, b, c = (text(seed) for seed in range(3))
    found = dedup(
        [row(a, b, c, b, conversation_id="x"), row(a, b, c, "NETWORK ERROR", conversation_id="x", truncated=True)]
    )
    assert kinds(found) == [(None, None), ("snapshot", 0)]


def test_one_id_given_to_two_conversations_does_not_join_them() -> None:
    found = dedup([row(text(1), text(2), conversation_id="0"), row(text(3), text(4), conversation_id="0")])
    assert kinds(found) == [(None, None), (None, None)]


def test_a_snapshot_does_not_make_its_conversation_a_copy_of_another() -> None:
    # Both begin alike; the first goes on, so the two are not duplicates, though a snapshot equals the second.
    found = dedup(
        [
            row("hi", "hello", conversation_id="x"),
            row("hi", "hello", text(5), text(6), conversation_id="x"),
            row("hi", "hello", conversation_id="y"),
        ]
    )
    assert kinds(found) == [("snapshot", 1), (None, None), (None, None)]


def test_equal_after_folding_is_exact_and_the_earliest_is_kept() -> None:
    a, b = text(1), text(2)
    found = dedup([row(a.upper(), "  " + b, created_at=9), row(a, b, created_at=5), row(a, b)])
    assert kinds(found) == [("exact", 1), (None, None), ("exact", 1)]
    assert [item["similarity"] for item in found] == [1.0, None, 1.0]


def test_the_same_words_by_other_speakers_are_not_exact() -> None:
    a, b = text(1), text(2)
    found = dedup(
        [row(a, b), {"messages": [{"role": "assistant", "content": a}, {"role": "user", "content": b}]}], near=False
    )
    assert kinds(found) == [(None, None), (None, None)]


def test_near_duplicates_are_found_and_the_longest_is_kept() -> None:
    a, b = text(1, 200), text(2, 200)
    found = dedup([row(a, b), row(a + " and one more remark", b), row(text(3, 200), text(4, 200))])
    assert kinds(found) == [("near", 1), (None, None), (None, None)]
    assert 0.9 < found[0]["similarity"] < 1


def test_the_sides_of_a_battle_are_both_kept() -> None:
    a, b = text(1), text(2)
    found = dedup([row(a, b, battle_id="q", battle_side="a"), row(a, b, battle_id="q", battle_side="b"), row(a, b)])
    assert kinds(found) == [(None, None), (None, None), ("exact", 0)]


def test_prompt_clusters_join_equal_first_turns() -> None:
    a = text(1)
    found = dedup([row(a, text(2)), row(a.title(), text(3)), row(text(4), text(5)), {"messages": []}])
    assert [(item["prompt_cluster_id"], item["prompt_cluster_size"]) for item in found] == [
        (0, 2),
        (0, 2),
        (2, 1),
        (3, 1),
    ]


def test_rows_without_text_are_kept_and_join_nothing() -> None:
    found = dedup([{"messages": None}, {"messages": None}, row(""), row("hello", "hi")])
    assert [item["kept"] for item in found] == [True, True, True, True]


def test_the_longest_is_kept_then_the_most_complete_then_the_earliest() -> None:
    a, b = text(1, 200), text(2, 200)
    longest = dedup([row(a, b, created_at=1), row(a, b + " more", created_at=9, truncated=True)])
    assert [item["kept"] for item in longest] == [False, True]
    complete = dedup([row(a, b, truncated=True, created_at=1), row(a, b, created_at=9)])
    assert [item["kept"] for item in complete] == [False, True]
    earliest = dedup([row(a, b, created_at=9), row(a, b, created_at=1)])
    assert [item["kept"] for item in earliest] == [False, True]


def test_word_shingles_find_less_changed_copies_in_any_script() -> None:
    chinese = "".join(chr(0x4E00 + number * 37 % 5000) for number in range(300))
    for whole in (text(1, 300), chinese):
        cut = whole[: int(len(whole) * 0.9)]
        found = clusters([whole, cut, text(9, 300)], FingerprintConfig(unit="words"), DedupConfig())
        assert found[0] == found[1] != found[2]


def test_degenerate_input_stays_cheap() -> None:
    same = [row("the same question again and again, word for word", "one answer") for _ in range(3000)]
    nearly = [row(text(7, 80), text(8, 80) + f" {number}") for number in range(600)]
    found = dedup(same + nearly)
    assert sum(item["kept"] for item in found) == 2
    assert {item["cluster_size"] for item in found} == {3000, 600}


def test_the_order_of_shards_is_the_order_of_rows() -> None:
    rows = [row(text(number % 4), text(50 + number % 4)) for number in range(12)]
    once = dedup(rows)
    assert [item["kept"] for item in once] == [number < 4 for number in range(12)]


def test_pair_metrics_on_a_case_worked_by_hand() -> None:
    # gold {0,1,2} {3,4}; found {0,1} {2,3,4}: pairs gold 4, found 4, both 2; of 10 pairs in all.
    metrics = pair_metrics(["a", "a", "a", "b", "b"], [1, 1, 2, 2, 2])
    assert metrics == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "ari": pytest.approx((2 - 1.6) / (4 - 1.6))}


def test_long_texts_are_sampled_and_still_compared() -> None:
    long = text(1, 6000)
    words = long.split()
    words[::50] = ["other"] * len(words[::50])
    found = clusters([long, " ".join(words), text(2, 6000)], FingerprintConfig(max_shingles=256), DedupConfig())
    assert found[0] == found[1] != found[2]


def test_shingle_sets_are_sorted_distinct_and_bounded() -> None:
    with FINGERPRINT.open(FingerprintConfig(max_shingles=64)) as function:
        made = function(
            pa.table(
                {
                    "messages": pa.array(
                        [[{"role": "user", "content": text(1, 500)}], [{"role": "user", "content": "短い"}]], MESSAGES
                    )
                }
            )
        )
    values = [np.array(item) for item in made["shingles"].to_pylist()]
    assert all((np.diff(item) > 0).all() and 0 < item.size <= 64 for item in values)
    assert made["shingle_level"].to_pylist()[1] == 0 and made["shingle_level"].to_pylist()[0] > 0


@pytest.mark.eval
def test_the_labelled_set_reaches_its_floor() -> None:
    path = EVAL / "dedup" / "clusters.jsonl.gz"
    if not path.exists():
        pytest.skip("the labelled sets are not here")
    metrics = evaluate(path).metrics
    assert metrics["f1"] >= 0.97 and metrics["ari"] >= 0.97 and metrics["precision"] >= 0.99


def test_the_ends_of_a_chain_are_not_each_other_s_duplicates() -> None:
    words = text(1, 400).split()
    links = [" ".join(words[start : start + 120]) for start in range(0, 200, 30)]
    found = clusters(links, FingerprintConfig(), DedupConfig())
    assert found[0] == found[1]
    assert found[0] != found[-1]
    chained = clusters(links, FingerprintConfig(), DedupConfig(reach=0))
    assert chained[0] == chained[-1]


def test_the_s_curve_tells_how_often_bands_meet() -> None:
    config = FingerprintConfig(permutations=128, bands=32)
    assert config.found_with(0.5) == pytest.approx(1 - (1 - 0.5**4) ** 32)
    assert config.found_with(0.0) == 0 and config.found_with(1.0) == 1
    rng = np.random.default_rng(0)
    # Pairs of sets that share half of their union: how often do their bands meet in truth?
    from rensa import RMinHash

    from chatlog.text.shingles import mixed

    meets = 0
    for _ in range(200):
        both = rng.integers(0, 2**63, 200, dtype=np.uint64)
        left, right = (np.concatenate([both, rng.integers(0, 2**63, 100, dtype=np.uint64)]) for _ in range(2))
        flat, offsets = np.concatenate([left, right]), np.array([0, 300, 600], dtype=np.uint64)
        rows = np.array(
            RMinHash.digest_matrix_from_flat_token_hashes(flat, offsets, 128, 42).to_rows(), dtype=np.uint64
        )
        bands = mixed(rows.reshape(2, 32, 4))
        meets += bool((bands[0] == bands[1]).any())
    assert meets / 200 == pytest.approx(config.found_with(0.5), abs=0.08)


@pytest.mark.eval
def test_word_shingles_find_fewer_edited_copies_of_the_labelled_set() -> None:
    # Why characters are the default; docs/dedup.md tells the figure.
    path = EVAL / "dedup" / "clusters.jsonl.gz"
    if not path.exists():
        pytest.skip("the labelled sets are not here")
    metrics = evaluate(path, FingerprintConfig(unit="words")).metrics
    assert metrics["precision"] >= 0.99
    assert metrics["f1"] == pytest.approx(0.80, abs=0.01)
