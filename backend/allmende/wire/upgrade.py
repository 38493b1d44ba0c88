"""A connection that becomes a WebSocket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from allmende.wire.connection import Connection


def handed_over(connection: Connection) -> bool:
    """From here on uvicorn's WebSocket protocol has the connection; it reads the handshake once more.

    Not where it does not take this for a handshake, of which it says nothing.
    """
    config, server = connection.config, connection.server
    lines = [connection.parser.get_method() + b" " + connection.url + b" HTTP/1.1"]
    lines += [name + b": " + value for name, value in connection.headers]
    socket: Any = config.ws_protocol_class
    protocol = socket(config=config, server_state=server, app_state=connection.app_state)
    protocol.connection_made(connection.transport)
    protocol.data_received(b"\r\n".join([*lines, b"", b""]))
    server.connections.discard(connection if protocol.handshake_initiated else protocol)
    if not protocol.handshake_initiated:
        return False
    connection.transport.set_protocol(protocol)
    if connection.timer is not None:
        connection.timer.cancel()
    return True
