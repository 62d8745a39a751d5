"""Vocabulary of clinical columns: what their names and values usually mean. The draft marks it as a guess."""

import re

NOT_KNOWN = frozenset(
    {
        *("na", "n/a", "nan", "null", "missing", "not collected", "not recorded", "not recorded in database"),
        *("not available", "not applicable", "not reported", "[not available]", "[not applicable]", "[unknown]"),
        *("-", "--", ".", "?"),
    }
)
"""Cells that mean "not known" in any column, in small letters."""

NOT_KNOWN_HERE = frozenset(
    {
        *("unknown", "unk", "not assessed", "not evaluated", "not evaluable", "not done", "not tested", "undetermined"),
        *("indeterminate", "cannot be determined", "cannot be assessed", "not assessable", "nd", "unbekannt"),
    }
)
"""Cells that mean "not known" in most columns and are a finding in some."""

PAIRS = (
    ("yes", "no"),
    ("y", "n"),
    ("true", "false"),
    ("1", "0"),
    ("checked", "unchecked"),
    ("present", "absent"),
    ("positive", "negative"),
    ("pos", "neg"),
    ("dead", "alive"),
    ("deceased", "alive"),
    ("deceased", "living"),
    ("died", "alive"),
    ("1:deceased", "0:living"),
    ("1:dead", "0:alive"),
    ("1:recurred/progressed", "0:diseasefree"),
    ("1:recurred", "0:diseasefree"),
    ("1:progression", "0:censored"),
    ("1:progressed", "0:censored"),
    ("recurred", "diseasefree"),
    ("tot", "lebt"),
    ("verstorben", "lebend"),
    ("ja", "nein"),
    ("oui", "non"),
    ("si", "no"),
    ("weiblich", "mannlich"),
    ("female", "male"),
    ("f", "m"),
)
"""Value that becomes 1 and value that becomes 0, in small letters."""

DEATH_PAIRS = frozenset(
    {
        *(("dead", "alive"), ("deceased", "alive"), ("deceased", "living"), ("died", "alive"), ("tot", "lebt")),
        *(("1:deceased", "0:living"), ("1:dead", "0:alive"), ("verstorben", "lebend")),
    }
)
SEX_PAIRS = frozenset({("female", "male"), ("f", "m")})

RANKS = (
    ("minimal", "mild", "moderate", "severe", "life-threatening"),
    ("very low", "low", "intermediate", "medium", "moderate", "high", "very high"),
)
"""Words that have an order."""


def _phrases(text: str) -> re.Pattern[str]:
    """Compile phrases with commas between them into a pattern of whole words; `*` is the rest of a word.

    They are matched against a header in words (`multimodal.clinical.headers.in_words`): small letters, no accents, a
    blank between each two. English, German, French, Spanish.
    """
    phrases = [" ".join(phrase.split()) for phrase in text.split(",")]
    return re.compile("|".join(_bounded(phrase.replace("*", r"\w*")) for phrase in phrases if phrase))


def _bounded(phrase: str) -> str:
    return rf"{phrase}\b" if phrase.startswith("^") else rf"\b{phrase}\b"


IDENTIFYING = _phrases("""
    *name, *names, initials, maiden, kin, guardian, spouse, phone*, telephone*, fax*, mobile, pager, cell
    (no|number), mail, e ?mail*, address*, street*, zip*, post ?(al )?codes?, post, postal, city, town, county,
    ssn, sin, social security, national id*, tax id, mrn, medical record, nhs, chi (no|number),
    (hospital|record|chart) (no|number|id), insurance, policy, medicare, medicaid,
    birth(date|day|place|town|city|name)?, dob, yob, born, accession, passport, licen[cs]e, vehicle, url,
    website, web, ip, photo, fingerprints?, signature, physicians?, doctors?, surgeons?, nurses?, clinician,
    radiologist, pathologist, oncologist, referrer, referring, operator, (free )?text, narrative, comments?,
    notes?, remarks?, memo, account, serial (no|number), geburt*, geb, gebdat, plz, postleitzahl, ort, wohnort,
    wohnsitz, stadt, strasse*, hausnummer, adresse, anschrift, telefon*, handy*, versicher*, kvnr, krankenkasse,
    *arzt, bemerkung*, kommentar*, freitext, notiz*, anmerkung*, nom, prenom, naissance, ddn, rue, ville,
    courriel, nir, medecin, commentaires?, remarques?, nombres?, apellidos?, nacimiento, direccion, calle,
    ciudad, codigo postal, telefono, correo, dni, nif, nss, medico, comentarios?, observacion(es)?
""")
"""Names of columns that hold what identifies a person, or free text that may."""

