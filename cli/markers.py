"""Says of each study's folder, once the last of its files is in S3, that it is whole (docs/decisions.md#ledger-13)."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from threading import Lock

from cli.sources.files import SourceFile
from multimodal.ledger.listing import MAX_OBJECTS
from multimodal.ledger.unit import Modality
from multimodal.ledger.upload_key import MARKER_NAME, KeyKind
from multimodal.pipeline.arrivals import parse_key


class Markers:
    """Markers of the folders of an upload; asked after each file, by several threads.

    Parameters
    ----------
    there : iterable of str
        Keys of the raw bucket before the upload.
    missing : sequence of SourceFile
        What is uploaded, by keys of the raw bucket.
    """

    def __init__(self, there: Iterable[str], missing: Sequence[SourceFile]) -> None:
        self._lock = Lock()
        keys = {file.key for file in missing}
        self._missing = Counter(map(_folder_of, keys))
        # A marker among the user's own files is theirs, and says what they want it to say.
        for folder in {"", *(_folder_of(key) for key in keys if _is_marker(key))}:
            del self._missing[folder]
        self._objects = Counter(_folder_of(key) for key in keys.union(there) if not _is_marker(key))

    def after(self, key: str) -> tuple[str, bytes] | None:
        """Return key and content of the marker to put when this file is there, or None when more are to come."""
        folder = _folder_of(key)
        with self._lock:
            if folder not in self._missing:
                return None
            self._missing[folder] -= 1
            is_last = not self._missing[folder]
        objects = self._objects[folder]
        if not is_last or objects > MAX_OBJECTS:
            return None
        return folder + MARKER_NAME, json.dumps({"objects": objects}).encode()


def _folder_of(key: str) -> str:
    """Return the folder of the study that an object is in; empty for a zip, which is whole itself, and for others."""
    found = parse_key(key)
    is_part = found.kind in {KeyKind.OBJECT, KeyKind.MARKER} and found.modality == Modality.IMAGING
    return found.unit.folder if found.unit and is_part else ""


def _is_marker(key: str) -> bool:
    return key.endswith(f"/{MARKER_NAME}")
