"""How a release is cited."""

from __future__ import annotations

from chatlog.release.facts import Facts


def bibtex(facts: Facts) -> str:
    """An entry that cites the dataset, of what `[release]` and the run tell."""
    spec = facts.spec
    fields = {
        "title": f"{{{_tex(spec.title)}}}",
        "author": f"{{{_tex(spec.holder)}}}" if spec.holder else "",
        "year": facts.ended[:4] if facts.ended else "",
        "url": spec.homepage,
        "note": f"{facts.rows:,} rows, made by chatlog {facts.told['chatlog']}",
    }
    key = "".join(letter for letter in spec.title.lower() if letter.isascii() and letter.isalnum()) or "dataset"
    lines = [f"  {name} = {{{value}}}," for name, value in fields.items() if value]
    return "\n".join([f"@misc{{{key},", *lines, "}"])


def _tex(text: str) -> str:
    """A text inside of BibTeX's braces."""
    kept = text.replace("\\", "").replace("{", "").replace("}", "").replace("\n", " ")
    return "".join(f"\\{letter}" if letter in "&%$#_" else letter for letter in kept)