NAMES_A_THING = _phrases("""
    ^(user|file|gene|drug|site|trial|study|series|protocol|variable|column|regimen|agent|product|device)
    ?names?, ^(post|pre) ?(op|operative|surgery|treatment|treated|contrast|menopausal|therapy)*, ^post .+,
    ^(tumou?r|lesion|body|anatomic|anatomical) (name|address|site), ^birth (weight|order|control|defects?)
""")
"""Names that sound like a person's and are a thing's, or a time's."""

IDENTIFYING_VALUE = re.compile(r"@[\w-]+\.\w|^\+?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}$|^\d{3}-\d{2}-\d{4}$|https?://")

OUTCOME = _phrases("""
    *death*, dead*, died, deceas*, surviv*, survtime, surv( .*)?, vital (status|state), alive, living,
    mortality, *recur*, relaps*, *progress*, follow ?up*, fup?, futime, fustat, last
    (known|contact|seen|visit|follow*|date|news|alive), outcome*, *censor*, time to, tte, events?$, event
    (status|indicator|type|free|time|date|observed), (os|pfs|dfs|rfs|dss|efs|css|lfs|mfs)[0-9]?, ttp, ttr, dmfs,
    lrfs, dfi, pfi, ttf, disease (free|specific), failure, cause of, pcr, rcb, complete response, best response,
    recist, los, length of stay, metastas[ie]s (free|at follow|date|time), (new|second) (tumou?r|primary) event,
    days to (death|last|recur|progress|new)*, ^(time|status|stat|days|months|(event|time)
    (status|days|months)|status time)$, tod, todes*, sterbe*, verstorb*, gestorb*, *uberleb*, rezidiv*,
    nachbeobacht*, verlauf*, letzter kontakt, deces, decede, survie*, recidive, rechute, suivi, vivant,
    dernieres? nouvelles, muerte, fallec*, supervivencia, recaida, recidiva, seguimiento, exitus, ultimo
    contacto
""")
"""What becomes known last. A name that leaves it open whether it does (`time`, `status`) counts as late."""

POST_TREATMENT = re.compile(
    r"treat|chemo|radiation|radiother|adjuvant|therap|\bdrug|\bdose|regimen|cycles|toxicit|adverse|complicat|"
    r"response|discharge|readmi|behandl|bestrahl|traitement|tratamiento"
)

SURGERY = re.compile(
    r"patholog|histolog|\bgrade\b|invasion|margin|resect|surg|operat|mutation|transloc|rearrang|\b(egfr|kras|alk|ros 1|"
    r"braf|pd l ?1|her 2)\b|biops|specimen|lymph node|\bp[tnm]\b"
)

DIAGNOSIS = re.compile(r"\b(age|alter|edad)\b(?! of )")
"""What is known from the beginning whatever else the name says (`Age at Histological Diagnosis`)."""

RANKED_NAME = re.compile(r"\b(stage|grade|score|class|ecog|asa|level|degree|severity)\b")
BEGINNING = re.compile(r"baseline|enrol|consent|diagnos|\bct\b|scan|imaging|visit|admission|inclusion")
DAYS_TO_SURGERY = re.compile(r"\bdays?\b.*(surg|resect|operat)")
ID_NAME = re.compile(r"\b(case|patient|subject|participant|sample|person|study)? ?(id|no|number|code|key|bcode)\b")

NOT_ASSESSED = re.compile(r"^[pcyra]*[TNMGRLV][Xx]$")
"""TNM's word for what could not be assessed; no level, least of all the highest."""

TNM = re.compile(r"^[pcyra]*[TNMG](is|a|X|x|\d)")

UNITS: tuple[tuple[re.Pattern[str], str, float], ...] = (
    (re.compile(r"\b(lbs?|pounds?)\b", re.I), "kg", 0.45359237),
    (re.compile(r"\b(in|inch(es)?)\b(?=\))", re.I), "cm", 2.54),
    (re.compile(r"\bpack.?years?\b", re.I), "pack-years", 1),
    (re.compile(r"\bdays?\b", re.I), "days", 1),
    (re.compile(r"\bweeks?\b", re.I), "weeks", 1),
    (re.compile(r"\bmonths?\b", re.I), "months", 1),
    (re.compile(r"\b(years?|yrs?|age|jahre?|alter|edad|anos|ans)\b", re.I), "years", 1),
    (re.compile(r"\bkg\b", re.I), "kg", 1),
    (re.compile(r"\bcm\b", re.I), "cm", 1),
    (re.compile(r"\bmm\b", re.I), "mm", 1),
    (re.compile(r"\bml\b", re.I), "mL", 1),
    (re.compile(r"%|percent", re.I), "%", 1),
    (re.compile(r"\bbmi\b|kg/m", re.I), "kg/m2", 1),
)
"""What a column's name says of its unit: pattern, unit of the feature, and the factor that leads there."""

DATE_FORMATS = ("%m/%d/%Y", "%d/%m/%Y", "%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y")
