"""fastText models of languages: lid.176 as it is carried, and others (lid.176.bin, GlotLID, NLLB's) from elsewhere.

lid.176: Joulin et al., "Bag of Tricks for Efficient Text Classification" (2016), trained by its
authors on Wikipedia, Tatoeba and SETimes; 176 languages; CC-BY-SA 3.0 weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from chatlog.errors import DataError
from chatlog.text.by_script import BY_SCRIPT, NOT_LATIN, TWO_SCRIPTS, script_of
from chatlog.text.languages import shortest_code

_PREFIX: Final = "__label__"

_WIKIPEDIA: Final = {"als": "gsw", "bh": "bho", "no": "nb", "eml": "egl", "sh": "sh"}
"""lid.176's labels are Wikipedia's domain names; where those are no BCP 47 codes, what they mean."""

_HAN: Final = frozenset(("Hani", "Hans", "Hant"))


def read_label(label: str) -> tuple[str, str]:
    """The BCP 47 code of a model's label and the script that the label names; an empty script where it names none.

    `__label__no` is Wikipedia's Norwegian (Bokmål); `__label__hin_Latn` is an ISO 639-3 code with a script, as in
    GlotLID and NLLB. Chinese is `zh` there as everywhere: its characters tell the script better than a label.
    """
    language, _, script = label.removeprefix(_PREFIX).partition("_")
    if not script:
        return _WIKIPEDIA.get(language, language), ""
    return shortest_code(language), "Hani" if script in _HAN else script


def _in_other_script(code: str, script: str) -> str:
    """The code, with the script that it names where that is not the language's own."""
    usual = script_of(code)
    return f"{code}-{script}" if script == "Latn" and usual != "Latn" and code not in TWO_SCRIPTS else code


class FastText:
    """A fastText model of languages; one instance a worker.

    Args:
        path: a `.bin` or `.ftz` file.
        longest: characters of a line that are looked at.

    Raises:
        DataError: the file is no fastText model.
    """

    def __init__(self, path: Path) -> None:
        import fasttext

        try:
            # The binding itself: its wrapper costs a tenth of a prediction, and zips pairs that are wanted as pairs.
            model: Any = fasttext.load_model(str(path)).f
        except (ValueError, RuntimeError) as error:
            raise DataError(f"{path} is not a fastText model: {error}") from error
        self._predict: Any = model.predict
        self._labels: dict[str, tuple[str, str]] = {}

    def ranked(self, line: str, script: str, count: int) -> list[tuple[str, float]]:
        """The model's best languages that the script allows, and their probabilities, best first."""
        allowed = BY_SCRIPT.get(script)
        found = []
        for score, label in self._predict(line + "\n", count, 0.0, "strict"):
            code, its_script = self._labels.get(label) or self._labels.setdefault(label, read_label(label))
            if its_script:
                fits = its_script == script
                code = _in_other_script(code, script)
            else:
                fits = code in allowed if allowed is not None else code not in NOT_LATIN
            if fits:
                found.append((code, min(1.0, score)))
        return found
