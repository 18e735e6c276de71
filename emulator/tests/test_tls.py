"""Certificates: an authority that can speak for this machine only, and one in memory for Microsoft's names."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from orgcal_emulator.launch import own_hosts
from orgcal_emulator.server import RunningEmulator
from orgcal_emulator.tls import MICROSOFT_NAMES, issue_leaf, new_authority, server_context


def handshake(server: ssl.SSLContext, ca_pem: str, name: str) -> None:
    """Two ends in memory; raises what the client would."""
    client = ssl.create_default_context(cadata=ca_pem)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    left = client.wrap_bio(to_client, to_server, server_hostname=name)
    right = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for end in (left, right):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue


def test_authority_speaks_for_localhost() -> None:
    authority = new_authority()
    handshake(server_context(issue_leaf(authority)), authority.cert_pem.bytes().decode(), "localhost")


@pytest.mark.parametrize("name", ["graph.microsoft.com", "example.com", "login.microsoftonline.com"])
def test_authority_cannot_speak_for_another_name(name: str) -> None:
    authority = new_authority()
    with pytest.raises(ssl.SSLCertVerificationError, match="subtree"):
        handshake(server_context(issue_leaf(authority, (name,))), authority.cert_pem.bytes().decode(), name)


def test_microsofts_names_are_served_by_a_second_authority_when_asked(
    start_emulator: Callable[..., RunningEmulator],
) -> None:
    emulator = start_emulator(names=True)
    names_ca = Path(emulator.ready["ca_file"]).with_name("names-ca.pem")
    for name in MICROSOFT_NAMES:
        trust = ssl.create_default_context(cafile=names_ca)
        with (
            socket.create_connection(("127.0.0.1", emulator.ready["port"])) as plain,
            trust.wrap_socket(plain, server_hostname=name) as connection,
        ):
            connection.sendall(f"GET /v1.0/users HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
            assert b" 401 " in connection.recv(4096).split(b"\r\n")[0]
    trust = ssl.create_default_context(cafile=emulator.ready["ca_file"])
    with (
        socket.create_connection(("127.0.0.1", emulator.ready["port"])) as plain,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        trust.wrap_socket(plain, server_hostname="graph.microsoft.com")


@pytest.mark.parametrize(
    ("port", "hosts"), [(443, {"localhost:443", "localhost"}), (8443, {"localhost:8443"}), (44, {"localhost:44"})]
)
def test_hosts_answered_to_lack_their_port_only_where_clients_leave_it_out(port: int, hosts: set[str]) -> None:
    assert own_hosts(["localhost"], port) == hosts


def test_microsofts_names_are_not_served_unless_asked(emulator: RunningEmulator) -> None:
    assert not Path(emulator.ready["ca_file"]).with_name("names-ca.pem").exists()
    trust = ssl.create_default_context(cafile=emulator.ready["ca_file"])
    with (
        socket.create_connection(("127.0.0.1", emulator.ready["port"])) as plain,
        trust.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(b"GET /v1.0/users HTTP/1.1\r\nHost: graph.microsoft.com\r\n\r\n")
        assert b" 421 " in connection.recv(4096).split(b"\r\n")[0]
