"""Rules for numbers that states, hospitals, employers and banks give to people.

A number with a check digit and a shape of its own is found anywhere; the others only beside a word
that tells what they are.
"""

from __future__ import annotations

from typing import Final

import regex

from chatlog.text import checksums
from chatlog.text.cues import cues, stems
from chatlog.text.patterns import rule

_SEP: Final = (
    r"(?:\s?(?:number|numbers|numero|número|numéro|nummer|номер|no\b\.?|nr\b\.?|num\b\.?|n[º°]\.?|\#|id\b|is\b|es\b|ist\b|est\b"
    r"|é\b|è\b|jest\b|är\b|este\b|είναι|là\b|adalah\b|号码|号|番号|是|为|は|:|：|=|-|\"|'|\()){0,5}"
    r"\s{0,3}[:=]?\s{0,2}[\"'(]?"
)
_CODE: Final = r"(?P<v>(?=[\w./-]*\d)[a-z0-9](?:[a-z0-9]|[./-](?=[a-z0-9])){3,29})(?![\w])"
_SPACED: Final = r"(?P<v>\d(?:[\s.-]?\d){5,17})(?![\w])"

_DATE: Final = (
    r"(?:\d{1,4}[-./]\d{1,2}[-./]\d{1,4}"
    r"|\d{4}\s?年\s?\d{1,2}\s?月\s?\d{1,2}\s?日|\d{4}\s?년\s?\d{1,2}\s?월\s?\d{1,2}\s?일"
    r"|\d{1,2}(?:st|nd|rd|th|\.|er)?\s(?:de\s|of\s)?\p{L}{3,12}\.?,?\s(?:de\s)?\d{4}(?:\s?г)?"
    r"|\p{L}{3,12}\.?\s\d{1,2}(?:st|nd|rd|th)?,?\s\d{4})"
)
IDENTITY: Final = (
    rule(
        "us_ssn",
        "NATIONAL_ID",
        r"(?<![\w.-])\d{3}([-\s])\d{2}\1\d{4}(?![\w-])",
        0.85,
        "digits",
        check=checksums.us_ssn,
    ),
    rule(
        "us_ssn_cue",
        "NATIONAL_ID",
        rf"\b(?:ssn|social\s?security|social_security\w*|soc\ssec|itin){_SEP}{_SPACED}",
        0.9,
        "digits",
        ("ssn", "social", "soc sec", "itin"),
    ),
    rule(
        "cpf",
        "NATIONAL_ID",
        r"(?<![\w.-])\d{3}\.?\d{3}\.?\d{3}-\d{2}(?![\w-])",
        0.93,
        "digits",
        check=checksums.cpf,
    ),
    rule(
        "dni",
        "NATIONAL_ID",
        r"(?<![\w.-])(?:\d{8}|[xyz]-?\d{7})[\s-]?[a-hj-np-tv-z](?![\w-])",
        0.9,
        "digits",
        check=checksums.dni,
    ),
    rule(
        "nir",
        "NATIONAL_ID",
        r"(?<![\w.-])[12]\s?\d{2}\s?(?:0[1-9]|1[0-2]|[2-9]\d)\s?(?:\d{2}|2[ab])\s?\d{3}\s?\d{3}\s?\d{2}(?![\w-])",
        0.93,
        "digits",
        check=checksums.nir,
    ),
    rule(
        "tckn",
        "NATIONAL_ID",
        r"(?<![\w.+/-])[1-9]\d{10}(?![\w/-]|\.\d)",
        0.7,
        "digits",
        check=checksums.tckn,
    ),
    rule(
        "cn_resident",
        "NATIONAL_ID",
        r"(?<![\w.-])[1-9]\d{5}(?:19|20)\d{9}[\dx](?![\w-])",
        0.94,
        "digits",
        check=checksums.resident_identity,
    ),
    rule(
        "kr_rrn",
        "NATIONAL_ID",
        r"(?<![\w.-])\d{6}-[1-8]\d{6}(?![\w-])",
        0.9,
        "digits",
        check=checksums.resident_registration,
    ),
    rule(
        "codice_fiscale",
        "NATIONAL_ID",
        r"(?<![\w])[a-z]{6}\d{2}[a-ehlmprst]\d{2}[a-z]\d{3}[a-z](?![\w])",
        0.95,
        "letters",
        check=checksums.codice_fiscale,
    ),
    rule(
        "aadhaar",
        "NATIONAL_ID",
        r"(?<![\w.-])[2-9]\d{3}[\s-]\d{4}[\s-]\d{4}(?![\w-]|[\s-]\d)",
        0.85,
        "digits",
        check=checksums.aadhaar,
    ),
    rule(
        "snils",
        "NATIONAL_ID",
        r"(?<![\w.-])\d{3}-\d{3}-\d{3}[\s-]\d{2}(?![\w-])",
        0.93,
        "digits",
        check=checksums.snils,
    ),
    rule(
        "uk_nino",
        "NATIONAL_ID",
        r"(?<![\w])(?-i:[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z])\s?\d{2}\s?\d{2}\s?\d{2}\s?[a-d](?![\w])",
        0.8,
        "digits",
    ),
    rule("in_pan", "NATIONAL_ID", r"(?<![\w])(?-i:[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z])(?![\w])", 0.8, "letters"),
    rule(
        "national_id_cue",
        "NATIONAL_ID",
        rf"(?:{cues('national_id')}){_SEP}{_CODE}",
        0.82,
        "digits",
        stems("national_id"),
    ),
    rule(
        "record_prefix",
        "RECORD_ID",
        r"(?<![\w-])(?-i:MRN|DL|EMP|NHC|CIPA|NASS|INS|HIC|NH|NID|TAX|PAT|PID|MBR|NPI|DEA|HIN|PASS)-"
        r"(?=[\w-]*\d{4})[a-z0-9][a-z0-9-]{3,20}(?![\w])",
        0.86,
        "digits",
    ),
    rule(
        "record_cue",
        "RECORD_ID",
        rf"\b(?:{cues('record')})\b\.?{_SEP}(?P<v>(?:[a-z]{{2,4}}-)?(?=[\w./-]{{0,6}}\d)[a-z0-9]+(?:[./-]?[a-z0-9]+){{0,4}}"
        r"(?:\s\d{2,12}){0,4})(?![\w])",
        0.84,
        "digits",
        stems("record"),
        check=lambda value: len(checksums.digits(value)) >= 4,
    ),
    rule(
        "passport",
        "PASSPORT",
        rf"(?:{cues('passport')}){_SEP}{_CODE}",
        0.85,
        # Some have no five digits in a row.
        "",
        stems("passport"),
        check=lambda value: len(checksums.digits(value)) >= 3,
    ),
    rule(
        "driver_license",
        "DRIVER_LICENSE",
        rf"\b(?:{cues('driver_license')})\b{_SEP}(?:is\s|it'?s\s|,\s)?{_CODE}",
        0.8,
        "digits",
        stems("driver_license"),
    ),
    rule(
        "bank_account",
        "BANK_ACCOUNT",
        rf"(?:{cues('account')}|\brouting\b){_SEP}(?P<v>\d(?:[\s-]?\d){{5,19}})(?![\w])",
        0.72,
        "digits",
        (*stems("account"), "routing"),
    ),
    rule(
        "iban_cue",
        "IBAN_CODE",
        r"\biban\b[^\n\d]{0,20}?\b(?P<v>[a-z]{2}\d{2}(?:[\s-]?[a-z0-9]){8,30})(?![\w])",
        0.9,
        "digits",
        ("iban",),
    ),
    rule(
        "birth_date",
        "DATE_OF_BIRTH",
        rf"(?:{cues('birth')})[^\d\n]{{0,20}}?(?:\n[^\d\n]{{0,6}})?(?P<v>{_DATE})",
        0.88,
        "digits",
        stems("birth"),
    ),
    rule(
        "birth_date_trailing",
        "DATE_OF_BIRTH",
        rf"(?<![\w.,/-])(?P<v>{_DATE})(?:\s?(?:geboren(?![\w])|doğumlu|doğdum|tarihinde\sdoğdum|生まれ(?!変)|生(?=[，。,.\s]|\Z)|생|에\s태어|को\sजन्म))",
        0.86,
        "",
        ("geboren", "doğumlu", "doğdum", "生", "생", "태어", "जन्म"),
    ),
)
"""National identifiers, records, passports, licences, accounts, dates of birth."""

DATE: Final = regex.compile(_DATE, regex.IGNORECASE)
