"""Vocabulary of clinical columns (`words.yaml` and patterns): what their values and some names usually mean."""

import re
from itertools import product
from pathlib import Path

import yaml

from multimodal.clinical.headers import AGE

_WORDS = yaml.safe_load(Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8"))


def _tuples(key: str) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(row) for row in _WORDS[key])


NOT_KNOWN, NOT_KNOWN_HERE = frozenset(_WORDS["not_known"]), frozenset(_WORDS["not_known_here"])
DEATH_PAIRS, VITAL = frozenset(product(_WORDS["dead"], _WORDS["living"])), {*_WORDS["dead"], *_WORDS["living"]}
PAIRS, RANKS = (*_tuples("pairs"), *sorted(DEATH_PAIRS)), _tuples("ranks")
SPELLINGS = tuple((tuple(ones), tuple(zeros)) for ones, zeros in _WORDS["spellings"])
DEAD, LIVING = ({*_WORDS[kind], *_WORDS[f"{kind}_codes"]} for kind in ("dead", "living"))
LOST = frozenset(_WORDS["lost"])
SUMMARIES = frozenset(_WORDS["summaries"])
SEX_PAIRS = frozenset(_tuples("sex_pairs"))


ENDS = tuple(map(frozenset, _WORDS["ends"]))

PLACE = re.compile(
    r"\d{5}-\d{3,4}|\d{4}-\d{3}|\d{4} ?[A-Z]{2}|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|\d{1,3}(?:\.\d{1,3}){3}"
)
"""Postcodes that have more than digits, and addresses of computers."""

STREET = re.compile(
    r"\d{1,5}[A-Za-z]?,? [^\W\d_][^\d ]{1,30} [^\d]{2,40}|[^\d]{0,40}[^\W\d_]{4}[^\d]{0,20} \d{1,4} ?[a-zA-Z]?"
)
"""A number and a street, or a street and a number; a column of them hardly has one twice."""

SURGERY = re.compile(
    r"\bpath\b|patholog|histolog|\bgrade\b|invasion|margin|resect|surg|operat|mutation|transloc|rearrang|"
    r"\b(egfr|kras|alk|ros 1|braf|pd l ?1|her 2)\b|^op( ?(datum|tag|date|day))?$|biops|specimen|lymph node|"
    r"\by?p ?(tnm|[tnm])\b|residual|^op (?!no\b|nr\b|number|id\b)[a-z]"
)

RANKED_NAME = re.compile(r"\b(stage|grade|score|class|ecog|asa|level|degree|severity)\b")
BEGINNING = re.compile(r"baseline|enrol|consent|diagnos|\bct\b|scan|imaging|visit|admission|inclusion")
DAYS_TO_SURGERY = re.compile(r"\bdays?\b.*(surg|resect|operat)")
ID_NAME = re.compile(
    r"\b(case|patient|subject|participant|sample|person|study)? ?(id|no|number(?! of)|code|key|bcode)\b|"
    r"\b(u?subj|pt|p|e)id\b"
)

CASE_NAME = re.compile(
    r"\b(case|patient|subject|participant|record|person|fall|patienten|pat|subj|paciente|paziente|probanden?|teilnehmer)"
    r"( submitter| study)? ?(id|no|nr|num|number|nummer|code|b(ar)?code|identifier)\b|"
    r"\bpt (id|no|nr|number)\b|\b(u?subj|p)id\b|\bpseudonym\b"
)
SEX_NAME = re.compile(
    r"\b(sex|gender|geschl(echt)?|sexe|sexo|sesso|geslacht|gesl|genre|genero|kon|kjonn|koen|sukupuoli|plec|pohlavi)\b|"
    r"^m w( d)?$"
)
REDCAP = frozenset({"redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"})

NOT_ASSESSED = re.compile(r"^[pcyra]*[TNMGRLV][Xx]$")
"""TNM's word for what could not be assessed; no level, least of all the highest."""

