"""A client of the KDC without sockets: exchanges that yield what to ask and are sent the reply."""

from bossa.krb.client.ask import Ask, Exchange, KdcSaid, Server, Setting, Wishes
from bossa.krb.client.authenticate import Login, authenticate
from bossa.krb.client.password import PasswordResult, change_password
from bossa.krb.client.s4u import User, act_for, impersonate
from bossa.krb.client.service import forward, renew, service_ticket, ticket_to_realm, user_to_user
from bossa.krb.credential import Credential

__all__ = [
    "Ask",
    "Credential",
    "Exchange",
    "KdcSaid",
    "Login",
    "PasswordResult",
    "Server",
    "Setting",
    "User",
    "Wishes",
    "act_for",
    "authenticate",
    "change_password",
    "forward",
    "impersonate",
    "renew",
    "service_ticket",
    "ticket_to_realm",
    "user_to_user",
]
