"""Freedoms of senders: ways to write the same message, which must all be read alike.

Each freedom can be switched off. The rules are in ``docs/DOMAIN.md#the-rules``.
"""

import gzip
import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from random import Random

TITLES = ("MR", "MRS", "MS", "MISS", "DR", "PROF", "SR", "SRA")
LINE_ENDS = ("\n", "\r\n", "\r\r\n", "\r")
TRAILERS = ("NNNN", "\x03", "\x1a", "=====", "")
COMPANIONS = ("XIMENA", "YAGO", "ZOILA")
# A tag that no bag has: of groups that cannot be read.
FAULTY_ISSUER = "0999"


class Freedom(StrEnum):
    """A way in which senders differ."""

    ORDER = "order"
    PARTS = "parts"
    STATUS_WORDS = "status-words"
    ENVELOPES = "envelopes"
    LINE_ENDS = "line-ends"
    CASE = "case"
    BLANKS = "blanks"
    ENCODINGS = "encodings"
    NAMES = "names"
    NUMBERS = "numbers"
    FAULTS = "faults"
    SCENARIOS = "scenarios"


ALL = frozenset(Freedom)
NONE: frozenset[Freedom] = frozenset()


def arranged(groups: Sequence[Sequence[str]], rng: Random) -> list[str]:
    """Lines of several groups with the same flights, in any order that separates them (``docs/DOMAIN.md#rule-5``)."""
    written: list[list[str]] = []
    for group in groups:
        flights, begin = _of(group, "FIO"), ""
        if written:
            begin = rng.choice([way for way in _ways_to_begin(written[-1]) if way in "NP" or _of(flights, way)])
        if begin and begin in "NP":
            flights = []
        elif begin == "F" and _inbound_is_first(written[0]) and rng.random() < 0.5:
            flights = _of(flights, "FO")
        written.append(_ordered(group, flights, begin, rng))
    return [line for lines in written for line in lines]


def _ways_to_begin(before: Sequence[str]) -> str:
    """Letters that can begin the next group: its tags only after a name behind the tags before."""
    letters_before = [line[1] for line in before]
    last_tag = max(place for place, letter in enumerate(letters_before) if letter in "NB")
    return "FIOPN" if "P" in letters_before[last_tag:] else "FIOP"


def _inbound_is_first(lines: Sequence[str]) -> bool:
    """Whether ``.I`` stands before the first ``.F`` of the message, so that groups begun by ``.F`` inherit it."""
    flights = [line[1] for line in _of(lines, "FI")]
    return flights[:1] == ["I"] and "F" in flights


def _ordered(group: Sequence[str], flights: Sequence[str], begin: str, rng: Random) -> list[str]:
    """Lines of a group in a random order: flights before tags and name are both there, onward flights in order."""
    onward = _of(flights, "O")
    early = [[line] for line in flights if line[1] != "O"] + ([onward] if onward else [])
    late = [[line] for line in group if line[1] not in "FIONBP"]
    first, second = rng.sample((_of(group, "NB"), _of(group, "P")), 2)
    if begin and begin in "NP":
        first, second = (_of(group, "NB"), _of(group, "P"))[:: 1 if begin == "N" else -1]
        return [*first, *_around(second, late, rng)]
    head = [next(unit for unit in early if unit[0][1] == begin)] if begin else []
    early = [unit for unit in early if unit not in head]
    moved = rng.sample(late, rng.randint(0, len(late)))
    late = [unit for unit in late if unit not in moved]
    return [*(line for unit in head for line in unit), *_around(first, early + moved, rng), *_around(second, late, rng)]


def _around(lines: Sequence[str], units: Sequence[Sequence[str]], rng: Random) -> list[str]:
    """The lines somewhere among the units, in a random order."""
    shuffled = rng.sample(units, len(units))
    shuffled.insert(rng.randint(0, len(units)), lines)
    return [line for unit in shuffled for line in unit]


def _of(lines: Sequence[str], letters: str) -> list[str]:
    return [line for line in lines if line[1] in letters]


def with_status(kind: str, action: str, station: str, rng: Random) -> list[str]:
    """Head of a message with its status word before or behind ``.V`` (``docs/DOMAIN.md#rule-13``)."""
    word = action or ("ADD" if rng.random() < 0.1 else "")
    words = [word] if word else []
    return [kind, *words, station] if rng.random() < 0.5 else [kind, station, *words]


def faulty_group(number: int, rng: Random) -> list[str]:
    """A group that cannot be read and begins with its flight, so that no other one inherits it."""
    day, tag = rng.choice((("31FEB", f"{number:06d}001"), ("4XNOV", f"{number:06d}001"), ("15NOV", f"{number:06d}000")))
    return [f".F/CM100/{day}/MIA", f".N/{FAULTY_ISSUER}{tag}", ".P/1FAULTY/GROUP"]


