"""Policies of users: categories of their own, in a file that counts by its content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chatlog.errors import ConfigError
from chatlog.models.engines.config import ModerateConfig
from chatlog.models.engines.opening import check
from chatlog.models.guards import Answer, Message
from chatlog.models.guards_models import KNOWN, guard_of, pinned
from chatlog.models.guards_open import GUARDS, open_guard
from chatlog.models.guards_policy import LONGEST
from chatlog.models.weights import check_name
from tests.models.loopback import loopback
from tests.models.test_engine_http import judged

OWN = """
about = "Rules of a help desk for {plants}."

[[category]]
name = "medical advice"
description = "Doses, or what to take."
openai = "self-harm"

[[category]]
name = "Konkurrenz"
description = "Names another shop."

[[category]]
name = "insult"
description = "Insults somebody."
openai = "harassment/threatening"
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(OWN, encoding="utf-8")
    return path


def test_a_policy_has_categories_of_its_own(own: Path) -> None:
    guard = open_guard("policy", str(own))
    messages = [Message("user", "Which shop is cheaper?")]
    (question,) = guard.ask(messages)
    assert question.choices == ("none", "medical advice", "Konkurrenz", "insult")
    assert question.max_tokens >= len("medical advice")
    assert isinstance(question.prompt, list)
    rules = question.prompt[0]["content"]
    assert "Rules of a help desk for {plants}." in rules and "Konkurrenz: Names another shop." in rules
    assert "hate/threatening" not in rules

    def read(text: str, **tokens: float) -> tuple[float, dict[str, float], Any]:
        verdict = guard.read(messages, [Answer(text, [tokens] if tokens else [])])
        return round(verdict.score, 4), dict(verdict.categories), verdict.native["verdict"]

    none = {"self-harm": 0.0, "harassment/threatening": 0.0}
    assert read("none", none=-0.1053605, med=-2.3025851) == (0.1, none, "none")
    # It flags, and is no category of OpenAI's.
    assert read("Konkurrenz") == (1.0, none, "Konkurrenz")
    assert read("medical advice") == (1.0, none | {"self-harm": 1.0}, "medical advice")
    assert read("insult") == (1.0, none | {"harassment/threatening": 1.0, "harassment": 1.0}, "insult")
    for answer in ("hate", "konkurrenz", "medical", "medical advice, insult"):
        with pytest.raises(ValueError, match="policy"):
            read(answer)


def test_a_server_is_held_to_the_categories_of_the_policy(own: Path) -> None:
    with loopback() as server:
        found = judged(["good", "bad"], open_guard("policy", str(own)), server)
        choices = [body["structured_outputs"]["choice"] for body in server.bodies]
    assert choices == [["none", "medical advice", "Konkurrenz", "insult"]] * 2
    # It says `hate`, which is none of them.
    assert [judgment.status for judgment in found] == ["ok", "error"]
    assert json.loads(found[0].native or "")["verdict"] == "none"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("category = 3", "category"),
        ("[[category]]", "category.1.name: Field required"),
        ("about = 'x'", "category: Field required"),
        ("category = []", "category: List should have at least 1 item"),
        ("[[category]]\nname = 'a'\ndescription = ''", "category.1.description"),
        ("[[category]]\nname = 'a'\ndescription = 'b'\nopenai = 'rude'", "category.1.openai: .*expected one of hara"),
        ("[[category]]\nname = 'a'\ndescription = 'b'\nseverity = 2", "category.1.severity"),
        ("[[category]]\nname = 'None'\ndescription = 'b'", "no rule is broken"),
        ("[[category]]\nname = 'a\\nb'\ndescription = 'b'", "TOML|name"),
        ('[[category]]\nname = "a\\nb"\ndescription = "b"', "category.1.name"),
        ("[[category]]\nname = 'a.'\ndescription = 'b'", "category.1.name"),
        ("[[category]]\nname = '`a`'\ndescription = 'b'", "category.1.name"),
        ("[[category]]\nname = ' a'\ndescription = 'b'", "category.1.name"),
        (f"[[category]]\nname = '{'a' * 65}'\ndescription = 'b'", "category.1.name"),
        ("[[category]]\nname = 'a'\ndescription = 'b'\n" * 2, "two categories named 'a'"),
        ("[[category]]\nname = 'a'\ndescription = 'b'\n[[category]]\nname = 'A'\ndescription = 'b'", "two categories"),
        ("hate: everything", "is no TOML"),
        (" \n", "is empty"),
        ("#" * (LONGEST + 1), "characters"),
    ],
)
def test_a_policy_that_is_none_is_told_before_any_work(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text, encoding="utf-8")
    config = ModerateConfig(engine="http", urls=("http://127.0.0.1:1/v1",), model="m", policy=str(path))
    with pytest.raises(ConfigError, match=told):
        check(config)


