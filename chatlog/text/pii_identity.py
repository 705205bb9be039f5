"""Rules for numbers that states, hospitals, employers and banks give to people.

A number with a check digit and a shape of its own is found anywhere; the others only beside a word
that tells what they are.
"""

from __future__ import annotations

from typing import Final

import regex

from chatlog.text import checksums
from chatlog.text.patterns import rule

_SEP: Final = r"(?:\s?(?:number|numbers|no\b\.?|nr\b\.?|num\b\.?|n[º°]\.?|\#|id\b|is\b|es\b|ist\b|est\b|:|=|-|\"|')){0,5}\s{0,3}[:=]?\s{0,2}[\"'(]?"
_CODE: Final = r"(?P<v>(?=[\w./-]*\d)[a-z0-9](?:[a-z0-9]|[./-](?=[a-z0-9])){3,29})(?![\w])"
_SPACED: Final = r"(?P<v>\d(?:[\s.-]?\d){5,17})(?![\w])"

_DATE: Final = (
    r"(?:\d{1,4}[-./]\d{1,2}[-./]\d{1,4}"
    r"|\d{4}\s?年\s?\d{1,2}\s?月\s?\d{1,2}\s?日|\d{4}\s?년\s?\d{1,2}\s?월\s?\d{1,2}\s?일"
    r"|\d{1,2}(?:st|nd|rd|th|\.|er)?\s(?:de\s|of\s)?\p{L}{3,12}\.?,?\s(?:de\s)?\d{4}(?:\s?г)?"
    r"|\p{L}{3,12}\.?\s\d{1,2}(?:st|nd|rd|th)?,?\s\d{4})"
)
_BORN: Final = (
    r"\b(?:d\.?o\.?b\.?|date\s?of\s?birth|date_of_birth|birth\s?-?date|birth\s?day(?:\sis)?|born(?:\son)?|birth_date|geburtsdatum|geb(?:oren)?\.?(?:\sam)?"
    r"|date\sde\snaissance|née?\(?e?\)?\sle|fecha\sde\snacimiento|f\.?\s?nac\.?|nacid[oa]\sel|nac[ií]\sel|data\sde\snascimento|nascid[oa]\sem|data\sdi\snascita|nat[oa]\sil"
    r"|geboortedatum|geboren\sop|data\surodzenia|urodzon[ya]|дата\sрождения|родил(?:ся|ась)|дата\sнародження|doğum\starihi|tanggal\slahir|ngày\ssinh|födelsedatum|fødselsdato)\b"
    r"|出生日期|生年月日|生日|出生于|出生於|생년월일|생일|تاريخ\sالميلاد|تاریخ\sتولد|जन्म\s?तिथि|วันเกิด|תאריך\sלידה"
)

