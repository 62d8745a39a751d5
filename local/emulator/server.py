"""HTTP: uvicorn with httptools and uvloop, which take half of hypercorn's processor time for a request (`laptop-11`).

An answer's headers leave with its body, in one write: who asked is woken once (`laptop-14`).

Seams:

- `hypercorn.asyncio.serve`, which ministack's `main` runs with its application and where to listen;
- `uvicorn.protocols.http.httptools_impl.RequestResponseCycle`, which writes one answer to its `transport`.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any

before_end: list[Callable[[], None]] = []
"""Called when the process is asked to end and still answers: what asks the emulator itself cannot do so later."""

_KEEP_ALIVE_SECONDS = 75
_LAST_SECONDS = 3
"""How long requests may take to end when the server is stopped; hypercorn's own value."""


def install() -> None:
    """Serve with uvicorn."""
    import uvloop
    from hypercorn import asyncio as hypercorn_asyncio

    uvloop.install()
    hypercorn_asyncio.serve = serve


async def serve(app: Any, config: Any) -> None:  # noqa: ANN401 -- the emulator has no types
    """Serve an application until the process is asked to end.

    Parameters
    ----------
    app : ASGI application
        ministack's.
    config : hypercorn.config.Config
        Its first address is taken; all else is said here.
    """
    import uvicorn
    from uvicorn.protocols.http import httptools_impl

    httptools_impl.RequestResponseCycle = written_at_once(httptools_impl.RequestResponseCycle)
    host, _, port = config.bind[0].rpartition(":")
    settings = uvicorn.Config(
        app,
        host=host,
        port=int(port),
        http="httptools",
        ws="none",
        proxy_headers=False,
        lifespan="on",
        log_level="warning",
        access_log=False,
        server_header=False,
        date_header=False,  # ministack's application has both where AWS has them
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_LAST_SECONDS,
    )

    server = uvicorn.Server(settings)
    shutdown = server.shutdown

    async def _shutdown(sockets: Any = None) -> None:  # noqa: ANN401
        for last in before_end:
            try:
                await asyncio.to_thread(last)
            except Exception:  # what else there is to save must be saved
                logging.getLogger(__name__).exception("not all was written before the end")
        await shutdown(sockets)

    server.shutdown = _shutdown
    await server.serve()


def written_at_once(cycle: Any) -> Any:  # noqa: ANN401 -- uvicorn is in the emulator's environment alone
    """Return uvicorn's class of one request and its answer, writing the answer's headers with its body."""

    class Cycle(cycle):  # type: ignore[misc]
        transport: Any

        async def send(self, message: Any) -> None:  # noqa: ANN401
            if message["type"] == "http.response.start" and self.scope["method"] != "HEAD":
                self.transport = _Together(self, self.transport)
            await super().send(message)

    return Cycle


class _Together:
    """A connection that keeps an answer's headers until the first part of its body.

    The headers of a body of unknown length leave at once: its first part may come much later.
    """

    def __init__(self, answer: Any, connection: Any) -> None:  # noqa: ANN401
        self._answer, self._connection, self._headers = answer, connection, b""

    def write(self, part: bytes) -> None:
        if not self._headers and not self._answer.chunked_encoding:
            self._headers = part
            return
        self._answer.transport = self._connection
        self._connection.writelines((self._headers, part))

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._connection, name)
