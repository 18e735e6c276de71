"""An HTTPS proxy by which unmodified clients reach a server on this machine under another host's name."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer


class Tunnel:
    """Connects `CONNECT <host>:443` of the hosts in `ports` to the port on 127.0.0.1, refuses all others.

    Attributes:
        url: for a client's proxy setting or `HTTPS_PROXY`.
        asked: the addresses that were asked for, allowed or not.
    """

    def __init__(self, ports: dict[str, int]) -> None:
        self.ports = ports
        self.asked: list[str] = []
        self._server = ThreadingTCPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @contextmanager
    def running(self) -> Iterator[Tunnel]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            self._server.server_close()
            thread.join()

    def _handler(self) -> type[StreamRequestHandler]:
        tunnel = self

        class Handler(StreamRequestHandler):
            disable_nagle_algorithm = True  # half a TLS record would wait 40 ms for an acknowledgement

            def handle(self) -> None:
                words = self.rfile.readline().decode("ascii").split()
                while self.rfile.readline().strip():
                    pass
                address = words[1] if words[:1] == ["CONNECT"] else ""
                tunnel.asked.append(address)
                host, _, port = address.partition(":")
                if port != "443" or host not in tunnel.ports:
                    self.wfile.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
                    return
                with socket.create_connection(("127.0.0.1", tunnel.ports[host])) as server:
                    server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    back = threading.Thread(target=_pump, args=(server, self.connection), daemon=True)
                    back.start()
                    _pump(self.connection, server)
                    back.join()

        return Handler


def _pump(source: socket.socket, target: socket.socket) -> None:
    """Copy until the source ends, then let the target know."""
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return
