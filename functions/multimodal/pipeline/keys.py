"""What an object key means. Only this, ``genomics_keys`` and ``clinical_keys`` know the layout of uploads."""

from collections.abc import Callable

from multimodal.clinical.keys import parse_clinical_key
from multimodal.genomics.keys import parse_genomics_key
from multimodal.imaging.uploads import COHORT_NAME, _parse_imaging
from multimodal.ledger.unit import Modality, unit_of_result
from multimodal.ledger.upload_key import (
    SEGMENT_RULE,
    KeyKind,
    UploadKey,
    is_safe_segment,
    safe_dataset,
)

__all__ = ["COHORT_NAME", "KeyKind", "UploadKey", "parse_key", "unit_of_result"]


def parse_key(key: str) -> UploadKey:
    """Say what an uploaded key is.

    Parameters
    ----------
    key : str
        The raw (not URL-encoded) object key, as EventBridge carries it.

    Returns
    -------
    UploadKey
        ``REFUSED`` carries the problem in words; ``IGNORED`` is a folder marker or a companion file that downloads
        bring along (a licence, a metadata table).

    Examples
    --------
    >>> parse_key("imaging/nsclc/R01-001/1.2.3/series/1-01.dcm").unit
    Unit(dataset='nsclc', subject='R01-001', study='1.2.3')
    """
    if key.endswith("/"):
        return UploadKey(KeyKind.IGNORED)
    segments = key.split("/")
    if segments[0] not in set(Modality):
        return UploadKey(KeyKind.REFUSED, problem="the key starts with none of imaging/, genomics/ and clinical/")
    if not all(is_safe_segment(s) for s in segments[1:]):
        return UploadKey(KeyKind.REFUSED, safe_dataset(segments), problem=SEGMENT_RULE, modality=segments[0])
    return _PARSERS[segments[0]](segments)


_PARSERS: dict[str, Callable[[list[str]], UploadKey]] = {
    Modality.IMAGING: _parse_imaging,
    Modality.GENOMICS: parse_genomics_key,
    Modality.CLINICAL: parse_clinical_key,
}
