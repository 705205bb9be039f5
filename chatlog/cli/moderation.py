"""`chatlog moderation`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from chatlog.cli.output import AsJson, print_json, print_table
from chatlog.cli.pipelines import RunFolder

if TYPE_CHECKING:
    from chatlog.models.judgments import Rule
    from chatlog.moderation.agreement import Agreement
    from chatlog.moderation.calibrate import Calibrated
    from chatlog.moderation.estimate import Estimate, Quality
    from chatlog.moderation.rates import ModerationAccount
    from chatlog.moderation.reading import JudgedRun

_SHOWN: Final = 20
"""Lines of a table that people are shown; --json has them all."""


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(moderation)


def moderation(
    run: RunFolder,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            metavar="T",
            help="What would be flagged from this score on; no model runs.",
            show_default=False,
        ),
    ] = None,
    category: Annotated[
        list[str] | None,
        typer.Option("--category", metavar="NAME=T", help="The same for a category, as hate=0.5; may be repeated."),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="The same with scores calibrated by a file of --calibrate.", show_default=False
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Agreement with another guard's run on the same logs.", show_default=False),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Draw N messages to label, balanced by score, to --out.", show_default=False
        ),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Precision and recall by a labelled file of --sample.", show_default=False),
    ] = None,
    calibrate: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="Of --labels: fit a calibration, platt or isotonic, to --out, for the stage threshold.",
            show_default=False,
        ),
    ] = None,
    safety_benchmark: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the jailbreaks that broke most models, redacted.", show_default=False),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Of --safety-benchmark: prompt clusters in it.")] = 100,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Of --sample and --calibrate.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of --sample and --labels: the same seed draws the same.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Tell what moderation flags: rates by category, language, model, role and status, and jailbreaks by model.

    With options: under other thresholds, beside another guard, or measured on labels of people.
    """
    from chatlog.moderation.reading import judged_run
    from chatlog.moderation.rules import changed_rule, parsed

    changed = threshold is not None or bool(category) or calibration is not None
    _check(
        {"--against": against, "--sample": sample, "--labels": labels, "--safety-benchmark": safety_benchmark},
        changed=changed,
        calibrate=calibrate,
        out=out,
    )
    judged = judged_run(run)
    rule = changed_rule(judged.pipeline, threshold, parsed(category or []), calibration)
    told: dict[str, Any] = {"run": str(run)}
    if against is not None:
        told |= _against(judged, against, as_json)
    elif sample is not None:
        assert out is not None
        told |= _sample(judged, sample, out, seed, as_json)
    elif labels is not None:
        told |= _labels(judged, labels, rule, calibrate, out, seed, as_json)
    elif safety_benchmark is not None:
        told |= _benchmark(judged, safety_benchmark, top, rule, as_json)
    else:
        told |= _rates(judged, rule, as_json)
    if as_json:
        print_json(told)


def _check(modes: dict[str, object], *, changed: bool, calibrate: str | None, out: Path | None) -> None:
    """Nothing, when the options go together.

    Raises:
        ConfigError: they do not.
    """
    from chatlog.errors import ConfigError

    given = [name for name, value in modes.items() if value is not None]
    if len(given) > 1:
        raise ConfigError(f"{' and '.join(given)} are two questions; ask one at a time")
    if calibrate is not None and calibrate not in ("platt", "isotonic"):
        raise ConfigError(f"--calibrate {calibrate!r}: expected platt or isotonic")
    if calibrate is not None and given != ["--labels"]:
        raise ConfigError("--calibrate needs --labels FILE")
    if calibrate is not None and changed:
        raise ConfigError(
            "--calibrate fits the guard's own scores; leave --threshold, --category and --calibration out"
        )
    writes = calibrate is not None or given == ["--sample"]
    if writes and out is None:
        raise ConfigError(f"{'--calibrate' if calibrate else '--sample'} needs --out FILE")
    if out is not None and not writes:
        raise ConfigError("--out needs --sample N, or --labels FILE with --calibrate KIND")
    if changed and given in (["--against"], ["--sample"]):
        raise ConfigError(
            f"{given[0]} takes the run's own decisions; leave --threshold, --category and --calibration out"
        )


def _rates(judged: JudgedRun, rule: Rule | None, as_json: bool) -> dict[str, Any]:
    from chatlog.moderation.rates import account

    told = account(judged, rule)
    if not as_json:
        _print_rates(told)
    return told.to_json() | {"thresholds": None if rule is None else _rule(rule)}


def _rule(rule: Rule) -> dict[str, Any]:
    curve = None if rule.calibration is None else rule.calibration.kind
    return {"threshold": rule.threshold, "categories": dict(rule.thresholds), "calibration": curve}