def test_bytes_that_are_no_text_are_no_policy(tmp_path: Path) -> None:
    path = tmp_path / "rules.txt"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="UnicodeDecodeError"):
        open_guard("policy", str(path))


def config(policy: str | Path = "", **more: Any) -> ModerateConfig:
    settings = {"engine": "http", "urls": ("http://127.0.0.1:1/v1",), "model": "m", "policy": str(policy)}
    return ModerateConfig(**(settings | more))


def test_a_policy_counts_by_its_content_and_not_by_its_place(tmp_path: Path) -> None:
    places = [tmp_path / name for name in ("one", "other")]
    for place in places:
        place.mkdir()
        (place / "rules.toml").write_text(OWN, encoding="utf-8")
    here, there = (config("rules.toml").located(place) for place in places)
    assert Path(here.policy) == places[0] / "rules.toml"
    assert here.policy != there.policy and here.identity() == there.identity()
    assert str(tmp_path) not in json.dumps(here.identity())
    (places[1] / "rules.toml").write_text(f"{OWN}\n", encoding="utf-8")
    assert config("rules.toml").located(places[1]).identity() != here.identity()
    assert config().located(places[0]).identity() != here.identity()
    # A run is read without the files that it was made from.
    assert config("gone.toml").located(places[0]).policy_digest == ""


def test_a_policy_that_changes_under_a_run_is_told(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(OWN, encoding="utf-8")
    located = config(path).located(tmp_path)
    check(located)
    path.write_text(OWN.replace("insult", "injury"), encoding="utf-8")
    with pytest.raises(ConfigError, match="was changed"):
        check(located)


def test_labels_count_by_what_they_say(tmp_path: Path) -> None:
    labels = {"toxic": "flagged", "ok": "safe"}
    made = [ModerateConfig(engine="vllm", model="/m", guard="classifier", labels=one) for one in (labels, dict(labels))]
    assert made[0].identity() == made[1].identity()
    other = ModerateConfig(engine="vllm", model="/m", guard="classifier", labels=labels | {"ok": "flagged"})
    assert other.identity() != made[0].identity()


def test_a_known_model_is_asked_as_it_must_be_and_at_a_commit() -> None:
    assert {known.guard for known in KNOWN.values()} == set(GUARDS) - {"policy", "classifier"}
    for name, known in KNOWN.items():
        made = ModerateConfig(engine="vllm", model=name)
        assert made.guard == known.guard
        if known.revision:
            assert made.model == f"{name}@{known.revision}"
            check_name(made.model)
        else:
            # No commit is known: whoever takes it names one.
            with pytest.raises(ConfigError, match="revision"):
                check_name(made.model)
    mine = "Qwen/Qwen3Guard-Gen-8B@" + "0" * 40
    made = ModerateConfig(engine="vllm", model=mine)
    assert (made.model, made.guard) == (mine, "qwen3guard-gen")
    assert ModerateConfig(engine="http", model="meta-llama/llama-guard-4-12b").guard == "llama-guard-4"
    assert ModerateConfig(engine="http", model="Qwen/Qwen3Guard-Gen-8B").model == "Qwen/Qwen3Guard-Gen-8B"
    assert ModerateConfig(engine="vllm", model="org/instruct").guard == "policy"


def test_a_folder_is_not_taken_for_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "allenai" / "wildguard").mkdir(parents=True)
    assert pinned("allenai/wildguard") == "allenai/wildguard" and guard_of("allenai/wildguard") == "wildguard"


def test_a_known_model_is_not_asked_in_another_way() -> None:
    with pytest.raises(ConfigError, match="is of guard 'wildguard', and `guard` is 'shieldgemma'"):
        check(config(model="allenai/wildguard", guard="shieldgemma"))