def varied_name(surname: str, given: str, title: str, rng: Random, *, may_shorten: bool) -> str:
    """Fields of ``.P``: titles glued, apart or left out; parties; cut names and initials; blanks and hyphens."""
    draw = rng.random()
    if may_shorten and draw < 0.12:
        given = given[:1]
    elif may_shorten and draw < 0.24:
        given = _cut(given, rng)
    elif may_shorten and draw < 0.28:
        return f"1{_respelled(surname, rng)}"
    title = title if rng.random() < 0.7 else ""
    if title:
        given = f"{given}{rng.choice(('', ' ', '/'))}{title}"
    count, companion = ("2", f"/{rng.choice(COMPANIONS)}") if rng.random() < 0.1 and "/" not in given else ("1", "")
    return f"{rng.choice((count, count, '')) if not companion else count}{_respelled(surname, rng)}/{given}{companion}"


def _cut(given: str, rng: Random) -> str:
    cut = given[: rng.randint(2, 6)].rstrip()
    return given if cut.endswith(TITLES) else cut


def _respelled(surname: str, rng: Random) -> str:
    """The same name with its blanks as they are, as hyphens or left out."""
    return surname.replace(" ", rng.choice((" ", "-", "")))


def in_envelope(body: Sequence[str], addresses: str, origin: str, kind_of_time: bool, rng: Random) -> list[str]:
    """Lines of a message in one of the customary envelopes.

    Args:
        body: lines from the identifier to END.
        addresses: address line.
        origin: line of origin and time, with its full stop.
        kind_of_time: whether the message has a time of its own, so that it needs no origin line.
    """
    draw = rng.random()
    if kind_of_time and draw < 0.2:
        return list(body)
    if draw < 0.4:
        return [addresses, origin, *body]
    if draw < 0.55:
        return [f"{rng.choice(('QU', 'QD', 'QX'))} {addresses}", "PTYRLCM", origin, *body]
    if draw < 0.7:
        return ["\x01" + addresses, origin, "\x02" + body[0], *body[1:], "\x03"]
    if draw < 0.8:
        return [origin, *body, rng.choice(TRAILERS)]
    return _sitatex(body, addresses, origin, rng)


def _sitatex(body: Sequence[str], addresses: str, origin: str, rng: Random) -> list[str]:
    sender, time = origin.removeprefix(".").split()
    kind = body[0]
    lines = ["=HEADER", "RCV,2026/11/15 12:00"] if rng.random() < 0.7 else []
    lines += ["=PRIORITY", "QU", "=DESTINATION TYPE B", *(f"STX,{one}" for one in addresses.split())]
    lines += ["=ORIGIN", sender, *(["=DBLSIG", "XS"] if rng.random() < 0.5 else []), "=MSGID", time]
    if rng.random() < 0.5:
        return [*lines, "=SMI", kind, "=TEXT", *body[1:]]
    return [*lines, "=TEXT", *body]


def in_parts(kind: str, station: str, action: str, parts: Sequence[Sequence[str]], rng: Random) -> Iterator[list[str]]:
    """Bodies of a message in parts, each with its number in ``.V``."""
    for number, lines in enumerate(parts, 1):
        ends = f"END{kind}" if number == len(parts) or rng.random() < 0.3 else f"ENDPART{number}"
        words = [action] if action else []
        yield [kind, *words, f"{station}/PART{number}", *lines, ends]


def joined_lines(lines: Sequence[str], freedoms: frozenset[Freedom], rng: Random) -> str:
    """Text of the lines, with line ends, trailing blanks and letter case as the sender likes."""
    end = rng.choices(LINE_ENDS, (60, 25, 10, 5))[0] if Freedom.LINE_ENDS in freedoms else "\n"
    if Freedom.BLANKS in freedoms and rng.random() < 0.2:
        lines = [line + " " * rng.choice((0, 0, 1, 3)) for line in lines]
    text = end.join(lines) + end
    return text.lower() if Freedom.CASE in freedoms and rng.random() < 0.1 else text


def encoded(text: bytes, rng: Random) -> bytes:
    """A request in one of the customary encodings."""
    draw = rng.random()
    if draw < 0.1:
        return b"\xef\xbb\xbf" + text
    if draw < 0.2:
        return text.decode("latin-1").encode("utf-16")
    if draw < 0.25:
        return b"\xfe\xff" + text.decode("latin-1").encode("utf-16-be")
    if draw < 0.35:
        return gzip.compress(text, mtime=0)
    return text


def letters(text: str) -> str:
    """Letters of a name, to compare spellings."""
    return re.sub(r"[^A-Z]", "", text.upper())
