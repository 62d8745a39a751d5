"""Files of Iceberg tables in the emulator's S3: what pyiceberg reads and writes metadata through.

What is written is written with a role's permissions and under a key, where a table has them: Feature Store writes with
the role of the feature group. pyiceberg's own readers need pyarrow, which is 170 MB and otherwise of no use here.
"""

import errno
import io
import os
import shutil
from pathlib import Path
from typing import Any

from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream
from pyiceberg.typedef import Properties

from local.emulator.aws import ACCOUNT, client, split_uri
from local.emulator.iam import role_credentials

ROLE, KEY = "role-arn", "kms-key-id"
"""Properties of a catalogue: who writes, and under which key."""


class S3Files(FileIO):  # type: ignore[misc]  # pyiceberg is in the emulator's environment alone
    """Objects of the emulator's S3 by their URI."""

    def __init__(self, properties: Properties) -> None:
        super().__init__(properties)
        self._role, self._key = properties.get(ROLE), properties.get(KEY)

    def new_input(self, location: str) -> InputFile:
        """Return an object to read."""
        return _Input(location)

    def new_output(self, location: str) -> OutputFile:
        """Return an object to write."""
        return _Output(location, self)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        """Delete an object with all its versions."""
        erase(location if isinstance(location, str) else location.location)

    def put(self, location: str, body: bytes) -> None:
        """Write an object."""
        writer = client("s3", role_credentials(self._role, "SageMaker")) if self._role else client("s3")
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": self._key} if self._key else {}
        bucket, key = split_uri(location)
        writer.put_object(Bucket=bucket, Key=key, Body=body, **encryption)


def erase(location: str) -> None:
    """Delete an object and every version of it: in a versioned bucket, a deletion alone leaves the bytes."""
    bucket, key = split_uri(location)
    s3 = client("s3")
    pages = s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=key)
    for page in pages:
        for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
            if version["Key"] == key:
                s3.delete_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])


class _Input(InputFile):  # type: ignore[misc]  # pyiceberg is in the emulator's environment alone
    def _head(self) -> dict[str, Any] | None:
        bucket, key = split_uri(self.location)
        s3 = client("s3")
        try:
            return dict(s3.head_object(Bucket=bucket, Key=key))
        except s3.exceptions.ClientError as error:
            if error.response["Error"]["Code"] in ("404", "NoSuchKey"):
                return None
            raise

    def __len__(self) -> int:
        return int((self._head() or {})["ContentLength"])

    def exists(self) -> bool:
        """Return whether there is such an object."""
        return self._head() is not None

    def open(self, seekable: bool = True) -> InputStream:
        """Read the object.

        Raises
        ------
        FileNotFoundError
            When there is none.
        """
        bucket, key = split_uri(self.location)
        s3 = client("s3")
        try:
            return io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        except s3.exceptions.NoSuchKey as error:
            raise FileNotFoundError(self.location) from error


class _Output(OutputFile):  # type: ignore[misc]  # pyiceberg is in the emulator's environment alone
    def __init__(self, location: str, files: S3Files) -> None:
        super().__init__(location)
        self._files = files
        self._written = 0

    def __len__(self) -> int:
        return self._written

    def exists(self) -> bool:
        """Return False: names of files carry a random part."""
        return False

    def to_input_file(self) -> InputFile:
        """Return the object to read."""
        return _Input(self.location)

    def create(self, overwrite: bool = False) -> OutputStream:
        """Return a stream whose content is stored when it is closed."""
        return _Stream(self)

    def store(self, body: bytes) -> None:
        """Write the object."""
        self._files.put(self.location, body)
        self._written = len(body)


class _Stream(io.BytesIO):
    def __init__(self, target: _Output) -> None:
        super().__init__()
        self._target = target

    def close(self) -> None:
        """Store what was written."""
        if not self.closed:
            self._target.store(self.getvalue())
        super().close()


def link(location: str, target: Path) -> Path:
    """Link an object of the emulator's S3 to a path of this computer, so that it stays while it is read.

    Seam: `ministack.services.s3._object_disk_path`.

    Raises
    ------
    FileNotFoundError
        When there is no such object.
    """
    from ministack.services import s3

    target.parent.mkdir(parents=True, exist_ok=True)
    path = s3._object_disk_path(*split_uri(location), ACCOUNT)
    try:
        os.link(path, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copyfile(path, target)  # another file system
    return target
