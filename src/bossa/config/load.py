"""Where settings come from: flags, then variables, then bossa.toml, then defaults; and no key that is not known.

``BOSSA_DNS_WORKERS`` is the variable of ``workers`` in [dns], and so on.
Variables named otherwise are not ours to judge.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from bossa.config import lines
from bossa.config.errors import ConfigError, Problem, nearest
from bossa.config.kinds import WrongEntries, show
from bossa.config.settings import KEYS, SECTIONS, Settings, build

FILE = "bossa.toml"
# Keys that a flag sets.
_FLAGS = {"listen.port_base": "--port-base", "domain.name": "--domain", "log.format": "--log-format"}
_IN_MESSAGE = re.compile(r" \(at line (\d+), column (\d+)\)| \(at end of document\)")


def find(data: Path, cwd: Path) -> Path | None:
    """Return the bossa.toml beside the data directory, or else in ``cwd``."""
    for folder in (data.absolute().parent, cwd):
        # Unlike Path.is_file it takes a folder that may not be looked into for one without.
        if os.path.isfile(folder / FILE):
            return folder / FILE
    return None


def load(path: Path | None, environ: Mapping[str, str], overrides: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings; ``overrides`` has flags by key, ``{"listen.port_base": 20000}``, None for those not given.

    Raises ConfigError with every problem found.
    """
    problems: list[Problem] = []
    sources = _Sources(problems)
    if path is not None:
        sources.add_file(path)
    for key in KEYS:
        sources.add_variable(key, environ)
    for key, value in (overrides or {}).items():
        if value is not None:
            sources.add_flag(key, value)
    if problems:
        raise ConfigError(problems)
    values: dict[str, Any] = {}
    for key, known in KEYS.items():
        values[key] = sources.values[key] if key in sources.values else known.default(values)
    return build(values, sources.origins, path)


def variable(key: str) -> str:
    """Return the variable of a key: ``BOSSA_DNS_WORKERS`` of ``dns.workers``."""
    return "BOSSA_" + key.replace(".", "_").upper()


class _Sources:
    """Values read so far; a later source replaces an earlier one, but its mistakes are told all the same."""

    def __init__(self, problems: list[Problem]) -> None:
        self.values: dict[str, Any] = {}
        self.origins: dict[str, str] = {}
        self.problems = problems

    def add_file(self, path: Path) -> None:
        text = _read(path)
        tables = _parse(path, text)
        found = lines.positions(text)
        for section, content in tables.items():
            where = _where(path, found, (section,))
            if section not in SECTIONS:
                self.problems.append(Problem(where, *_unknown_section(section, content)))
            elif not isinstance(content, dict):
                self.problems.append(Problem(where, f"{section} is a section, not a key", f"write [{section}]"))
            else:
                for name, value in content.items():
                    self._add_from_file((section, name), value, partial(_where, path, found))

    def _add_from_file(self, key: lines.Path, value: Any, where: Callable[[lines.Path], str]) -> None:
        section, name = key
        known = f"{section}.{name}"
        try:
            if name not in _names(section):
                what, fix = f"unknown key {show(name)} in [{section}]", _hint(section, name)
                self.problems.append(Problem(where(key), what, fix))
            elif problem := self._add(known, value, where(key)):
                what = f"{name} = {_told(known, value)} in [{section}]: {problem}"
                self.problems.append(Problem(where(key), what, f"for example {name} = {KEYS[known].kind.example}"))
        except WrongEntries as e:
            fix = f"for example {KEYS[known].kind.entry}"
            for path, why in e.wrong:
                what = f"{show('.'.join(path))} in [{known}]: {why}"
                self.problems.append(Problem(where((*key, *path)), what, fix))

    def add_variable(self, key: str, environ: Mapping[str, str]) -> None:
        name, kind = variable(key), KEYS[key].kind
        text = environ.get(name, "")
        if text and kind.entry:
            self.problems.append(Problem(name, "a table does not go into a variable", f"write [{key}] in {FILE}"))
        elif text and (problem := self._add(key, kind.parse(text), name)):
            what = f"{_told(key, text)}: {problem}"
            self.problems.append(Problem(name, what, f"for example {name}={kind.plain_example}"))

    def add_flag(self, key: str, value: Any) -> None:
        kind = KEYS[key].kind
        if problem := self._add(key, kind.parse(value) if isinstance(value, str) else value, "flag"):
            where = _FLAGS.get(key, key)
            self.problems.append(Problem(where, f"{_told(key, value)}: {problem}", f"for example {kind.plain_example}"))

    def _add(self, key: str, value: Any, origin: str) -> str:
        """Take a value; return why not, "" when it was taken.  Raises WrongEntries."""
        try:
            self.values[key] = KEYS[key].kind.read(value)
        except WrongEntries:
            raise
        except ValueError as e:
            return str(e)
        self.origins[key] = origin
        return ""


def _read(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise ConfigError([Problem(_shown(path), "no such file", "check the path given with --config")]) from None
    except OSError as e:
        fix = "let this user read it, or name another file with --config"
        raise ConfigError([Problem(_shown(path), f"cannot be read: {e.strerror or e}", fix)]) from None
    except UnicodeDecodeError as e:
        line = e.object.count(b"\n", 0, e.start) + 1
        raise ConfigError([Problem(f"{_shown(path)}:{line}", "not UTF-8", "save the file as UTF-8")]) from None


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        at = _IN_MESSAGE.search(str(e))
        line = int(at[1]) if at is not None and at[1] else text.count("\n") + 1
        what = f"not TOML: {_IN_MESSAGE.sub('', str(e))}"
        raise ConfigError([Problem(f"{_shown(path)}:{line}", what, 'strings stand in "quotes"')]) from None


def _shown(path: Path) -> str:
    """Return the path as short as it can be named from here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def _where(path: Path, found: dict[lines.Path, int], key: lines.Path) -> str:
    line = lines.line_of(found, key)
    return f"{_shown(path)}:{line}" if line is not None else _shown(path)


def _told(key: str, value: Any) -> str:
    """Return a wrong value for the error, but for a secret, which may be wrong by one digit only."""
    return "…" if KEYS[key].kind.hidden else _short(value)


def _short(value: Any) -> str:
    text = show(tuple(value)) if isinstance(value, list) else show(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _names(section: str) -> list[str]:
    return [key.partition(".")[2] for key in KEYS if key.startswith(section + ".")]


def _unknown_section(name: str, content: Any) -> tuple[str, str]:
    known = "there are " + " ".join(f"[{section}]" for section in SECTIONS)
    if isinstance(content, dict):
        near = nearest(name, SECTIONS)
        return f"unknown section [{name}]", f"did you mean [{near}]?" if near else known
    homes = [section for section in SECTIONS if name in _names(section)]
    return f"unknown key {show(name)} outside of any section", f"put it under [{homes[0]}]" if homes else known


def _hint(section: str, name: str) -> str:
    if homes := [other for other in SECTIONS if name in _names(other)]:
        return f"it belongs in [{homes[0]}]"
    near = nearest(name, _names(section))
    return f'did you mean "{near}"?' if near else "known are " + ", ".join(_names(section))
