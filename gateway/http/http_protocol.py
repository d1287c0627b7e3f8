"""HTTP/1.1 protocol of the server: uvicorn's, with deadlines for clients that send or read nothing."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# A connection on which no request begins, or whose request line and headers are not complete, is closed after this
# time. After a response, uvicorn's longer timeout applies until the client sends again.
HEADER_SECONDS = 10.0


class TimedHttpProtocol(HttpToolsProtocol):
    """Closes a connection whose headers do not arrive, or whose response is not read.

    A request that arrives as a whole costs no timer.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._header_timer: asyncio.TimerHandle | None = None
        self._in_headers = False
        self._is_websocket = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Wait for the first request."""
        super().connection_made(transport)
        self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse data; wait for the rest of the headers if they are not complete."""
        super().data_received(data)
        is_served = self.cycle is not None and not self.cycle.response_complete
        if self._is_websocket or (is_served and not self._in_headers):
            self._stop_timer()
        elif self.timeout_keep_alive_task is None and self._header_timer is None:
            self._start_timer()

    def on_message_begin(self) -> None:
        """Note the start of a request."""
        self._in_headers = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note the end of the headers."""
        self._in_headers = False
        super().on_headers_complete()

    def handle_websocket_upgrade(self) -> None:
        """Leave the connection to the protocol of WebSockets, which has deadlines of its own."""
        self._is_websocket = True
        super().handle_websocket_upgrade()

    def timeout_keep_alive_handler(self) -> None:
        """Close the idle connection, even if the client has not read its response."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _start_timer(self) -> None:
        self._header_timer = self.loop.call_later(HEADER_SECONDS, self._close)

    def _stop_timer(self) -> None:
        if self._header_timer is not None:
            self._header_timer.cancel()
            self._header_timer = None

    def _close(self) -> None:
        self._header_timer = None
        if not self.transport.is_closing():
            self.transport.close()
