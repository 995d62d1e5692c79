"""TSIG keys: sealed at rest, printed in the forms that nsupdate and dig take.  RFC 8945"""

from __future__ import annotations

import base64
import binascii
import re

import msgspec

from bossa.admin import words
from bossa.admin.errors import Exit, Failure, nearest, refused
from bossa.admin.office import Office, verb
from bossa.admin.ports import Names
from bossa.dns.ports import KeyRow
from bossa.dns.tsig import Algorithm, Key

_SECRET_FIX = "leave --secret away for a random one, or encode it with base64"


class KeyAdd(msgspec.Struct, frozen=True, kw_only=True):
    """A new key; ``secret`` in base64, empty for a random one as long as the hash."""

    name: str
    secret: str = ""
    algorithm: str = "hmac-sha256"


class KeyNamed(msgspec.Struct, frozen=True):
    """A key by its name."""

    name: str


class KeyShown(msgspec.Struct, frozen=True, kw_only=True):
    """A key with its secret: ``clause`` for ``nsupdate -k``, ``argument`` for ``nsupdate -y`` and ``dig -y``."""

    name: str
    algorithm: str
    secret: str
    clause: str
    argument: str


class KeyLine(msgspec.Struct, frozen=True):
    """A key in a list, without its secret; ``rules`` counts those that name it."""

    name: str
    algorithm: str
    rules: int


class KeyList(msgspec.Struct, frozen=True):
    """No arguments."""


class KeyTable(msgspec.Struct, frozen=True):
    """All keys by name."""

    keys: list[KeyLine]


class KeyRemoved(msgspec.Struct, frozen=True):
    """A key that is gone, and the rules that still name it."""

    name: str
    warnings: list[str]


_CLAUSE = re.compile(r'key\s+"?([^"\s{]+)"?\s*\{\s*algorithm\s+"?([^";\s]+)"?\s*;\s*secret\s+"([^"]+)"', re.ASCII)


def read_clause(text: str) -> tuple[str, str, str]:
    """Return name, algorithm and secret (base64) of a text with BIND's key clause; raises ValueError."""
    found = _CLAUSE.search(text)
    if found is None:
        raise ValueError("it holds no key clause")
    return found[1], found[2], found[3]


def clause(name: str, algorithm: str, secret: str) -> str:
    """Return a key as BIND's key clause, the form of ``nsupdate -k`` and of ``data/admin.key``."""
    return f'key "{name}" {{\n\talgorithm {algorithm};\n\tsecret "{secret}";\n}};\n'


def shown(key: Key) -> KeyShown:
    """Return a key in the forms that programs take."""
    name, algorithm = words.plain(key.name), key.algorithm.text
    secret = base64.b64encode(key.secret).decode()
    argument = f"{algorithm}:{name}:{secret}"
    return KeyShown(
        name=name, algorithm=algorithm, secret=secret, clause=clause(name, algorithm, secret), argument=argument
    )


@verb("key.add")
async def key_add(office: Office, args: KeyAdd) -> KeyShown:
    """Make a key, or take the one that is given."""
    name, algorithm = words.absolute(args.name), _algorithm(args.algorithm)
    if algorithm is Algorithm.HMAC_MD5 and not office.md5:
        why = "HMAC-MD5 is switched off (RFC 8945 §6 forbids it for new keys)"
        raise refused(f"key {args.name}", why, "--algorithm hmac-sha256")
    secret = _secret(args.secret) if args.secret else office.random(algorithm.size)
    key = Key(name, algorithm, secret)
    async with office.editing:
        if name in office.names.keys:
            raise refused(f"key {args.name}", "it exists already", f"bossa key show {args.name}")
        await store_key(office, key)
    return shown(key)


async def store_key(office: Office, key: Key) -> None:
    """Seal a key and take it into use."""
    row = KeyRow(
        name=key.name,
        algorithm=key.algorithm.text,
        sealed=office.seal(seal_context(key.name), key.secret),
        created=office.now,
    )
    await office.names.add_key(key, row)


def seal_context(name: bytes) -> bytes:
    """Return what binds a sealed secret to its row, so that it cannot be moved to another."""
    return b"tsig:" + name


def _algorithm(text: str) -> Algorithm:
    try:
        return Algorithm.from_text(text)
    except ValueError as e:
        raise Failure(f"algorithm {text}", str(e), "--algorithm hmac-sha256", Exit.USAGE) from e


def _secret(text: str) -> bytes:
    try:
        secret = base64.b64decode(text, validate=True)
    except binascii.Error as e:
        raise Failure("the secret", f"it is no base64: {e}", _SECRET_FIX, Exit.USAGE) from e
    if not secret:
        raise Failure("the secret", "it is empty", _SECRET_FIX, Exit.USAGE)
    return secret


@verb("key.list")
async def key_list(office: Office, args: KeyList) -> KeyTable:
    """List the keys, secrets left out."""
    return KeyTable(
        [
            KeyLine(words.plain(key.name), key.algorithm.text, len(rules_naming(office.names, key.name)))
            for key in sorted(office.names.keys.values(), key=lambda key: words.plain(key.name))
        ]
    )


@verb("key.show")
async def key_show(office: Office, args: KeyNamed) -> KeyShown:
    """Show one key with its secret."""
    return shown(_find(office, args.name))


@verb("key.remove")
async def key_remove(office: Office, args: KeyNamed) -> KeyRemoved:
    """Forget a key; rules that name it stay, and are told."""
    key = _find(office, args.name)
    await office.names.remove_key(key.name)
    left = rules_naming(office.names, key.name)
    return KeyRemoved(
        words.plain(key.name),
        [f"a rule of {zone} still names it: a new key of that name would get it" for zone in left],
    )


def _find(office: Office, text: str) -> Key:
    key = office.names.keys.get(words.absolute(text))
    if key is None:
        hint = nearest(text, [words.plain(name) for name in office.names.keys])
        raise refused(f"key {text}", "no such key", hint or "bossa key list")
    return key


def rules_naming(names: Names, key: bytes) -> list[str]:
    """Return the zones ("*": all) whose rules name a key, once a rule."""
    who = f"key:{words.plain(key)}"
    return [
        words.plain(apex) if apex else "*"
        for apex, rows in names.rules.items()
        for row in rows
        if row.who.rstrip(".") == who
    ]
