"""A PostgreSQL server whose answer to one COMMIT is lost on the way, as when it fails over at that moment."""

from __future__ import annotations

import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.postgresql import PostgresqlServer

_SOCKET = ".s.PGSQL.5432"


@dataclass
class LossyConnections:
    """Connections to a server, by a socket in `folder`.

    Attributes:
        lose_next: the answer to the next COMMIT is lost, and the connection with it.
        refuse: new connections are refused, as long as the server that failed over is away.
        lost: set when an answer was lost.
    """

    folder: Path
    target: Path
    lose_next: bool = False
    refuse: bool = False
    lost: threading.Event = field(default_factory=threading.Event)

    def url(self, database_url: str) -> str:
        """The address of a database through here."""
        return database_url.replace(str(self.target.parent), str(self.folder))

    def serve(self, listening: socket.socket) -> None:
        """Forward every connection until the socket is closed."""
        while True:
            try:
                client, _ = listening.accept()
            except OSError:
                return
            if self.refuse:
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self.target))
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
            threading.Thread(target=_copy, args=(server, client), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                lose = self.lose_next and b"COMMIT" in data
                if lose:
                    self.lose_next = False
                    client.shutdown(socket.SHUT_WR)  # the server does it, and nobody hears of that
                server.sendall(data)
                if lose:
                    self.lost.set()
                    break
        for each in (client, server):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR if each is client else socket.SHUT_WR)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for each in (source, target):
        each.close()


@contextmanager
def lossy_connections(server: PostgresqlServer) -> Iterator[LossyConnections]:
    """A way to `server` that can lose an answer."""
    with tempfile.TemporaryDirectory(prefix="orgcal-lossy-") as folder, socket.socket(socket.AF_UNIX) as listening:
        connections = LossyConnections(Path(folder), server.folder / _SOCKET)
        listening.bind(f"{folder}/{_SOCKET}")
        listening.listen()
        thread = threading.Thread(target=connections.serve, args=(listening,), daemon=True)
        thread.start()
        try:
            yield connections
        finally:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()
            thread.join(10)
