"""Users of a realm as our own client plays them: they sign in and change passwords, over sockets of their own."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from typing import TypeVar

from bossa.crypto.enctypes import Enctype, Key, string_to_key
from bossa.krb import client
from bossa.krb.client import Credential, Exchange, KdcSaid, Login, PasswordResult, Server, Setting, Wishes
from bossa.krb.errors import KrbCode
from bossa.krb.messages import KrbError
from bossa.krb.names import NameType, PrincipalName
from bossa.testing.domain import Domain
from bossa.testing.ports import SERVICES

T = TypeVar("T")
CHANGEPW = PrincipalName(NameType.SRV_INST, ("kadmin", "changepw"))
TIMEOUT = 5.0
# So many source ports reach each of two workers, but for one time in 65,000.
EVERY_WORKER = 17


@dataclass(frozen=True, slots=True)
class Person:
    """One user of a domain; raises TimeoutError and OSError when the server is gone."""

    domain: Domain
    name: str
    timeout: float = TIMEOUT

    def sign_in(self, password: str, service: PrincipalName | None = None, *, tcp: bool = False) -> Credential:
        """Get a ticket-granting ticket, or an initial one for a service; raises KdcSaid."""
        login = Login(PrincipalName.parse(self.name), self.domain.realm, self.keys(password))
        wishes = Wishes(etypes=(Enctype.AES256_SHA1,), service=service)
        return self.carry_out(client.authenticate(login, wishes, _setting()), tcp=tcp)

    def knows(self, password: str) -> bool:
        """Tell whether a password is the account's; raises KdcSaid for anything else that is in the way."""
        try:
            self.sign_in(password)
        except KdcSaid as said:
            if said.code != KrbCode.PREAUTH_FAILED:
                raise
            return False
        return True

    def knows_everywhere(self, password: str) -> set[bool]:
        """Return what all workers say to a password."""
        return {self.knows(password) for _ in range(EVERY_WORKER)}

    def ticket(self, held: Credential, service: str, *, tcp: bool = False) -> Credential:
        """Get a ticket for a service; raises KdcSaid."""
        named = PrincipalName.parse(service, NameType.SRV_INST)
        return self.carry_out(client.service_ticket(held, named, Wishes(), _setting()), tcp=tcp)

    def change_password(self, old: str, new: str, *, tcp: bool = False) -> PasswordResult:
        """Change the password, which takes a ticket for that; raises KdcSaid."""
        held = self.sign_in(old, CHANGEPW)
        return self.carry_out(client.change_password(held, new, _setting()), tcp=tcp)

    def keys(self, password: str) -> tuple[Key, ...]:
        """Return the key of a password, by the salt that a new account has."""
        salt = f"{self.domain.realm}{self.name}".encode()
        return (string_to_key(Enctype.AES256_SHA1, password.encode(), salt),)

    def carry_out(self, exchange: Exchange[T], *, tcp: bool = False) -> T:
        """Drive an exchange, from a new port for each message."""
        reply: bytes | None = None
        while True:
            try:
                ask = next(exchange) if reply is None else exchange.send(reply)
            except StopIteration as done:
                return done.value  # type: ignore[no-any-return]
            service = "kpasswd" if ask.server is Server.PASSWORDS else "kdc"
            reply = self._exchange(ask.message, self.domain.port_base + SERVICES[service], tcp=tcp)

    def _exchange(self, message: bytes, port: int, *, tcp: bool) -> bytes:
        if not tcp:
            reply = self.datagram(message, port)
            if reply[:1] != b"\x7e" or KrbError.decode(reply).error_code != KrbCode.RESPONSE_TOO_BIG:
                return reply
        with socket.create_connection((self.domain.address, port), self.timeout) as stream:
            stream.sendall(len(message).to_bytes(4, "big") + message)
            with stream.makefile("rb") as file:
                size = int.from_bytes(file.read(4), "big")
                reply = file.read(size)
        if not size or len(reply) < size:
            raise EOFError("the connection ended within a reply")
        return reply

    def datagram(self, message: bytes, port: int) -> bytes:
        """Send a datagram from a new port and return the answer."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(self.timeout)
            sock.connect((self.domain.address, port))
            sock.send(message)
            return sock.recv(65535)


def _setting() -> Setting:
    return Setting(time.time(), os.urandom)
