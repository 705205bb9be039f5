"""What is no plain copy: continuations, quotations, prompts, battles."""

from __future__ import annotations

from tests.stages.dedup_rows import dedup, kinds, row, text


def test_a_conversation_that_another_one_goes_on_with_is_contained() -> None:
    a, b, c, d = (text(seed) for seed in range(4))
    found = dedup([row(a, b), row(a, b, c, d), row(a, b, c, d, "thanks"), row(text(8), text(9))])
    assert kinds(found) == [("contained", 2), ("contained", 2), (None, None), (None, None)]
    assert [item["contained_in"] for item in found] == [2, 2, None, None]
    assert found[0]["containment"] == 1.0


def test_a_greeting_is_told_to_be_contained_and_kept() -> None:
    found = dedup([row("hi", "hello"), row("hi", "hello", text(5), text(6))])
    assert kinds(found) == [(None, None), (None, None)]
    assert [item["contained_in"] for item in found] == [1, None]
    assert kinds(dedup([row("hi", "hello"), row("hi", "hello", text(5))], contained=0)) == [
        ("contained", 1),
        (None, None),
    ]


def test_what_was_a_duplicate_of_a_contained_conversation_goes_with_it() -> None:
    a, b, c = text(1, 200), text(2, 200), text(3, 700)
    more = text(3, 200)
    found = dedup([row(a, b), row(a.upper(), b), row(a[:-30], b), row(a, b, c, more)])
    assert kinds(found) == [("contained", 3), ("contained", 3), ("contained", 3), (None, None)]
    # The last is near a longer one, so both go there.
    found = dedup([row(a, b), row(a, b, c, more), row(a + " so", b, c, more)])
    assert kinds(found) == [("contained", 2), ("near", 2), (None, None)]


def test_the_sides_of_a_battle_do_not_contain_each_other() -> None:
    a, b, c = text(1), text(2), text(3)
    found = dedup([row(a, b, battle_id="q", battle_side="a"), row(a, b, c, battle_id="q", battle_side="b")])
    assert [item["contained_in"] for item in found] == [None, None]


def test_a_conversation_quoted_whole_is_found_and_kept() -> None:
    a, b = text(1), text(2)
    pasted = f"Sum this up for me, please.\nUser: {a}\nBot: {b}\nThat was all of it. " + text(9, 30)
    found = dedup([row(a, b), row(pasted, text(7)), row(text(3), text(4))])
    assert kinds(found) == [(None, None)] * 3
    assert [item["contained_in"] for item in found] == [1, None, None]
    assert 0.95 <= found[0]["containment"] <= 1


def test_half_a_conversation_quoted_is_not_the_whole() -> None:
    a, b = text(1), text(2)
    found = dedup([row(a, b), row("What is wrong here? " + a + text(8, 90), text(7))])
    assert [item["contained_in"] for item in found] == [None, None]


def test_the_same_long_prompt_with_another_answer_is_no_duplicate() -> None:
    prompt = text(1, 300)
    found = dedup([row(prompt + " ending one", text(2, 60)), row(prompt + " ending two", text(3, 60))])
    assert kinds(found) == [(None, None), (None, None)]
    assert [item["prompt_cluster_size"] for item in found] == [2, 2]
    assert kinds(dedup([row(prompt, text(2, 60)), row(prompt + " ending two", text(2, 60))]))[0] == ("near", 1)


def test_near_duplicates_of_one_row_that_are_sides_of_a_battle_are_kept_apart() -> None:
    a, b = text(1, 200), text(2, 200)
    found = dedup(
        [
            row(a, b + " one", battle_id="q", battle_side="a"),
            row(a, b + " two", battle_id="q", battle_side="b"),
            row(a, b + " and three"),
        ]
    )
    assert [item["duplicate_of"] for item in found].count(2) == 1
    assert sum(item["kept"] for item in found) == 2


def test_templated_prompts_are_one_prompt_cluster() -> None:
    template = text(1, 80)
    found = dedup([row(template + f" {name}", text(number)) for number, name in enumerate(["Ann", "Bob", "Eve"], 2)])
    assert [item["prompt_cluster_size"] for item in found] == [3, 3, 3]
    assert {item["prompt_cluster_id"] for item in found} == {0}
    alone = dedup([row(template + f" {name}", text(2)) for name in ("Ann", "Bob")], prompt_threshold=1)
    assert [item["prompt_cluster_size"] for item in alone] == [1, 1]


def test_the_same_words_by_other_speakers_are_no_beginning() -> None:
    a, b, c = (text(seed) for seed in range(3))
    swapped = {"messages": [{"role": "assistant", "content": a}, {"role": "user", "content": b}]}
    assert kinds(dedup([swapped, row(a, b, c)])) == [(None, None), (None, None)]