IDENTITY: Final = (
    rule(
        "us_ssn",
        "NATIONAL_ID",
        r"(?<![\w.-])\d{3}([-\s])\d{2}\1\d{4}(?![\w-])",
        0.85,
        "digits",
        checksums.us_ssn,
    ),
    rule(
        "us_ssn_cue",
        "NATIONAL_ID",
        rf"\b(?:ssn|social\s?security|social_security\w*|soc\ssec|itin){_SEP}{_SPACED}",
        0.9,
        "digits",
    ),
    rule(
        "cpf",
        "NATIONAL_ID",
        r"(?<![\w.-])\d{3}\.?\d{3}\.?\d{3}-\d{2}(?![\w-])",
        0.93,
        "digits",
        checksums.cpf,
    ),
    rule(
        "dni",
        "NATIONAL_ID",
        r"(?<![\w.-])(?:\d{8}|[xyz]-?\d{7})[\s-]?[a-hj-np-tv-z](?![\w-])",
        0.9,
        "digits",
        checksums.dni,
    ),
    rule(
        "nir",
        "NATIONAL_ID",
        r"(?<![\w.-])[12]\s?\d{2}\s?(?:0[1-9]|1[0-2]|[2-9]\d)\s?(?:\d{2}|2[ab])\s?\d{3}\s?\d{3}\s?\d{2}(?![\w-])",
        0.93,
        "digits",
        checksums.nir,
    ),
    rule(
        "cn_resident",
        "NATIONAL_ID",
        r"(?<![\w.-])[1-9]\d{5}(?:19|20)\d{9}[\dx](?![\w-])",
        0.94,
        "digits",
        checksums.resident_identity,
    ),
    rule(
        "kr_rrn",
        "NATIONAL_ID",
        r"(?<![\w.-])\d{6}-[1-8]\d{6}(?![\w-])",
        0.9,
        "digits",
        checksums.resident_registration,
    ),
    rule(
        "codice_fiscale",
        "NATIONAL_ID",
        r"(?<![\w])[a-z]{6}\d{2}[a-ehlmprst]\d{2}[a-z]\d{3}[a-z](?![\w])",
        0.95,
        "digits",
        checksums.codice_fiscale,
    ),
    rule(
        "aadhaar",
        "NATIONAL_ID",
        r"(?<![\w.-])[2-9]\d{3}[\s-]\d{4}[\s-]\d{4}(?![\w-]|[\s-]\d)",
        0.85,
        "digits",
        checksums.aadhaar,
    ),
    rule(
        "snils",
        "NATIONAL_ID",
        r"(?<![\w.-])\d{3}-\d{3}-\d{3}[\s-]\d{2}(?![\w-])",
        0.93,
        "digits",
        checksums.snils,
    ),
    rule(
        "uk_nino",
        "NATIONAL_ID",
        r"(?<![\w])(?-i:[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z])\s?\d{2}\s?\d{2}\s?\d{2}\s?[a-d](?![\w])",
        0.8,
        "digits",
    ),
    rule(
        "in_pan", "NATIONAL_ID", r"(?<![\w])(?-i:[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z])(?![\w])", 0.8, "digits"
    ),
    rule(
        "national_id_cue",
        "NATIONAL_ID",
        r"(?:\b(?:dni|nie|nif|cpf|cnic|pesel|bsn|burgerservicenummer|aadhaar|aadhar|nino|national\sinsurance|tax\s?id(?:entification)?|tin|tax_id|sin|cédula|cedula|curp|rfc"
        r"|national\s?id(?:entity|entification)?(?:\scard)?|national_id\w*|id\scard|identity\scard|nid|steuer-?id\w*|personalausweis\w*|numéro\sde\ssécurité\ssociale|codice\sfiscale|personnummer"
        r"|t\.?c\.?\skimlik|nik|ktp|паспорт\w*|снилс|инн|international\stax\sid|document\snumber)\b|身份证(?:号码?)?|身分證(?:字號)?|マイナンバー|個人番号|주민등록번호|رقم\sالهوية|आधार|เลขบัตรประชาชน|תעודת\sזהות)"
        rf"{_SEP}{_CODE}",
        0.82,
        "digits",
    ),
    rule(
        "record_prefix",
        "RECORD_ID",
        r"(?<![\w-])(?-i:MRN|DL|EMP|NHC|CIPA|NASS|INS|HIC|NH|NID|TAX|PAT|PID|MBR|SSN|NPI|DEA|PASS)[-:\s]?(?=[\w-]*\d{4})[a-z0-9][a-z0-9-]{3,20}(?![\w])",
        0.83,
        "digits",
    ),
    rule(
        "record_cue",
        "RECORD_ID",
        r"\b(?:mrn|medical\srecord|medical_record\w*|patient\s?id|patient_id|chart|npi|nhs|health\s?(?:insurance|card|id|plan)|national\shealth\sid|insurance\s?(?:id|policy|member|no)?|insurance_id|member(?:ship)?\s?id|member_id"
        r"|policy|employee\s?(?:id|no|number)?|employee_id|staff\sid|student\s?(?:id|no|number)|badge|nhc|cipa|nass|n[º°]\s?col(?:egiado)?|nº\sde\scolegiado|colegiado|historia\sclínica|versichertennummer|krankenkasse\w*|numéro\sde\spatient|beneficiary)\b\.?"
        rf"{_SEP}(?:nhc-)?(?P<v>(?=[\w./\s-]{{0,6}}\d)[a-z0-9]+(?:[./-]?[a-z0-9]+){{0,4}}(?:\s\d{{2,8}}){{0,4}})(?![\w])",
        0.8,
        "digits",
        lambda value: len(checksums.digits(value)) >= 4,
    ),
    rule(
        "passport",
        "PASSPORT",
        rf"(?:\b(?:passport|pasaporte|passeport|reisepass\w*|passaporto|passaporte|paszport\w*|загранпаспорт\w*)\b|护照|護照|パスポート|旅券番号|여권|جواز\sالسفر|पासपोर्ट){_SEP}{_CODE}",
        0.85,
        "digits",
    ),
    rule(
        "driver_license",
        "DRIVER_LICENSE",
        r"\b(?:driver'?s?'?\s?-?licen[cs]e|driving\s?licen[cs]e|driver_license\w*|licen[cs]e\snumber|permis\sde\sconduire|führerschein\w*|carnet\sde\sconducir|licencia\sde\sconducir|carteira\sde\smotorista|patente|dl)\b"
        rf"{_SEP}(?:is\s|it'?s\s|,\s)?{_CODE}",
        0.8,
        "digits",
    ),
    rule(
        "bank_account",
        "BANK_ACCOUNT",
        r"(?:\b(?:(?:bank\s)?account|acct|a/c|bank_account\w*|account_number|kontonummer|konto|compte|cuenta|conta|conto|rachunk\w*|счет\w*|счёт\w*|routing|iban)\b|账号|賬號|帳號|口座番号|계좌번호|رقم\sالحساب|खाता)"
        rf"{_SEP}(?P<v>\d(?:[\s-]?\d){{5,19}})(?![\w])",
        0.72,
        "digits",
    ),
    rule(
        "iban_cue",
        "IBAN_CODE",
        r"\biban\b[^\n\d]{0,20}?\b(?P<v>[a-z]{2}\d{2}(?:[\s-]?[a-z0-9]){8,30})(?![\w])",
        0.9,
        "digits",
    ),
    rule("birth_date", "DATE_OF_BIRTH", rf"(?:{_BORN})[^\d\n]{{0,20}}?(?:\n[^\d\n]{{0,6}})?(?P<v>{_DATE})", 0.88, "digits"),
)
"""National identifiers, records, passports, licences, accounts, dates of birth."""

DATE: Final = regex.compile(_DATE, regex.IGNORECASE)
