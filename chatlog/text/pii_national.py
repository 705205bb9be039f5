"""National and tax numbers of persons, country by country: a table of shapes, cues and checks.

Check digits are python-stdnum's, and of `checksums` for what it lacks. A number with a shape of its
own and a strong check is found anywhere; a bare run of digits only behind a word that says what it
is, in the country's languages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from chatlog.text import checksums
from chatlog.text.patterns import Rule, rule


class _Shape(NamedTuple):
    """A number that tells itself: its name, its check (see `_check`), how it is written."""

    name: str
    module: str
    pattern: str


class _Cued(NamedTuple):
    """A number that a word announces: its name, its check (see `_check`), how it is written, the words."""

    name: str
    module: str
    pattern: str
    words: tuple[str, ...]


_SHAPES: Final = (
    _Shape("mx_curp", "mx.curp", r"[a-z]{4}\d{6}[hm][a-z]{5}[a-z0-9]\d"),
    _Shape("cl_rut", "cl.rut", r"\d{1,2}\.\d{3}\.\d{3}-[\dk]"),
    _Shape("ar_cuit", "ar.cuit", r"\d{2}-\d{8}-\d"),
    _Shape("co_nit", "co.nit", r"\d{3}\.\d{3}\.\d{3}-\d"),
    _Shape("ve_rif", "ve.rif", r"[vejpg]-\d{8}-?\d"),
    _Shape("do_cedula", "do.cedula", r"\d{3}-\d{7}-\d"),
    _Shape("fi_hetu", "fi.hetu", r"\d{6}[-+a]\d{3}[0-9a-y]"),
    _Shape("se_personnummer", "se.personnummer", r"\d{6}(?:\d{2})?[-+]\d{4}"),
    _Shape("is_kennitala", "is_.kennitala", r"\d{6}-\d{4}"),
    _Shape("no_fodselsnummer", "no.fodselsnummer", r"\d{6}\s\d{5}"),
    _Shape("cz_rc", "cz.rc", r"\d{6}/\d{3,4}"),
    _Shape("be_nn", "be.nn", r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}"),
    _Shape("ch_ssn", "ch.ssn", r"756\.\d{4}\.\d{4}\.\d{2}"),
    _Shape("pt_cc", "pt.cc", r"\d{8}\s?\d\s?[a-z]{2}\d"),
    _Shape("ie_pps", "ie.pps", r"\d{7}[a-w][a-iw]?"),
    _Shape("pk_cnic", "pk.cnic", r"\d{5}-\d{7}-\d"),
    _Shape("my_nric", "my.nric", r"\d{6}-\d{2}-\d{4}"),
    _Shape("lv_pk", "lv.pvn", r"\d{6}-\d{5}"),
    _Shape("hk_id", "hk_id", r"(?-i:[A-Z]{1,2})\d{6}\s?\([\da]\)"),
    _Shape("sg_nric", "sg_nric", r"(?-i:[STFGM])\d{7}[a-z]"),
    _Shape("th_pin", "th.pin", r"\d-\d{4}-\d{5}-\d{2}-\d"),
)


def _run(*counts: int) -> str:
    """Digits, so many and no more: a number that swallows the year or the sum behind it fails its check."""
    return "(?:" + "|".join(rf"\d(?:[\ ./-]?\d){{{count - 1}}}" for count in counts) + ")"


_CUED: Final = (
    _Cued("mx_rfc", "mx.rfc", r"[a-zñ&]{4}\d{6}[a-z0-9]{3}", ("rfc",)),
    _Cued("ca_sin", "ca.sin", _run(9), ("SIN", "sin number", "my sin", "social insurance", "assurance sociale", "NAS")),
    _Cued("gb_utr", "gb.utr", _run(10), ("utr", "taxpayer reference")),
    _Cued("gb_nhs", "gb.nhs", _run(10), ("nhs",)),
    _Cued("de_idnr", "de.idnr", _run(11), ("steuer", "idnr", "identifikationsnummer")),
    _Cued("at_vnr", "at.vnr", _run(10), ("sozialversicherung", "svnr", "versicherungsnummer")),
    _Cued("nl_bsn", "nl.bsn", _run(9), ("bsn", "burgerservice", "sofinummer")),
    _Cued("be_nn", "be.nn", _run(11), ("rijksregister", "registre national", "nationaal nummer")),
    _Cued("dk_cpr", "dk.cpr", r"\d{6}[-\s]?\d{4}", ("cpr", "personnummer")),
    _Cued("no_fodselsnummer", "no.fodselsnummer", _run(11), ("fødselsnummer", "fodselsnummer", "personnummer")),
    _Cued("se_personnummer", "se.personnummer", _run(12, 10), ("personnummer", "samordningsnummer")),
    _Cued("fr_nif", "fr.nif", _run(13), ("numéro fiscal", "spi")),
    _Cued("pt_nif", "pt.nif", _run(9), ("nif", "contribuinte")),
    _Cued("gr_amka", "gr.amka", _run(11), ("αμκα", "amka")),
    _Cued("gr_afm", "gr.vat", _run(9), ("αφμ", "α.φ.μ", "afm")),
    _Cued("pl_pesel", "pl.pesel", _run(11), ("pesel",)),
    _Cued("pl_nip", "pl.nip", _run(10), ("nip",)),
    _Cued("cz_rc", "cz.rc", _run(10, 9), ("rodné", "rodne", "rč")),
    _Cued("ro_cnp", "ro.cnp", _run(13), ("cnp", "cod numeric")),
    _Cued("bg_egn", "bg.egn", _run(10), ("егн", "egn")),
    _Cued("hr_oib", "hr.oib", _run(11), ("oib",)),
    _Cued("si_emso", "si.emso", _run(13), ("emšo", "emso", "jmbg", "матични")),
    _Cued("hu_taj", "hu_taj", _run(9), ("taj", "társadalombiztosítási")),
    _Cued("hu_tax", "hu_tax", _run(10), ("adóazonosító", "adószám")),
    _Cued("lv_pk", "lv.pvn", _run(11), ("personas kod",)),
    _Cued("tw_id", "tw_id", r"[a-z][1289]\d{8}", ("居留證", "統一證號", "身分證", "taiwan id", "taiwanese id")),
    _Cued("hk_id", "hk_id", r"[a-z]{1,2}\d{6}[\da]", ("hkid", "hong kong id", "香港身份證")),
    _Cued("ee_ik", "ee.ik", _run(11), ("isikukood",)),
    _Cued("lt_asmens", "lt.asmens", _run(11), ("asmens kod",)),
    _Cued("ua_rntrc", "ua.rntrc", _run(10), ("рнокпп", "іпн", "ідентифікаційн")),
    _Cued("ru_inn", "ru.inn", _run(12, 10), ("инн",)),
    _Cued("md_idno", "md.idno", _run(13), ("idnp", "idno")),
    _Cued("il_idnr", "il.idnr", _run(9, 8), ("תעודת זהות", "ת.ז", "מספר זהות", "teudat")),
    _Cued("eg_tn", "eg.tn", _run(9), ("البطاقة الضريبية", "الرقم الضريبي")),
    _Cued("za_idnr", "za.idnr", _run(13), ("id number", "identity number", "south african id", "sa id")),
    _Cued("ec_ci", "ec.ci", _run(10), ("cédula", "cedula")),
    _Cued("id_nik", "id.nik", _run(16), ("nik", "ktp", "kependudukan")),
    _Cued("th_pin", "th.pin", _run(13), ("บัตรประชาชน", "บัตรประจำตัว")),
    _Cued("vn_mst", "vn.mst", _run(13, 10), ("mã số thuế", "mst")),
    _Cued("jp_my_number", "jp.in_", _run(12), ("マイナンバー", "個人番号", "my number")),
    _Cued("au_tfn", "au.tfn", _run(9, 8), ("tfn", "tax file")),
    _Cued("nz_ird", "nz.ird", _run(9, 8), ("ird",)),
)


def _check(name: str) -> Callable[[str], bool]:
    """The check of python-stdnum's module, or for a name without a dot a function of `checksums`."""
    own: dict[str, Callable[[str], bool]] = vars(checksums)
    return checksums.stdnum(name) if "." in name else own[name]


