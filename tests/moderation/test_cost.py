"""What moderation will take, against what it takes."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from chatlog import run
from chatlog.cli.main import app
from chatlog.engine.status import status
from chatlog.errors import ConfigError, DataError
from chatlog.models.engines.shown import shown
from chatlog.moderation.cost import Prices, estimate, extrapolated
from chatlog.moderation.volume import volume
from chatlog.schema import MESSAGES
from chatlog.stages.moderate import tasks
from tests.conftest import recipe, write_jsonl
from tests.models.loopback import Loopback, loopback
from tests.moderation.scored import chat


@pytest.fixture
def server() -> Iterator[Loopback]:
    with loopback() as made:
        yield made


def records(count: int) -> list[dict[str, Any]]:
    rng = random.Random(5)
    return [
        chat(
            n, "m", *(f"{rng.randbytes(8 * rng.choice([1, 3, 20])).hex(' ', 4)}" for _ in range(rng.choice([2, 4, 8])))
        )
        for n in range(count)
    ]


def moderate(server: Loopback, **settings: Any) -> dict[str, Any]:
    return {"use": "moderate", "engine": "http", "model": "m", "urls": [server.url], **settings}


def ingested(folder: Path, logs: list[dict[str, Any]], *stages: dict[str, Any], **options: Any) -> Path:
    path = write_jsonl(folder / "logs.jsonl", logs)
    run(recipe([path], list(stages), shard_rows=100), folder / "run", workers=1, **options)
    return folder / "run"


@pytest.mark.parametrize("window", [0, 1, 3, 4])
@pytest.mark.parametrize("limit", [50, 10_000])
def test_characters_are_those_that_guards_are_shown(window: int, limit: int) -> None:
    rows: list[Any] = [record["messages"] for record in records(30)]
    rows += [[], [{"role": "user", "content": " \n"}, {"role": "user", "content": None}], rows[0][:1]]
    told = volume(pa.array(rows, MESSAGES), window, limit)
    asked = [task for row in rows for task in tasks(row, window) if task is not None]
    counted = sum(len(message.content) for task in asked for message in shown(task, limit)[0])
    assert (told.conversations, told.messages, told.characters) == (len(rows), len(asked), counted)


def test_the_interval_holds_what_the_run_then_takes(server: Loopback, tmp_path: Path) -> None:
    root = ingested(tmp_path, records(160), moderate(server), until="ingest")
    told = estimate(str(root), count=64, prices=Prices(gpu_hour=2.0, million_tokens=1.0), gpus=3)
    assert (told.sample.conversations, told.volume.conversations, told.errors) == (64, 160, 0)
    run(recipe([tmp_path / "logs.jsonl"], [moderate(server)], shard_rows=100), root, workers=1)
    counts = [json.loads((root / "moderate" / f"part-{shard:05d}.json").read_text())["counts"] for shard in range(2)]
    sent, cached, prompts = (
        sum(each[name] for each in counts) for name in ("prompt_tokens", "cached_tokens", "prompts")
    )
    assert status(root)[-1].counts == {"prompts": prompts, "prompt_tokens": sent, "cached_tokens": cached}
    assert told.prompts is not None and told.prompt_tokens is not None and told.computed_tokens is not None
    assert told.prompts.value == pytest.approx(prompts, rel=1e-3) == told.volume.messages
    for range_, true in ((told.prompt_tokens, sent), (told.computed_tokens, sent - cached)):
        assert range_.low is not None and range_.high is not None
        assert range_.low <= true <= range_.high and range_.high - range_.low < 0.2 * true
    assert told.gpu_hours.value == pytest.approx(told.seconds.value * 3 / 3600)
    assert told.cost is not None
    assert told.cost.value == pytest.approx(2 * told.gpu_hours.value + told.prompt_tokens.value / 1e6)


def test_only_what_the_step_is_given_counts(server: Loopback, tmp_path: Path) -> None:
    logs = records(20)
    logs += [{**record, "id": f"again {record['id']}"} for record in logs]
    stages = [{"use": "fingerprint"}, {"use": "dedup"}, moderate(server, where="kept")]
    root = ingested(tmp_path, logs, *stages, until="dedup")
    assert estimate(str(root), count=5).volume.conversations == 20
    bare = ingested(tmp_path / "bare", logs, *stages, until="ingest")
    with pytest.raises(ConfigError, match=r"no column 'kept' yet.*--until"):
        estimate(str(bare))


def test_a_sample_that_fails_altogether_is_an_error(server: Loopback, tmp_path: Path) -> None:
    server.always = (401, {}, {})
    root = ingested(tmp_path, records(3), moderate(server), until="ingest")
    with pytest.raises(DataError, match="every judgment"):
        estimate(str(root))


def test_another_pipeline_s_settings_count_by_option(server: Loopback, tmp_path: Path) -> None:
    root = ingested(tmp_path, records(12))
    with pytest.raises(ConfigError, match="no stage `moderate`"):
        estimate(str(root))
    file = tmp_path / "guard.toml"
    file.write_text(
        f'[[source]]\nreader = "auto"\npaths = ["logs.jsonl"]\n[[stage]]\nuse = "moderate"\nengine = "http"\n'
        f'model = "m"\nurls = ["{server.url}"]\n'
    )
    options = ["--pipeline", str(file), "--set", "moderate.window=0", "--sample", "6"]
    before = sorted(path for path in root.rglob("*"))
    made = CliRunner().invoke(
        app, ["moderate", "estimate", str(root), *options, "--gpus", "1", "--price", "3", "--json"]
    )
    told = json.loads(made.stdout)
    assert told["sample"]["conversations"] == 6 and told["cost"]["value"] == 3 * told["gpu_hours"]["value"]
    shown_ = CliRunner().invoke(app, ["moderate", "estimate", str(root), *options])
    assert "tokens sent" in shown_.stdout and "12 conversations" in shown_.stdout
    assert sorted(path for path in root.rglob("*")) == before


def test_a_quantity_that_is_so_much_a_message_and_a_character_is_told_exactly() -> None:
    sizes = np.array([[10, 4000], [12, 3000], [8, 5000], [11, 4100]], dtype=np.float64)
    made = extrapolated(sizes, sizes @ np.array([700.0, 0.25]), np.array([1000.0, 4e5]))
    assert made.value == pytest.approx(800_000) and made.low == pytest.approx(800_000)
    noisy = extrapolated(sizes, sizes @ np.array([700.0, 0.25]) + [900, -900, 700, -700], np.array([1000.0, 4e5]))
    assert noisy.low is not None and noisy.high is not None and noisy.low < 800_000 < noisy.high
    assert extrapolated(sizes[:1], np.array([5.0]), sizes[0]).low is None
