"""From a subject key to its studies, for the requests that name subjects."""

from multimodal.domain.keys import parse_key
from multimodal.domain.reasons import Reason
from multimodal.domain.units import Status, Unit
from multimodal.domain.upload_key import KeyKind
from multimodal.ports import Ledger, ObjectStore


def studies_of(raw: ObjectStore, dataset: str, subject: str) -> list[Unit]:
    """Return the studies that lie under a subject's folder, whether as folders or as zips."""
    prefix = f"imaging/{dataset}/{subject}/"
    folders, objects = raw.folders(prefix)
    keys = [f"{prefix}{name}/object" for name in folders] + [prefix + name for name in objects]
    parsed = (parse_key(key) for key in keys)
    units = (p.unit for p in parsed if p.kind in {KeyKind.OBJECT, KeyKind.ARCHIVE})
    return list(dict.fromkeys(u for u in units if u is not None))


def note_subject_without_study(ledger: Ledger, dataset: str, subject: str) -> None:
    """Make a wish that names an unknown subject visible in the ledger."""
    message = f"nothing is uploaded under imaging/{dataset}/{subject[:128]}/; check the subject key and the dataset"
    changes = {
        "status": Status.QUARANTINED.value,
        "reason_code": Reason.SUBJECT_HAS_NO_STUDY.value,
        "reason_message": message,
    }
    ledger.note(Unit(dataset, subject[:128], "-"), changes)