def _print_rates(told: ModerationAccount) -> None:
    totals = told.totals
    typer.echo(
        f"{totals['flagged']:,} of {totals['ok']:,} judged messages are flagged, in {totals['touched']:,} of "
        f"{totals['conversations']:,} conversations; {totals['error']:,} failed, {totals['skipped']:,} skipped"
    )
    if "would_flag" in totals:
        typer.echo(f"{totals['would_flag']:,} would be flagged under the thresholds given")
    if totals["unscored"]:
        typer.echo(f"{totals['unscored']:,} judgments kept no score: no threshold changes them")
    tables = {
        "category": told.by_category,
        "language": told.by_language,
        "model": told.by_model,
        "role": told.by_role,
        "status": told.by_status,
    }
    for name, rows in tables.items():
        if rows:
            typer.echo(f"\nby {name}")
            _print_some(rows)
    if told.jailbreaks:
        changed = ", under the thresholds given" if "would_flag" in totals else ""
        typer.echo(
            f"\njailbreaks{changed}: a user's message is flagged (attempt), and an answer after it too (success)"
        )
        _print_some(told.jailbreaks)


def _against(judged: JudgedRun, against: Path, as_json: bool) -> dict[str, Any]:
    from chatlog.moderation.agreement import agreement
    from chatlog.moderation.reading import judged_run

    told = agreement(judged, judged_run(against))
    if not as_json:
        _print_agreement(told)
    return {"against": str(against), **told.to_json()}


def _print_agreement(told: Agreement) -> None:
    totals = told.totals
    share = "" if totals["agreement"] is None else f", agreement {100 * totals['agreement']:.1f} %"
    kappa = "" if totals["kappa"] is None else f", kappa {totals['kappa']:.3f}"
    typer.echo(f"{totals['compared']:,} of {totals['messages']:,} messages were judged by both{share}{kappa}")
    typer.echo("")
    print_table([totals])
    for name, rows in {"role": told.by_role, "category": told.by_category}.items():
        if rows:
            typer.echo(f"\nby {name}")
            print_table(rows)


def _sample(judged: JudgedRun, count: int, out: Path, seed: int, as_json: bool) -> dict[str, Any]:
    from chatlog.moderation.sample import sample

    made = sample(judged, count, out, seed)
    if not as_json:
        typer.echo(f"{made.sampled:,} of {made.population:,} messages: {out}")
        typer.echo("label each with true (should be flagged) or false, then: chatlog moderation RUN --labels FILE\n")
        print_table(made.bins)
    return {"file": str(out), "sampled": made.sampled, "population": made.population, "seed": seed, "bins": made.bins}


def _labels(
    judged: JudgedRun, path: Path, rule: Rule | None, kind: str | None, out: Path | None, seed: int, as_json: bool
) -> dict[str, Any]:
    from chatlog.moderation.calibrate import calibrate
    from chatlog.moderation.estimate import quality
    from chatlog.moderation.labels import labelled

    found = labelled(judged, path, rule)
    told = quality(found, seed)
    made = None
    if kind is not None and out is not None:
        made = calibrate(found, "platt" if kind == "platt" else "isotonic", out, seed)
    if not as_json:
        _print_quality(told)
        if made is not None:
            _print_calibrated(made)
    thresholds = None if rule is None else _rule(rule)
    calibration = None if made is None else made.to_json()
    return {"quality": told.to_json(), "thresholds": thresholds, "calibration": calibration}


def _print_quality(told: Quality) -> None:
    typer.echo(
        f"{told.labels:,} labels, {told.positives:,} of them true; {told.unlabelled:,} lines without a label, "
        f"{told.failed:,} labelled messages without a score"
    )
    if told.uncovered:
        typer.echo(f"{told.uncovered:,} messages lie in tenths of the score without a label, and are left out")
    for name, share in (("precision", told.precision), ("recall", told.recall), ("prevalence", told.prevalence)):
        typer.echo(f"{name:<11}{_share(share)}")
    typer.echo("\nby role")
    print_table(told.by_role)


def _share(share: Estimate) -> str:
    if share.value is None or share.low is None or share.high is None:
        return "cannot be told"
    return f"{100 * share.value:.1f} % (95 % interval {100 * share.low:.1f} % to {100 * share.high:.1f} %)"


def _print_calibrated(made: Calibrated) -> None:
    typer.echo(f"\n{made.kind} calibration: {made.file}; after is measured by cross-validation")
    rows = [{"measure": "Brier score", **made.brier}, {"measure": "expected calibration error", **made.ece}]
    print_table(rows)


def _benchmark(judged: JudgedRun, out: Path, top: int, rule: Rule | None, as_json: bool) -> dict[str, Any]:
    from chatlog.moderation.safety import safety_benchmark

    made = safety_benchmark(judged, out, top, rule)
    if not as_json:
        typer.echo(
            f"{made.conversations:,} conversations: {out}; {made.broken:,} of {made.clusters:,} prompts that are "
            "jailbreak attempts broke a model"
        )
    return {"benchmark": made.to_json(), "thresholds": None if rule is None else _rule(rule)}


def _print_some(rows: list[dict[str, Any]]) -> None:
    print_table(rows[:_SHOWN])
    if len(rows) > _SHOWN:
        typer.echo(f"... and {len(rows) - _SHOWN:,} more; --json tells them all")
