"""`chatlog eval ... --run`: a run's own settings measured, and the figures kept beside the run for its card."""

from __future__ import annotations

from pathlib import Path

from chatlog.engine.measured import EVALUATED, keep_evaluation
from chatlog.engine.run import pipeline_of
from chatlog.errors import ConfigError
from chatlog.evaluate.labelled import Evaluation
from chatlog.models.engines.config import ModerateConfig
from chatlog.stages.language import LanguageConfig


def evaluate_run(task: str, path: Path, root: str | Path) -> Evaluation:
    """The metrics of a labelled file by the settings that a run's stage has; they are kept in the run.

    Args:
        task: `moderation` or `language`.
        path: the labelled file; its name will stand in the card of a release.
        root: the run folder.

    Raises:
        ConfigError: no run, its pipeline lacks the stage, or the task cannot be kept.
        DataError: the file is not a labelled set, or the run folder cannot be written.
    """
    if task not in EVALUATED:
        raise ConfigError(f"eval {task} has no --run; there is one for {' and '.join(EVALUATED)}")
    run, pipeline = pipeline_of(root)
    step = next((step for step in pipeline.steps if step.stage.name == EVALUATED[task]), None)
    if step is None:
        raise ConfigError(f"the pipeline {pipeline.name} has no stage `{EVALUATED[task]}`: there is nothing to measure")
    if isinstance(step.config, ModerateConfig):
        from chatlog.evaluate.moderation import evaluate_settings

        found = evaluate_settings(path, step.config)
    else:
        from chatlog.evaluate.language import evaluate

        assert isinstance(step.config, LanguageConfig)
        found = evaluate(path, step.config)
    keep_evaluation(run, step, found.to_json())
    return found
