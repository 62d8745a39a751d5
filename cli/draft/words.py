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
        *("indeterminate", "cannot be determined", "nd"),
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
    ("female", "male"),
    ("f", "m"),
)
"""Value that becomes 1 and value that becomes 0, in small letters."""

DEATH_PAIRS = frozenset({("dead", "alive"), ("deceased", "alive"), ("deceased", "living"), ("died", "alive")})
SEX_PAIRS = frozenset({("female", "male"), ("f", "m")})

RANKS = (
    ("minimal", "mild", "moderate", "severe", "life-threatening"),
    ("very low", "low", "intermediate", "medium", "moderate", "high", "very high"),
)
"""Words that have an order."""

IDENTIFYING = re.compile(
    r"\b(name|surname|initials|phone|telephone|mobile|fax|e-?mail|address|street|zip|post(al)?\s?code|city|ssn|"
    r"social security|mrn|medical record|record (no|number)|insurance|birth|dob|born|accession|passport|licen[cs]e|"
    r"url|physician|doctor|surgeon|nurse|next of kin|comments?|notes?|remarks?)\b",
    re.IGNORECASE,
)
"""Names of columns that hold what identifies a person, or free text that may."""

IDENTIFYING_VALUE = re.compile(r"@[\w-]+\.\w|^\+?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}$|^\d{3}-\d{2}-\d{4}$|https?://")

OUTCOME = re.compile(
    r"death|\bdead\b|died|deceas|surviv|vital|alive|recur|relaps|progress|follow.?up|last (known|contact|seen|visit)|"
    r"outcome|censor|time to|\bevent\b|\b(os|pfs|dfs|rfs)\b|cause of",
    re.IGNORECASE,
)

POST_TREATMENT = re.compile(
    r"treat|chemo|radiation|radiother|adjuvant|therap|\bdrug|\bdose|regimen|cycles|toxicit|adverse|complicat|"
    r"response|discharge|readmi",
    re.IGNORECASE,
)

SURGERY = re.compile(
    r"patholog|histolog|\bgrade\b|invasion|margin|resect|surg|operat|mutation|transloc|rearrang|\b(egfr|kras|alk|ros1|"
    r"braf|pd-?l1|her2)\b|biops|specimen|lymph node|\bp[tnm]\b",
    re.IGNORECASE,
)

DIAGNOSIS = re.compile(r"\bage\b", re.IGNORECASE)
"""What is known from the beginning whatever else the name says (`Age at Histological Diagnosis`)."""

RANKED_NAME = re.compile(r"\b(stage|grade|score|class|ecog|asa|level|degree|severity)\b", re.IGNORECASE)
BEGINNING = re.compile(r"baseline|enrol|consent|diagnos|\bct\b|scan|imaging|visit|admission|inclusion", re.IGNORECASE)
DAYS_TO_SURGERY = re.compile(r"\bdays?\b.*(surg|resect|operat)", re.IGNORECASE)
ID_NAME = re.compile(r"\b(case|patient|subject|participant|sample|person|study)?[ _-]*(id|no|number|code|key)\b", re.I)

UNITS: tuple[tuple[re.Pattern[str], str, float], ...] = (
    (re.compile(r"\b(lbs?|pounds?)\b", re.I), "kg", 0.45359237),
    (re.compile(r"\b(in|inch(es)?)\b(?=\))", re.I), "cm", 2.54),
    (re.compile(r"\bpack.?years?\b", re.I), "pack-years", 1),
    (re.compile(r"\bdays?\b", re.I), "days", 1),
    (re.compile(r"\bweeks?\b", re.I), "weeks", 1),
    (re.compile(r"\bmonths?\b", re.I), "months", 1),
    (re.compile(r"\b(years?|yrs?|age)\b", re.I), "years", 1),
    (re.compile(r"\bkg\b", re.I), "kg", 1),
    (re.compile(r"\bcm\b", re.I), "cm", 1),
    (re.compile(r"\bmm\b", re.I), "mm", 1),
    (re.compile(r"\bml\b", re.I), "mL", 1),
    (re.compile(r"%|percent", re.I), "%", 1),
    (re.compile(r"\bbmi\b|kg/m", re.I), "kg/m2", 1),
)
"""What a column's name says of its unit: pattern, unit of the feature, and the factor that leads there."""

DATE_FORMATS = ("%m/%d/%Y", "%d/%m/%Y", "%Y-%m-%d", "%d.%m.%Y", "%Y/%m/%d", "%d-%m-%Y", "%m-%d-%Y")
