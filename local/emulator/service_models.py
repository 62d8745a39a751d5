"""botocore's service models, read once: every session lists 400 services and reads what it needs anew (`laptop-14`).

The emulator makes a session for each service that answers, and `aws.client` one for each role that writes. A client
of theirs takes 0.1 s of a processor, and a tenth of that with a loader that all share.

Seam: `botocore.session.create_loader`, which makes a session's loader; what it reads depends on its search path alone.
"""

from functools import cache

import botocore.session


def install() -> None:
    """Give all sessions of a search path one loader."""
    botocore.session.create_loader = cache(botocore.session.create_loader)
