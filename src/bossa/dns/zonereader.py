"""Master files into records, one at a time.  RFC 1035 §5, RFC 2308 §4, RFC 3597 §5

A line without quotes, escapes, comments and parentheses is cut at its blanks;
only the others are scanned.  Records here are good by themselves: inside the
zone, class IN, of a type that a zone can have, rdata of the type's shape.
What holds between records is zonefile.py's matter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

from bossa.dns import generate, names, rdata, types
from bossa.dns.include import open_inside, open_text, text_lines
from bossa.dns.tokens import octets, scan, seconds
from bossa.dns.zone import Soa

MAX_ERRORS = 20
MAX_TEXT = 300
MAX_LINE = 1 << 20
MAX_DEPTH = 16
MAX_RECORDS = 20_000_000
PROGRESS_LINES = 10_000
# Anything but the octets of a line that needs no scanner: words between blanks, nothing to undo.
_ODD = re.compile(r"[^\t\n !#-'*-:<-\[\]-~]")
_LABEL = re.compile(r"[A-Za-z0-9_*-]+").fullmatch
_BLANK = frozenset(" \t\r\n\f\v")
# The types that lines are usually made of, in the spellings they usually have.
_USUAL = {
    spelling: rtype
    for rtype in (types.A, types.AAAA, types.NS, types.CNAME, types.PTR, types.MX, types.SRV, types.TXT, types.SOA)
    for spelling in (types.type_text(rtype), types.type_text(rtype).lower())
}
_USUAL_TYPES = frozenset(_USUAL.values())


class Problem(NamedTuple):
    """What is wrong at one line; line 0 when it is about the whole file."""

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        """FILE:LINE: what."""
        return f"{self.file}:{self.line}: {self.what}" if self.line else f"{self.file}: {self.what}"


class ZoneFileError(ValueError):
    """A zone file that cannot be loaded; str() has a line ``FILE:LINE: what`` for each of ``problems``."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
        self.file, self.line, self.what = problems[0]


class Source(NamedTuple):
    """Lines with the name that errors give them."""

    name: str
    lines: Iterable[str]


class Watch(NamedTuple):
    """Who wants to hear: of lines read so far, and of problems that did not stop the load."""

    progress: Callable[[int], None] = lambda _: None
    problem: Callable[[Problem], None] = lambda _: None


