from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from chatlog.errors import ConfigError
from chatlog.schema import MESSAGES
from chatlog.stages.redact import REDACT, RedactConfig
from chatlog.text.actions import Action
from chatlog.text.pii_span import CONTEXTUAL, LABELS
from chatlog.text.surrogates import SURROGATE, surrogate

TEXT = "My name is Ada Novak, mail ada@novak.example, call +1 415-555-2671; card 4111 1111 1111 1111. Ada thanks you."


def redact(config: RedactConfig, *texts: str, secret: bytes = b"") -> list[str]:
    messages = [[{"role": "user", "content": text, "name": None, "created_at": None}] for text in texts]
    table = pa.table([pa.array(messages, MESSAGES), pa.nulls(len(texts), pa.string())], schema=REDACT.reads)
    with REDACT.open(config, secret) as fn:
        return [row[0]["content"] for row in fn(table)["messages"].to_pylist()]


def everything(action: Action) -> RedactConfig:
    types = {type_.lower(): action for type_ in LABELS if type_ not in CONTEXTUAL}
    return RedactConfig.model_validate({"names_model": "", **types})


@pytest.mark.parametrize("action", ["replace", "mask", "hash", "surrogate"])
def test_every_action_takes_the_values_away_and_twice_is_once(action: Action) -> None:
    (once,) = redact(everything(action), TEXT, secret=b"0123456789abcdef")
    for value in ("Ada", "Novak", "novak.example", "415", "4111"):
        assert value not in once
    assert once.startswith("My name is ")
    assert redact(everything(action), once, secret=b"0123456789abcdef") == [once]


def test_a_mask_keeps_the_shape() -> None:
    assert redact(everything("mask"), "call +1 415-555-2671") == ["call +* ***-***-****"]


def test_hashes_are_equal_across_conversations_and_differ_by_key() -> None:
    texts = ("mail ada@novak.example", "is ADA@novak.example right?")
    first, second = redact(everything("hash"), *texts, secret=b"0123456789abcdef")
    assert first.removeprefix("mail ") == second.removeprefix("is ").removesuffix(" right?")
    assert redact(everything("hash"), texts[0], secret=b"another key of 16") != [first]
    with pytest.raises(ConfigError, match="CHATLOG_USER_KEY"):
        redact(everything("hash"), "x")


def test_surrogates_keep_which_part_of_a_name_was_said() -> None:
    (shown,) = redact(everything("surrogate"), "My name is Ada Novak. So Ada came; next Novak went")
    full, rest = shown.removeprefix("My name is ").split(". So ")
    given, family = rest.removesuffix(" went").split(" came; next ")
    assert full == f"{given} {family}"


def test_every_surrogate_is_known_again() -> None:
    for type_ in LABELS:
        for number in (1, 7, 99, 2_500):
            assert SURROGATE.fullmatch(surrogate(type_, number, 17)), type_
    assert SURROGATE.fullmatch(surrogate("PERSON", 3, 5, 0)) and SURROGATE.fullmatch(surrogate("PERSON", 3, 5, 1))


def test_a_policy_file_gives_what_the_pipeline_does_not(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text('person = "mask"\nemail_address = "keep"\nallow = ["Ada Novak"]\n')
    config = RedactConfig(policy="policy.toml", email_address="hash").located(tmp_path)
    assert (config.person, config.email_address, config.allow) == ("mask", "hash", ("Ada Novak",))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "policy.toml").write_text((tmp_path / "policy.toml").read_text())
    moved = RedactConfig(policy="policy.toml", email_address="hash").located(elsewhere)
    assert config.identity() == moved.identity()
    assert RedactConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize("text", ['persn = "mask"', "person = 3", 'policy = "x.toml"', "=", 'person = "shred"'])
def test_a_policy_that_is_none_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "policy.toml").write_text(text)
    with pytest.raises(ConfigError, match=r"policy\.toml"):
        RedactConfig(policy="policy.toml").located(tmp_path)


def test_a_policy_that_is_missing_is_told_before_any_work(tmp_path: Path) -> None:
    config = RedactConfig(policy="gone.toml", names_model="").located(tmp_path)
    with pytest.raises(ConfigError, match=r"gone\.toml"):
        REDACT.check(config)


def test_the_policies_that_ship_are_valid() -> None:
    folder = Path(__file__).parents[2] / "pipelines" / "policies"
    found = {path.stem: RedactConfig(policy=path.name).located(folder) for path in folder.glob("*.toml")}
    assert {"default", "strict", "surrogate", "linkable"} <= set(found)
    assert found["default"].identity() == RedactConfig().identity()


def test_contextual_types_need_the_model() -> None:
    pytest.importorskip("presidio_analyzer", reason="needs chatlog[pii]")
    with pytest.raises(ConfigError, match="location"):
        REDACT.check(RedactConfig(names_model="", location="replace"))
    config = RedactConfig(location="replace", organization="mask", nrp="replace")
    (shown,) = redact(config, "She moved from Paris to work for the United Nations in Kenya last year.")
    assert "Paris" not in shown and "Kenya" not in shown and "LOCATION_1" in shown and "United" not in shown
