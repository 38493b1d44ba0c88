"""WebSockets are uvicorn's; here is what keeps a hostile client from filling the memory or the time of a worker.

The frames of one message may be empty and without number, each costs the parser more than its sender, and neither pings
nor what has begun and does not end are seen by the application.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from allmende.wire.connection import Connection
from allmende.wire.rules import Rules
from allmende.wire.waiting import Waiting

SLICE = 2_048
"""Bytes that are parsed before it is asked again whether there are too many frames."""
TOO_MANY = 1008
"""Close code: against the rules (RFC 6455 § 7.4.1)."""


class WebSocket(WebSocketsSansIOProtocol):
    """Made for each connection that has asked to become one."""

    rules: ClassVar[Rules] = Rules()
    unread: ClassVar[Waiting] = Waiting(rules.unread_messages)
    untaken: ClassVar[Waiting] = Connection.untaken

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.second, self.seen = 0, 0
        """Frames of that second of the loop's time."""
        self.late: asyncio.TimerHandle | None = None
        """Ends the connection unless the client takes what waits for it."""

    def data_received(self, data: bytes) -> None:
        for start in range(0, len(data), SLICE):
            if self.transport.is_closing() or self.seen > self.rules.frames:
                return
            super().data_received(data[start : start + SLICE])
        self.unread.put(self, len(self.conn.reader.buffer) + (self.conn.current_size or 0))

    def handle_events(self) -> None:
        second = int(self.loop.time()) if self.seen <= self.rules.frames else self.second
        if second != self.second:
            self.second, self.seen = second, 0
        self.seen += len(self.conn.events)
        super().handle_events()
        if self.seen > self.rules.frames and not self.close_sent:
            self.conn.send_close(TOO_MANY, f"more than {self.rules.frames} frames in a second")
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self.queue.put_nowait({"type": "websocket.disconnect", "code": TOO_MANY})
            # Not at once: a client that still sends would get an error instead of this word.
            self.close_timer = self.loop.call_later(self.rules.goodbye, self.transport.abort)

    async def run_asgi(self) -> None:
        await super().run_asgi()
        self._expect()  # what was said last, and the goodbye

    def pause_writing(self) -> None:
        super().pause_writing()
        self.untaken.put(self, self.transport.get_write_buffer_size())
        self._expect()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._relieve()

    def connection_lost(self, exc: Exception | None) -> None:
        self._relieve()
        self.unread.put(self, 0)
        self.frames, self.conn.reader.buffer = [], bytearray()  # the rest is a circle, which is collected much later
        super().connection_lost(exc)

    def _expect(self) -> None:
        if self.late is None:
            self.late = self.loop.call_later(self.rules.seconds, self.transport.abort)

    def _relieve(self) -> None:
        self.untaken.put(self, 0)
        if self.late is not None:
            self.late.cancel()
            self.late = None