class Reading:
    """The state of one load: where we are, and what the next record inherits."""

    def __init__(self, apex: bytes, include_dir: Path | None, watch: Watch) -> None:
        self.apex = apex.lower()
        self.include_dir = include_dir
        self.watch = watch
        self.problems: list[Problem] = []
        self.file, self.line, self.at = "", 0, 0
        self.lines = self.count = self.depth = 0
        self._turn(apex)
        self.owner: bytes | None = None
        # RFC 2308 §4: $TTL's value; RFC 1035 §5.1 without one: that of the record before.
        self.default_ttl: int | None = None
        self.last_ttl: int | None = None

    def records(self, source: Path | str | Source) -> Iterator[tuple[bytes, int, int, bytes]]:
        """Yield the good records of the source and of what it includes."""
        try:
            if isinstance(source, Source):
                yield from self._lines(source)
                return
            with open_text(Path(source)) as stream:
                yield from self._lines(Source(str(source), text_lines(stream, MAX_LINE)))
        except OSError as e:
            raise ZoneFileError(Problem(self.file or str(source), 0, e.strerror or str(e))) from None
        except UnicodeDecodeError as e:
            # A stream that the caller opened, standard input for one, may be strict.
            raise ZoneFileError(Problem(self.file, self.line + 1, f"the text is not {e.encoding}")) from None

    def fault(self, what: str) -> None:
        """Note an error at the current record; the last one allowed ends the load."""
        self.problems.append(Problem(self.file, self.at, what[:MAX_TEXT]))
        if len(self.problems) >= MAX_ERRORS:
            self.judge()

    def stop(self, what: str) -> NoReturn:
        """End the load: what follows would make no sense."""
        raise ZoneFileError(*self.problems, Problem(self.file, self.at, what))

    def judge(self) -> None:
        """Raise what was found."""
        if self.problems:
            raise ZoneFileError(*self.problems)

    def _lines(self, source: Source) -> Iterator[tuple[bytes, int, int, bytes]]:
        self.file, self.line = source.name, 0
        lines = iter(source.lines)
        odd = _ODD.search
        for line in lines:
            self.line = self.at = self.line + 1
            self._step(line)
            try:
                words = self._gather(line, lines) if odd(line) else line.split()
                if not words:
                    continue
                if line[0] == "$":
                    yield from self._directive(words)
                    continue
                record = self._record(words, blank=line[0] in _BLANK)
            except ZoneFileError:
                raise
            except ValueError as e:
                self.fault(str(e))
                continue
            yield record

    def _step(self, line: str) -> None:
        self.lines += 1
        if len(line) > MAX_LINE:
            self.stop(f"the line has more than {MAX_LINE} characters")
        if not self.lines % PROGRESS_LINES:
            self.watch.progress(self.lines)

    def _gather(self, line: str, lines: Iterator[str]) -> list[str]:
        """Return the words of a record, on as many lines as its parentheses take."""
        words: list[str] = []
        depth, size = scan(line, words), len(line)
        while depth:
            following = next(lines, None)
            if following is None:
                raise ValueError("a parenthesis is not closed")
            self.line += 1
            self._step(following)
            size += len(following)
            if size > MAX_LINE:
                self.stop(f"the record has more than {MAX_LINE} characters")
            depth = scan(following, words, depth)
        return words

    def _record(self, words: list[str], *, blank: bool) -> tuple[bytes, int, int, bytes]:
        """Read ``[owner] [ttl] [class] type rdata``, TTL and class in either order."""
        if not blank:
            self.owner = self._owner(words[0])
        owner = self.owner
        if owner is None:
            raise ValueError("the first record has no owner")
        at = 0 if blank else 1
        ttl: int | None = None
        if at < len(words) and (rtype := _USUAL.get(words[at])) is not None:
            at += 1
        else:
            rtype, ttl, at = self._type(words, at)
        if rtype not in _USUAL_TYPES or rtype == types.SOA:
            self._admit(owner, rtype)
        data = rdata.parse(rtype, words[at:], self.origin)
        if ttl is None:
            ttl = self._inherited_ttl(rtype, data)
        self.last_ttl = ttl
        self.count += 1
        if self.count > MAX_RECORDS:
            self.stop(f"the zone has more than {MAX_RECORDS} records")
        return owner, rtype, ttl, data

    def _turn(self, origin: bytes) -> None:
        """Make relative names belong to ``origin``."""
        self.origin = origin
        key = origin.lower()
        # The common owner, one plain label, needs no look at size and zone under such an origin.
        self.easy = key if names.is_below(key, self.apex) and len(key) + names.MAX_LABEL < names.MAX_NAME else None

    def _owner(self, word: str) -> bytes:
        if self.easy and len(word) <= names.MAX_LABEL and _LABEL(word):
            return bytes((len(word),)) + word.lower().encode() + self.easy
        owner = names.from_text(word, self.origin).lower()
        if not names.is_below(owner, self.apex):
            raise ValueError(f"{names.to_text(owner)} is outside the zone {names.to_text(self.apex)}")
        return owner

    def _type(self, words: list[str], at: int) -> tuple[int, int | None, int]:
        """Return the type, an explicit TTL, and where the rdata starts."""
        ttl: int | None = None
        classed = False
        for i in range(at, len(words)):
            word = words[i]
            if (rtype := _USUAL.get(word)) is not None:
                return rtype, ttl, i + 1
            if ttl is None and word[:1].isdigit():
                ttl = seconds(word)
            elif not classed and _is_class(word):
                classed = True
            else:
                return types.type_number(word), ttl, i + 1
        raise ValueError("the record ends before its type")

    def _admit(self, owner: bytes, rtype: int) -> None:
        """Refuse the types that cannot be in a zone, or not there."""
        if types.is_meta(rtype):
            raise ValueError(f"{types.type_text(rtype)} is no type for a zone")
        if rtype in types.MADE_BY_SIGNING:
            self.stop(f"{types.signing_fault(rtype)}; export it unsigned")
        if rtype == types.SOA and owner != self.apex:
            raise ValueError(f"an SOA belongs at the zone's apex {names.to_text(self.apex)} only")

    def _inherited_ttl(self, rtype: int, data: bytes) -> int:
        if self.default_ttl is not None:
            return self.default_ttl
        if self.last_ttl is not None:
            return self.last_ttl
        if rtype == types.SOA:
            return min(Soa.decode(data).minimum, 0x7FFFFFFF)
        raise ValueError("the record has no TTL, and neither $TTL nor an earlier record gives one")

    def _directive(self, words: list[str]) -> Iterator[tuple[bytes, int, int, bytes]]:
        what, rest = words[0].upper(), words[1:]
        if what == "$ORIGIN" and len(rest) == 1:
            self._turn(names.from_text(rest[0], self.origin))
        elif what == "$TTL" and len(rest) == 1:
            self.default_ttl = seconds(rest[0])
        elif what == "$INCLUDE" and 1 <= len(rest) <= 2:
            yield from self._include(rest[0], rest[1:])
        elif what == "$GENERATE":
            for made in generate.records(rest):
                yield self._record(made, blank=False)
        elif what in ("$ORIGIN", "$TTL", "$INCLUDE"):
            raise ValueError(f"{what} with {len(rest)} words behind it")
        else:
            raise ValueError(f"{words[0]!r} is no directive: there are $ORIGIN $TTL $INCLUDE $GENERATE")

    def _include(self, name: str, origin: list[str]) -> Iterator[tuple[bytes, int, int, bytes]]:
        """Read another file; the origin and the last owner are ours again behind it."""
        if self.include_dir is None:
            raise ValueError("$INCLUDE is not allowed here: no directory was given for it")
        if self.depth >= MAX_DEPTH:
            self.stop(f"includes are more than {MAX_DEPTH} deep")
        path = octets(name).decode("utf-8", "surrogateescape")
        saved = self.file, self.line, self.at, self.owner
        home = self.origin
        with open_inside(self.include_dir, path) as stream:
            if origin:
                self._turn(names.from_text(origin[0], self.origin))
            self.depth += 1
            yield from self._lines(Source(path, text_lines(stream, MAX_LINE)))
            self.depth -= 1
        self.file, self.line, self.at, self.owner = saved
        self._turn(home)


def _is_class(word: str) -> bool:
    """Tell whether the word is the class IN; raises ValueError for another class."""
    try:
        number = types.class_number(word)
    except ValueError:
        return False
    if number != types.IN:
        raise ValueError(f"class {word} is not served: only IN is")
    return True