_SHORT: Final = 4
"""Letters of a word that is found inside of many others."""


def _shape(one: _Shape) -> Rule:
    return rule(
        one.name,
        "NATIONAL_ID",
        rf"(?<![\w./-]){one.pattern}(?![\w/-]|\.\d)",
        0.9,
        "digits",
        check=_check(one.module),
    )


def _word(word: str) -> str:
    """The word as a pattern: one in capitals is told by them, a short one ends where it ends (no `sin` in `since`)."""
    pattern = word.replace(".", r"\.").replace(" ", r"\s")
    if word.isascii() and word.isupper():
        pattern = f"(?-i:{pattern})"
    return rf"{pattern}(?![\w])" if len(word) <= _SHORT else rf"{pattern}\p{{L}}{{0,12}}"


def _cued(one: _Cued) -> Rule:
    # Between the word and the number there may be `number`, `is`, a colon; never another number or a line's end.
    words = "|".join(map(_word, one.words))
    return rule(
        f"{one.name}_cue",
        "NATIONAL_ID",
        rf"(?<![\w])(?:{words})[^\d\n]{{0,30}}?(?<![\w.])(?P<v>{one.pattern})(?![\w]|[.-]\d)",
        0.93,
        "digits",
        tuple(word.lower() for word in one.words),
        check=_check(one.module),
    )


NATIONAL: Final = (*map(_shape, _SHAPES), *map(_cued, _CUED))
"""The rules of the table."""

COUNTRIES: Final = frozenset(one.name.partition("_")[0] for one in (*_SHAPES, *_CUED)) | frozenset(
    "us br es fr tr cn kr it in ru gb".split()
)
"""ISO 3166 codes of the countries whose numbers are told, with those of `pii_identity`."""