TNM = re.compile(r"^[pcyra]*[TNMGLVR](is|a|X|x|\d)")

UNKNOWN = re.compile(
    r"((unk|unknown)\b(?! (primary|origin))|(n/a|not (applicable|available))\b).{0,30}|"
    r".{0,30}\b((unk|unknown)|not (known|stated|recorded|staged))"
)
"""Longer words for what is not known: `Unknown/not stated`, `UNK Stage`, `stage unknown`."""

NOTHING = re.compile(r"\.[a-z_]|#(n/?[adv]|[^\W\d_]+(/0)?[!?])|'?[-–—.?…_/\\]+")
"""Cells that say nothing in any table: SAS's `.N`, errors of spreadsheets, GDC's `'--` and other signs alone."""

SPREADSHEET_INTERVAL = re.compile(r"\d{1,2}[-. ]+[^\W\d]{3}\.?|[^\W\d]{3}[- ]\d{2}")
"""What a spreadsheet makes of `1-3`: `1-Mar`, `01. Mrz`, `Mar-01`."""

STAIN = re.compile(r"\(?\+{1,4}\)?|\+/-|0|[1-4]\+|neg\w*|pos\w*|[-–—]", re.IGNORECASE)
"""Grades of a stain; a minus beside them is a finding."""

UNITS: tuple[tuple[re.Pattern[str], str, float], ...] = (
    (re.compile(r"\b(lbs?|pounds?)\b", re.I), "kg", 0.45359237),
    (re.compile(r"\bin\b(?=\))|\b(inch|inches)\b", re.I), "cm", 2.54),
    (re.compile(r"\bpack.?years?\b", re.I), "pack-years", 1),
    (re.compile(r"\bbmi\b|kg ?/ ?m", re.I), "kg/m2", 1),
    (re.compile(r"\b(days?|tag(e|en)?|jours?|dias?|giorni|dag(en|ar|e|er))\b", re.I), "days", 1),
    (re.compile(r"\b(weeks?|wks?|wochen?|semaines?|semanas?|settimane|weken)\b", re.I), "weeks", 1),
    (re.compile(r"\b(months?|mths?|mos?|monate?n?|mois|mes(es)?|mesi|maanden)\b", re.I), "months", 1),
    (
        re.compile(rf"\b(years?|yrs?|jahre?|anos|anni|ans|annees|jaar|jaren)\b|{AGE.pattern}", re.I),
        "years",
        1,
    ),
    (re.compile(r"\bkg\b", re.I), "kg", 1),
    (re.compile(r"\bcm\b", re.I), "cm", 1),
    (re.compile(r"\bmm\b", re.I), "mm", 1),
    (re.compile(r"\bml\b", re.I), "mL", 1),
    (re.compile(r"%|percent", re.I), "%", 1),
)
"""What a column's name says of its unit: pattern, unit of the feature, and the factor that leads there."""

RATE = re.compile(
    r"(\b([mkµunp]?g|m?l|[mc]m|i?u|[mµunp]?mol|cells?|cig\w*|drinks?|packs?|units?)|\d) ?/ ?[\wµ]|"
    r"\b(per|pro|par|por)\b|"
    r"\b([mkunp]?g|i?u|[munp]?mol|cells?) ([mdu]?l|[mc]m|kg)\b|\bml min\b|\bmm hr?\b",
    re.IGNORECASE,
)
"""A unit of several, such as mg/l, of which a single one would be wrong; `Weight / kg` is none."""

TNM_NAME = re.compile(r"^[pcyra]*[TNM]([ _.-]?(stage|stadium|stade|category|kategorie|classification))?$")

