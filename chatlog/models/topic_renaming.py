"""Topics renamed by a model, where what it says will do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from chatlog.models.engines import Engine
from chatlog.models.topic_answers import is_safe, read_name
from chatlog.models.topic_members import Member, Told
from chatlog.models.topic_naming import NamingConfig, answers, open_namer, prompt
from chatlog.text.corpus import Corpus
from chatlog.text.titles import BETWEEN, unique

_PARTS: Final = 20
"""Names of topics that the model is shown of a theme, at most: of the largest."""


def name_by_model(told: Sequence[Told], config: NamingConfig, corpus: Corpus, min_users: int, taken: set[str]) -> None:
    """Nothing; gives each topic, and then each theme, the name that the model says, where it is one that may be shown.

    A name by keywords stays where the call fails, the answer is no short name, or it may tell of a person.

    Args:
        told: topics and themes that enough users asked about.
        config: the model, and what it is shown.
        corpus: the texts that words are counted of.
        min_users: people who must have written a word of the questions before it stands in a name.
        taken: names that stand, casefolded.
    """
    topics = [one for one in told if one.topics == [one.topic_id]]
    themes = [one for one in told if one.topics != [one.topic_id]]
    with open_namer(config) as engine:
        for group in (topics, themes):
            _name(group, _parts(group, topics), config, engine, corpus, min_users, taken)


def _name(
    group: Sequence[Told],
    parts: Sequence[Sequence[str]],
    config: NamingConfig,
    engine: Engine,
    corpus: Corpus,
    min_users: int,
    taken: set[str],
) -> None:
    chosen = [_chosen(one, config) for one in group]
    prompts = [
        prompt([term.surface for term in one.terms], names, _texts(nearest, config), _texts(others, config))
        for one, names, (nearest, others) in zip(group, parts, chosen, strict=True)
    ]
    # Nothing to show is nothing to name.
    asked = [place for place, text in enumerate(prompts) if text]
    said = answers(config, [prompts[place] for place in asked], engine)
    for place, answer in zip(asked, said, strict=True):
        one, (nearest, others) = group[place], chosen[place]
        name = read_name(answer) if answer is not None else None
        shown = [member.text for member in (*nearest, *others)]
        if name is not None and is_safe(name, shown, corpus, one.topics, min_users):
            _rename(one, name, taken)


def _rename(one: Told, name: str, taken: set[str]) -> None:
    if one.label is not None:
        taken.discard(one.label.casefold())
    if name.casefold() in taken:
        # What tells it from the other one of that name.
        own = next((term.surface for term in one.terms if term.surface.casefold() not in name.casefold()), None)
        name = name if own is None else f"{name}{BETWEEN}{own}"
    one.label, one.named_by = unique(name, taken), "llm"


def _chosen(one: Told, config: NamingConfig) -> tuple[list[Member], list[Member]]:
    """The nearest and some others, each of another user; none that did not go through `redact`."""
    nearest = [member for member in one.nearest if member.redacted][: (config.questions + 1) // 2]
    users, texts = {member.who for member in nearest}, {member.text for member in nearest}
    others = [
        member for member in one.random if member.redacted and member.who not in users and member.text not in texts
    ]
    return nearest, others[: config.questions - len(nearest)]


def _texts(members: Sequence[Member], config: NamingConfig) -> list[str]:
    return [" ".join(member.text.split())[: config.question_length] for member in members]


def _parts(group: Sequence[Told], topics: Sequence[Told]) -> list[list[str]]:
    """For each theme the names of its topics, the largest first; for a topic none."""
    if group is topics:
        return [[] for _ in group]
    by_size = sorted(topics, key=lambda one: (-one.size, one.topic_id))
    return [
        [one.label for one in by_size if one.topic_id in theme.topics and one.label is not None][:_PARTS]
        for theme in group
    ]
