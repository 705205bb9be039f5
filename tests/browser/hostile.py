"""Logs that attack whoever shows them. What runs sets `window.stolen`, opens a dialog or asks for another host."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

from chatlog import run
from tests.conftest import recipe, write_jsonl

STOLEN: Final = "window.stolen=1"

ATTACKS: Final = (
    f"<script>{STOLEN}</script>",
    f"</script><script>{STOLEN}</script>",
    f"</textarea></title></style></noscript><img src=x onerror={STOLEN}>",
    f'"><svg onload={STOLEN}><animate onbegin={STOLEN} attributeName=x dur=1s>',
    f"<svg><script>{STOLEN}</script><a xlink:href='javascript:{STOLEN}'><rect width=99 height=99 /></a></svg>",
    f"<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=x onerror={STOLEN}&gt;'>",
    f"[click](javascript:{STOLEN}) <a href='javascript:{STOLEN}'>javascript:{STOLEN}</a>",
    f"<iframe srcdoc='<script>parent.{STOLEN}</script>'></iframe><object data='data:text/html,<script>1</script>'>",
    f"<base href='https://evil.invalid/'><meta http-equiv=refresh content='0;url=https://evil.invalid/'>{STOLEN}",
    f"<link rel=stylesheet href=https://evil.invalid/x.css><style>@import '//evil.invalid/y.css'</style>{STOLEN}",
    f"{{{{constructor.constructor('{STOLEN}')()}}}} ${{{STOLEN}}} <%= {STOLEN} %> {{% raw %}} #{{{STOLEN}}}",
    f"' onmouseover='{STOLEN}' autofocus onfocus='{STOLEN}' x='",
    "\u202eesrever\u202c \u2066isolated\u2069 \u202dforced \u202e\u202e\u202e never closed",
    "\x00\x01\x1b[31m\x7f\x85\u2028\u2029\ufeff\ufffe\U000e0041 control",
    "Z\u0310\u0311\u0312\u0313\u0314\u0315" * 60 + "\ufdfd" * 40,
    '__proto__ constructor toString {"__proto__": {"stolen": 1}}',
    "<!--<script>" + STOLEN + "--> ]]> <![CDATA[ " + STOLEN + " ]]>",
    "&lt;script&gt;" + STOLEN + "&lt;/script&gt; &#60;script&#62; %3Cscript%3E \\u003cscript\\u003e",
)
"""Texts that a page must show as they are, and no more."""

LONG: Final = "needle " + "0123456789abcdef " * 62_000
"""A message of a megabyte, without a place to break a line more often than every 17 characters."""

UNBROKEN: Final = "W" * 200_000
"""One word of 200,000 letters."""


def hostile_records() -> list[dict[str, Any]]:
    """Records of the reader openai_messages in which every text attacks: ids, models, names, turns, system prompts."""
    made = [
        {
            "id": f"{attack[:80]}{number}",
            "model": f"{attack}",
            "created": 1_700_000_000 + number,
            "messages": [
                {"role": "system", "content": attack},
                {"role": "user", "content": f"{number} {attack} how would you show this text to somebody?"},
                {"role": "assistant", "content": f"{attack} is a text like any other, {number} times.", "name": attack},
            ],
        }
        for number, attack in enumerate(ATTACKS)
    ]
    for name, text in (("long", LONG), ("unbroken", UNBROKEN), ("empty", ""), ("blank", " \n\t\n ")):
        talk = [{"role": "user", "content": text}, {"role": "assistant", "content": f"that was {name}"}]
        made.append({"id": name, "model": "m" * 300, "created": 1_700_001_000, "messages": talk})
    talk = [{"role": ("user", "assistant")[turn % 2], "content": f"turn {turn} {ATTACKS[0]}"} for turn in range(1_500)]
    made.append({"id": "many", "model": "", "created": 0, "messages": talk})
    return made


def make_hostile_run(folder: Path) -> Path:
    """Runs every stage of the demo's recipe over the hostile records; the run's folder."""
    os.environ["CHATLOG_USER_KEY"] = "a key for tests alone"
    logs = write_jsonl(folder / "logs.jsonl", hostile_records())
    stages: list[str | dict[str, Any]] = ["fingerprint", "dedup"]
    stages += [{"use": use, "where": "kept"} for use in ("redact", "language", "embed", "topics", "moderate")]
    run(recipe([logs], stages), folder / "run", workers=1)
    return folder / "run"
