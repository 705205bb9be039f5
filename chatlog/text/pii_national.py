"""National and tax numbers of persons, country by country: a table of shapes, cues and checks.

Check digits are python-stdnum's. A number with a shape of its own and a strong check is found
anywhere; a bare run of digits only behind a word that says what it is, in the country's languages.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from chatlog.text import checksums
from chatlog.text.patterns import Rule, rule


class _Shape(NamedTuple):
    """A number that tells itself: its name, the module of python-stdnum, how it is written, what it needs."""

    name: str
    module: str
    pattern: str
    needs: str = "digits"


class _Cued(NamedTuple):
    """A number that a word announces: its name, the module of python-stdnum, how it is written, the words."""

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
    _Shape("th_pin", "th.pin", r"\d-\d{4}-\d{5}-\d{2}-\d"),
)

_BARE: Final = r"\d(?:[\s./-]?\d){7,15}"
_CUED: Final = (
    _Cued("mx_rfc", "mx.rfc", r"[a-zñ&]{4}\d{6}[a-z0-9]{3}", ("rfc",)),
    _Cued("ca_sin", "ca.sin", _BARE, ("sin", "social insurance", "assurance sociale", "nas")),
    _Cued("gb_utr", "gb.utr", _BARE, ("utr", "taxpayer reference")),
    _Cued("gb_nhs", "gb.nhs", _BARE, ("nhs",)),
    _Cued("de_idnr", "de.idnr", _BARE, ("steuer", "idnr", "identifikationsnummer")),
    _Cued("at_vnr", "at.vnr", _BARE, ("sozialversicherung", "svnr", "versicherungsnummer")),
    _Cued("nl_bsn", "nl.bsn", _BARE, ("bsn", "burgerservice", "sofinummer")),
    _Cued("be_nn", "be.nn", _BARE, ("rijksregister", "registre national", "nationaal nummer")),
    _Cued("dk_cpr", "dk.cpr", r"\d{6}[-\s]?\d{4}", ("cpr", "personnummer")),
    _Cued("no_fodselsnummer", "no.fodselsnummer", _BARE, ("fødselsnummer", "fodselsnummer", "personnummer")),
    _Cued("se_personnummer", "se.personnummer", _BARE, ("personnummer", "samordningsnummer")),
    _Cued("fr_nif", "fr.nif", _BARE, ("numéro fiscal", "spi")),
    _Cued("pt_nif", "pt.nif", _BARE, ("nif", "contribuinte")),
    _Cued("gr_amka", "gr.amka", _BARE, ("αμκα", "amka")),
    _Cued("gr_afm", "gr.vat", _BARE, ("αφμ", "α.φ.μ", "afm")),
    _Cued("pl_pesel", "pl.pesel", _BARE, ("pesel",)),
    _Cued("pl_nip", "pl.nip", _BARE, ("nip",)),
    _Cued("cz_rc", "cz.rc", _BARE, ("rodné", "rodne", "rč")),
    _Cued("ro_cnp", "ro.cnp", _BARE, ("cnp", "cod numeric")),
    _Cued("bg_egn", "bg.egn", _BARE, ("егн", "egn")),
    _Cued("hr_oib", "hr.oib", _BARE, ("oib",)),
    _Cued("si_emso", "si.emso", _BARE, ("emšo", "emso", "jmbg", "матични")),
    _Cued("ee_ik", "ee.ik", _BARE, ("isikukood",)),
    _Cued("lt_asmens", "lt.asmens", _BARE, ("asmens kod",)),
    _Cued("ua_rntrc", "ua.rntrc", _BARE, ("рнокпп", "іпн", "ідентифікаційн")),
    _Cued("ru_inn", "ru.inn", _BARE, ("инн",)),
    _Cued("md_idno", "md.idno", _BARE, ("idnp", "idno")),
    _Cued("il_idnr", "il.idnr", _BARE, ("תעודת זהות", "ת.ז", "מספר זהות", "teudat")),
    _Cued("eg_tn", "eg.tn", _BARE, ("البطاقة الضريبية", "الرقم الضريبي")),
    _Cued("za_idnr", "za.idnr", _BARE, ("id number", "identity number", "south african id", "sa id")),
    _Cued("ec_ci", "ec.ci", _BARE, ("cédula", "cedula")),
    _Cued("id_nik", "id.nik", _BARE, ("nik", "ktp", "kependudukan")),
    _Cued("th_pin", "th.pin", _BARE, ("บัตรประชาชน", "บัตรประจำตัว")),
    _Cued("vn_mst", "vn.mst", _BARE, ("mã số thuế", "mst")),
    _Cued("jp_my_number", "jp.in_", _BARE, ("マイナンバー", "個人番号", "my number")),
    _Cued("au_tfn", "au.tfn", _BARE, ("tfn", "tax file")),
    _Cued("nz_ird", "nz.ird", _BARE, ("ird",)),
)


def _shape(one: _Shape) -> Rule:
    return rule(
        one.name,
        "NATIONAL_ID",
        rf"(?<![\w./-]){one.pattern}(?![\w/-]|\.\d)",
        0.9,
        one.needs,
        check=checksums.stdnum(one.module),
    )


def _cued(one: _Cued) -> Rule:
    # Between the word and the number there may be `number`, `is`, a colon; never another number or a line's end.
    words = "|".join(word.replace(".", r"\.").replace(" ", r"\s") for word in one.words)
    return rule(
        f"{one.name}_cue",
        "NATIONAL_ID",
        rf"(?<![\w])(?:{words})\p{{L}}{{0,12}}[^\d\n]{{0,30}}?(?<![\w.])(?P<v>{one.pattern})(?![\w]|\.\d)",
        0.93,
        "",
        one.words,
        check=checksums.stdnum(one.module),
    )


NATIONAL: Final = (*map(_shape, _SHAPES), *map(_cued, _CUED))
"""The rules of the table."""

COUNTRIES: Final = frozenset(one.name.partition("_")[0] for one in (*_SHAPES, *_CUED)) | frozenset(
    "us br es fr tr cn kr it in ru gb".split()
)
"""ISO 3166 codes of the countries whose numbers are told, with those of `pii_identity`."""