DATE_FORMATS = (
    *("%m/%d/%Y", "%d/%m/%Y", "%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y", "%Y.%m.%d", "%Y%m%d"),
    *("%d%m%Y", "%m%d%Y"),
    *("%d%b%Y", "%d-%b-%Y", "%d %b %Y", "%d. %b %Y", "%d/%b/%Y", "%b %d, %Y", "%b %d %Y", "%Y-%b-%d"),
    *(
        "%m/%d/%y",
        "%d/%m/%y",
        "%d.%m.%y",
        "%d-%m-%y",
        "%m-%d-%y",
        "%y-%m-%d",
        "%d%b%y",
        "%d-%b-%y",
        "%d %b %y",
        "%d/%b/%y",
    ),
)
INCOMPLETE_DATE = re.compile(
    r"(?:19|20)\d\d(?:[-/.](?:0?[1-9]|1[0-2]))?|(?:0?[1-9]|1[0-2])[-/.](?:19|20)\d\d|"
    r"(?P<month>[^\W\d_]{3,10})\.?[-/ ]+\d{2,4}|"
    r"(?:Q[1-4]|[1-4]Q)[-/ ]?(?:19|20)?\d\d|(?:19|20)\d\d[-/ ]?(?:Q[1-4]|W\d\d)|"
    r"(?:(?:00|UNK?|XX|\?\?|--)[-/. ]){1,2}(?:\d\d?[-/. ]|[A-Z]{3}[-/. ])?(?:19|20)\d\d|"
    r"(?:19|20)\d\d(?:[-/.]\d\d)?(?:[-/.](?:00|UNK?|XX|\?\?|--)){1,2}",
    re.IGNORECASE,
)
"""A year, perhaps with a month, a quarter or a week, and nothing or a placeholder for the day."""

YEAR_NAME = re.compile(r"\b(years?|yrs?|jahr|annee|ano|anno|jaar)\b")
DATE_NAME = re.compile(r"\b(date|datum|fecha|dt|dates?|tag)\b|datum\b")
UNIT_CELL = re.compile(
    r"^[(\[]?(?:years?|yrs?|y|a|jahre?|yes/no|y/n|ja/nein|0/1|months?|weeks?|days?|kg|lbs?|cm|mm|m|ml|%|mg|g|u|iu|[µmunp]?g/[dm]?l|m?mol/l|mmhg|kg/m2|kg/m²|"
    r"x?10\^?\d/l|/min|bpm|string|number|numeric|text|char|date|integer|float|boolean|units?|einheit)[)\]]?$",
    re.IGNORECASE,
)
"""A cell of a row below the header that says the columns' units or types."""

TIME_UNITS = {
    word: unit
    for unit, words in {
        "days": "d day days tag tage jour jours dia dias giorni dagen",  # codespell:ignore
        "weeks": "w wk wks week weeks woche wochen semana semanas settimane weken",
        "months": "m mo mos mon month months monat monate mois mes meses mth mths mesi maanden",
        "years": "y yr yrs year years jahr jahre an ans ano anos anni jaar jaren",
    }.items()
    for word in words.split()
}
"""How a cell spells a unit of time → the unit."""

CENSORING = re.compile(r"\b(cens|cnsr|censor(ed|ing|ship)?|censure|censurado|zensiert|zensur)\b")
CENSORED = re.compile(r"\b(cnsr|censored|censure|censurado|zensiert)\b")
NO_EVENT = re.compile(
    r"\b(alive|living|survived|survivors?|lebt|lebend|am leben|vivante?|vivo|viva|in vita|uberlebt|survecu)\b|"
    r"\b(free|frei)$|(year|yr|month|mo|day|hospital|icu|jahres?) (survival|uberleben)\b|"
    r"\b(survival|uberleben|survie|supervivencia|sopravvivenza|sobrevida) ?(a|at|to|nach|after|till)?\b ?\d"
)
"""What a column of those without an event is called; of codes, `Yes` and 1 are then no event."""

SURVIVAL = re.compile(r"\b(survival|uberleben|survie|supervivencia|sopravvivenza|sobrevida|overleving)\b")
SAYS_YES = frozenset({"1", "y", "yes", "true", "t", "ja", "oui", "si", "sim", "censored", "zensiert"})
"""What a column that is called "censored" or "alive" says of a case without an event."""
