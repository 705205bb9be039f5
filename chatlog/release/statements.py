"""Sentences on how a release came about and what it is not, said alike in its card and in croissant.json.

Each function gives plain sentences; what a stage did is told only where the stage ran.
"""

from __future__ import annotations

from typing import Final

from chatlog.release.facts import Facts

_STEPS: Final = {
    "dedup": "Snapshots of conversations that go on, exact copies and near-duplicates were found{left_out}.",
    "semantic": "Conversations of like meaning were found by their embeddings.",
    "redact": "Personal data was looked for in messages and system prompts and replaced.",
    "language": "The language of each message was told, and of each conversation by its user's turns.",
    "topics": "First user turns were embedded and grouped into topics, which are named where enough people asked.",
    "moderate": "Each message was judged by a moderation model.",
    "overlap": "Items of benchmarks were looked for in messages.",
}


def collection(facts: Facts) -> str:
    """Where the conversations come from, and how many."""
    counts = facts.told["counts"]
    when = f" The released ones date from {facts.began} to {facts.ended}." if facts.began else ""
    return (
        f"Conversations between people and language models, from the logs of chat services: {counts['records']:,} were "
        f"told, {counts['rejects']:,} of them could not be read, {counts['released']:,} are released.{when}"
    )


def missing(facts: Facts) -> str:
    """What is not there."""
    dropped = facts.told["counts"]["dropped"]
    told = "; ".join(f"{reason}: {n:,}" for reason, n in dropped.items())
    left = f"Left out, with the reason and the number of conversations: {told}. " if told else ""
    return left + "A field that a log does not tell is null, and so is a judgment that failed or was not made."


def preprocessing(facts: Facts) -> list[str]:
    """What was done, in the pipeline's order."""
    left_out = " and left out" if facts.without_copies else ""
    told = [stage["stage"] for stage in facts.told["stages"]]
    return [_STEPS[stage].format(left_out=left_out) for stage in told if stage in _STEPS]


def annotation(facts: Facts) -> list[str]:
    """The models that annotated, by what they did."""
    jobs = {
        "redact": "names of people",
        "language": "language",
        "embed": "embeddings for topics",
        "moderate": "moderation",
    }
    return [f"{name} ({job})" for stage, job in jobs.items() for name in facts.models(stage)]


def personal(facts: Facts) -> list[str]:
    """What of people is left in it, and what was done about it."""
    pii = facts.told["pii"]
    looked = [type_ for types in pii["actions"].values() for type_ in types]
    found = [
        "People wrote these conversations, and may speak of themselves and of others in them: of health, beliefs, "
        "work or family.",
        f"Looked for and replaced: {', '.join(looked)}." if looked else "No type of personal data was replaced.",
    ]
    left = [*pii["kept"], *pii["not_looked_for"]]
    if left:
        found.append(f"Not replaced: {', '.join(left)}.")
    found.append(recall(facts))
    keyed = "; `judge` is such a hash" if "judge" in facts.schema.names else ", and none is published"
    found.append(f"Names and addresses of users in the logs became keyed hashes while the run was made{keyed}.")
    return found


def recall(facts: Facts) -> str:
    """The measured recall of redaction."""
    told = facts.told["pii"]["recall"]
    if not told:
        return "How much redaction misses was not measured on this run."
    return (
        f"Measured recall on {told['planted']:,} planted entities: {percent(told['recall'])} "
        f"(95 % interval {percent(told['low'])} to {percent(told['high'])})."
    )


def moderation(facts: Facts) -> list[str]:
    """What moderation was measured to find, one sentence a labelled set; that it was not measured otherwise."""
    if facts.stage("moderate") is None:
        return ["Nothing was moderated: no message carries a judgment."]
    measured = facts.told.get("measured", {}).get("moderation", [])
    if not measured:
        return ["What moderation misses was not measured on this run."]
    found = []
    for one in measured:
        values = [
            f"{label} {one['metrics'][name]:.3f}"
            for name, label in (("recall", "recall"), ("precision", "precision"), ("auprc", "AUPRC"))
            if one["metrics"].get(name) is not None
        ]
        trained = (
            "" if one["metrics"].get("held_out") else "; its texts may be among those that the model was trained on"
        )
        found.append(f"Measured on the {one['n']:,} texts of `{one['file']}`: {', '.join(values)}{trained}.")
    return found


def languages(facts: Facts) -> list[str]:
    """What language identification was measured to find; empty where it was not."""
    return [
        f"Measured on the {one['n']:,} texts of `{one['file']}`: accuracy {one['metrics']['accuracy']:.3f}, "
        f"macro F1 {one['metrics']['macro_f1']:.3f}."
        for one in facts.told.get("measured", {}).get("language", [])
        if one["metrics"].get("accuracy") is not None
    ]


def biases(facts: Facts) -> list[str]:
    """In what the release differs from what people at large ask."""
    found = [
        "It holds who used the logged services, and no sample of people at large; some users wrote many conversations."
    ]
    if facts.languages and facts.rows:
        most = facts.languages[0]
        found.append(f"{most.name} is the most frequent language, with {percent(most.rows / facts.rows)} of the rows.")
    if facts.without_copies:
        found.append(
            "Copies were left out, so that questions which many people ask alike are rarer here than in the logs."
        )
    if facts.stage("redact") is not None:
        found.append("Redaction finds names and numbers of some countries and scripts better than those of others.")
    if facts.stage("moderate") is not None:
        found.append("The moderation model errs, more so outside English, in slang and in fiction.")
    return found


def limitations(facts: Facts) -> list[str]:
    """What should not be taken from the release."""
    return [
        "Answers are those of language models: they may be wrong, and nobody checked them.",
        "It holds offensive and unsafe content, which shows what people ask of language models."
        if facts.flagged
        else "It may hold offensive and unsafe content.",
        "Languages, topics, verdicts and duplicates were found by programs, and some are wrong.",
        "No automatic redaction finds everything: treat the data as personal data, do not try to identify people, "
        "and report what you find.",
    ]


def uses(facts: Facts) -> list[str]:
    """What the release is good for, and what not."""
    found = ["Research on what people ask of language models, and how they write to them."]
    if facts.stage("moderate") is not None:
        found.append("Research on the safety of language models and on moderation.")
    if facts.battles:
        found.append("Comparison of models by the votes of users.")
    found.append("Training and evaluation of language models, where licence and the models' providers allow it.")
    found.append("Not for: identifying or profiling people, or deciding on them.")
    return found


def maintenance(facts: Facts) -> str:
    """Who keeps the release, and how something is taken out."""
    where = facts.spec.contact or facts.spec.homepage or "its publisher"
    return (
        f"To have something removed, write to {where} and name the row's id. What is removed is "
        "missing from the next release; delete it from your copies as well."
    )


def percent(share: float) -> str:
    """A share as the card writes it: `61.1 %`."""
    return f"{100 * share:.1f} %"
