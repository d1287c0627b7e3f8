"""Mutations of real-shaped messages, with knowledge of the grammar.

A mutation keeps what the message says, or may damage it; the independent reader says what is left of it.
"""

import gzip
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from random import Random

from benchmarks.bank.freedoms import ALL
from benchmarks.bank.writing import Bank

RECEIVED_AT = datetime(2026, 11, 24, 6, tzinfo=UTC)
# Each case has a hundred tags of its own, of an issuer that the bank does not use.
ISSUERS = ("0957", "0958")
TAGS_OF_A_CASE = 100
END = re.compile(r"(\r*\n|\r)(END[A-Z]{3})", re.IGNORECASE)
TAG = re.compile(r"(?<!\d)(\d{10})(\d{3})?(?!\d)")

# Shapes of ``docs/DOMAIN.md#samples``.
SAMPLES = (
    """BSM
.V/1LMIA
.F/CM335/23NOV/PTY/Y
.O/CM758/23NOV/GRU/Y
.N/0230456781002
.S/Y/21C/C/045/045//Y/A
.W/K/2/43
.P/1GONZALEZ/MARIAMRS
.L/F7K2QX
.T/4F0C32
ENDBSM
""",
    """BSM
.V/1TPTY
.F/CM758/23NOV/GRU/Y
.I/CM335/23NOV/MIA/Y
.N/0230456781002
.S/Y/21C/C/112/112//Y/A
.W/K/2/43
.P/1GONZALEZ/MARIAMRS
.L/F7K2QX
.E/PRIO
ENDBSM
""",
    """BSM
CHG
.V/1TPTY
.F/CM758/23NOV/GRU/Y
.I/CM335/23NOV/MIA/Y
.N/0230456781002
.S/N//N
.P/1GONZALEZ/MARIAMRS
.L/F7K2QX
ENDBSM
""",
    """BSM
DEL
.V/1LMIA
.F/CM335/23NOV/PTY/Y
.N/0230456782001
.S/N/21C/C/045
.P/1GONZALEZ/MARIAMRS
ENDBSM
""",
    """BPM
.V/1TPTY
.J/R/AG0417/HHT112/23NOV/141205L/STAND208/CM758
.F/CM758/23NOV/GRU/Y
.N/0230456781001
.I/CM335/23NOV/MIA/Y
.S/Y/21C/C/112/112//Y/A
.W/K/1/22
.P/1GONZALEZ/MARIAMRS
ENDBPM
""",
    """BPM
.V/1TPTY
.J/R///23NOV/143001L/STAND208/
.F/CM758/23NOV/GRU/Y
.B/UNS/0230456782001
.I/CM335/23NOV/MIA/Y
.S/Y/21C/C/112/112//Y/A
.P/1GONZALEZ/MARIAMRS
ENDBPM
""",
    """BUM
.V/1LPTY
.F/CM758/23NOV/GRU
.N/0230456781001
.P/1GONZALEZ/MARIAMRS
.R/PAX NOT BOARDED
ENDBUM
""",
    """BTM
.V/1TPTY
.I/CM335/23NOV/MIA/Y
.F/CM758/23NOV/GRU/Y
.N/0230456781001
.P/1ALFA/ANAMRS
.L/QA1B2C
.N/0230456785001
.P/1BETA/BEA
.L/QA1B2D
ENDBTM
""",
)

Mutate = Callable[[list[str], Random], list[str]]


@dataclass(frozen=True, slots=True)
class Case:
    """A request of the fuzzer.

    Args:
        mutations: names of the mutations in order.
        keeps: whether none of them changes what the message says, so that it must be read.
        tags: tags that the request may name.
    """

    number: int
    mutations: tuple[str, ...]
    keeps: bool
    body: bytes
    tags: frozenset[str]


def cases(count: int, seed: int) -> Iterator[Case]:
    """Yields so many cases: messages of a day with all freedoms and the samples, mutated."""
    rng = Random(seed)
    _, arrivals = Bank(date(2026, 11, 22), seed, 300, ALL).arrivals()
    messages = [arrival.text.decode("latin-1") for arrival in arrivals if b"BCM" not in arrival.text]
    for number in range(count):
        text = rng.choice(SAMPLES) if rng.random() < 0.4 else rng.choice(messages)
        yield _case(number, text, rng)


def _case(number: int, text: str, rng: Random) -> Case:
    # The same broken bytes count once, so that what is left of a message must differ from that of any other.
    text = END.sub(rf"\g<1>.R/CASE {number}\g<1>\g<2>", _with_own_tags(text, number))
    tags = frozenset(_all_tags(text))
    lines = re.split(r"\r*\n|\r", text.rstrip("\r\n"))
    keeping = rng.sample(sorted(KEEPING), rng.randint(0, 3))
    damaging = rng.sample(sorted(DAMAGING), 1) if rng.random() < 0.6 else []
    for name in (*keeping, *damaging):
        lines = (KEEPING | DAMAGING)[name](lines, rng)
    body = ("\n".join([*lines, f"CASE {number}"]) + "\n").encode("latin-1", "replace")
    encoding = rng.choice(sorted(ENCODINGS)) if rng.random() < 0.3 else ""
    if encoding:
        body = ENCODINGS[encoding](body)
    names = (*keeping, *damaging, *([encoding] if encoding else []))
    return Case(number, names, not damaging, body, tags)


def _with_own_tags(text: str, number: int) -> str:
    """The text with tags that no other case names; consecutive ones stay so."""
    issuer, place = ISSUERS[number // 10_000], number % 10_000
    known: dict[int, int] = {}
    upper = text.upper()
    for match in TAG.finditer(upper):
        known.setdefault(int(match[1]), 0)
    following = 0
    for previous, tag in zip((None, *sorted(known)), sorted(known), strict=False):
        following += 0 if previous is None else min(tag - previous, 4)
        known[tag] = following
    return TAG.sub(lambda match: f"{issuer}{place * TAGS_OF_A_CASE + known[int(match[1])]:06d}{match[2] or ''}", text)


def _all_tags(text: str) -> Iterator[str]:
    for match in TAG.finditer(text):
        for place in range(int(match[2] or 1)):
            yield f"{int(match[1]) + place:010d}"


def _body(lines: Sequence[str]) -> tuple[int, int]:
    """Places of the first and the last line of a message; of the whole text if there is none."""
    upper = [line.upper().strip() for line in lines]
    begin = next((place for place, line in enumerate(upper) if re.fullmatch(r"\W*B[A-Z]{2}", line)), 0)
    end = next((place for place, line in enumerate(upper) if line.startswith("END")), len(lines) - 1)
    return begin, max(begin, end)


def _elements(lines: Sequence[str]) -> list[int]:
    return [place for place, line in enumerate(lines) if re.match(r"\.[A-Za-z]/", line)]


def _insert(lines: Sequence[str], place: int, *more: str) -> list[str]:
    return [*lines[:place], *more, *lines[place:]]


def _substituted(pattern: str, *replacements: str) -> Mutate:
    """Mutation that writes one of the replacements in one of the lines that match."""

    def mutate(lines: list[str], rng: Random) -> list[str]:
        found = [place for place, line in enumerate(lines) if re.search(pattern, line, re.IGNORECASE)]
        if not found:
            return lines
        place = rng.choice(found)
        line = re.sub(pattern, rng.choice(replacements), lines[place], flags=re.IGNORECASE)
        return [*lines[:place], line, *lines[place + 1 :]]

    return mutate


# --- mutations that keep what the message says ------------------------------------------------------------------


def _lower(lines: list[str], _rng: Random) -> list[str]:
    return [line.lower() for line in lines]


def _mixed_case(lines: list[str], rng: Random) -> list[str]:
    return [line.lower() if rng.random() < 0.3 else line for line in lines]


def _blanks_behind(lines: list[str], rng: Random) -> list[str]:
    return [line + " " * rng.randint(0, 3) for line in lines]


def _carriage_returns(lines: list[str], _rng: Random) -> list[str]:
    return [line + "\r" for line in lines]


def _control_signs(lines: list[str], rng: Random) -> list[str]:
    return [*lines[:-1], lines[-1] + rng.choice(("\x03", "\x1a", "\x04", "\x00"))]


def _text_behind(lines: list[str], rng: Random) -> list[str]:
    return [*lines, rng.choice(("NNNN", "", "PLS ACK", "====="))]


def _text_before(lines: list[str], rng: Random) -> list[str]:
    return [*rng.choice((("", ""), ("MVT", "CM335/23.HP1829CMP.MIA", "AD1205/1218"), ("VZCZC 123",))), "", *lines]


def _unknown_element(lines: list[str], rng: Random) -> list[str]:
    _, end = _body(lines)
    return _insert(lines, end, rng.choice((".Z/ANYTHING/31FEB", ".K/1", ".Q/99XXX", ".D/DTN/HOTEL/99XXX/2561L")))


def _repeat_message(lines: list[str], _rng: Random) -> list[str]:
    return [*lines, *lines]


# --- mutations that may damage it -------------------------------------------------------------------------------


def _drop_line(lines: list[str], rng: Random) -> list[str]:
    place = rng.randrange(len(lines))
    return lines[:place] + lines[place + 1 :]


def _repeat_line(lines: list[str], rng: Random) -> list[str]:
    place = rng.randrange(len(lines))
    return _insert(lines, place, lines[place])


def _move_line(lines: list[str], rng: Random) -> list[str]:
    # A heading of a SITATEX file behind its text is read by one and not by another, and both are right.
    moved = list(lines)
    line = moved.pop(rng.choice([place for place, one in enumerate(lines) if one[:1] != "="]))
    moved.insert(rng.randint(0, len(moved)), line)
    return moved


def _shuffle(lines: list[str], rng: Random) -> list[str]:
    places = _elements(lines)[1:]
    order = rng.sample(places, len(places))
    shuffled = list(lines)
    for place, other in zip(places, order, strict=True):
        shuffled[place] = lines[other]
    return shuffled


def _split_line(lines: list[str], rng: Random) -> list[str]:
    place = rng.randrange(len(lines))
    cut = rng.randint(0, len(lines[place]))
    return [*lines[:place], lines[place][:cut], lines[place][cut:], *lines[place + 1 :]]


def _join_lines(lines: list[str], rng: Random) -> list[str]:
    if len(lines) < 2:
        return lines
    place = rng.randrange(len(lines) - 1)
    return [*lines[:place], lines[place] + rng.choice(("", " ")) + lines[place + 1], *lines[place + 2 :]]


def _cut(lines: list[str], rng: Random) -> list[str]:
    text = "\n".join(lines)
    return text[: rng.randint(1, len(text))].split("\n")


def _behead(lines: list[str], rng: Random) -> list[str]:
    text = "\n".join(lines)
    return text[rng.randint(1, len(text) - 1) :].split("\n")


def _flip_sign(lines: list[str], rng: Random) -> list[str]:
    place = rng.randrange(len(lines))
    line = lines[place]
    if not line:
        return lines
    at = rng.randrange(len(line))
    return [*lines[:place], line[:at] + rng.choice("/.-X0 9A") + line[at + 1 :], *lines[place + 1 :]]


def _drop_sign(lines: list[str], rng: Random) -> list[str]:
    place = rng.randrange(len(lines))
    at = rng.randrange(len(lines[place]) or 1)
    return [*lines[:place], lines[place][:at] + lines[place][at + 1 :], *lines[place + 1 :]]


def _drop_end(lines: list[str], _rng: Random) -> list[str]:
    return [line for line in lines if not line.upper().startswith("END")]


def _status_word(lines: list[str], rng: Random) -> list[str]:
    begin, _ = _body(lines)
    return _insert(lines, begin + rng.randint(1, 2), rng.choice(("DEL", "CHG", "ADD", "UPD", "NEW", "CAN")))


def _plain_line(lines: list[str], rng: Random) -> list[str]:
    begin, end = _body(lines)
    word = rng.choice(("BAM", "BAG", "BSM", "BPM", "HELLO", "DEL", ".MIAKMCM 231205", "", "ENDPART1"))
    return _insert(lines, rng.randint(begin + 1, max(end, begin + 1)), word)


def _bad_group(lines: list[str], rng: Random) -> list[str]:
    _, end = _body(lines)
    return _insert(lines, end, ".F/CM100/31FEB/MIA", f".N/0999{rng.randrange(1_000_000):06d}001", ".P/1BAD/GROUP")


def _stray_name(lines: list[str], rng: Random) -> list[str]:
    begin, end = _body(lines)
    return _insert(lines, rng.randint(begin + 2, max(end, begin + 2)), ".P/1STRAY/NAME")


KEEPING: dict[str, Mutate] = {
    "lower case": _lower,
    "mixed case": _mixed_case,
    "blanks behind": _blanks_behind,
    "carriage returns": _carriage_returns,
    "control sign behind END": _control_signs,
    "text behind": _text_behind,
    "text before": _text_before,
    "unknown element": _unknown_element,
    "repeated message": _repeat_message,
}
DAMAGING: dict[str, Mutate] = {
    "line dropped": _drop_line,
    "line repeated": _repeat_line,
    "line moved": _move_line,
    "elements shuffled": _shuffle,
    "line split": _split_line,
    "lines joined": _join_lines,
    "end cut": _cut,
    "beginning cut": _behead,
    "sign replaced": _flip_sign,
    "sign dropped": _drop_sign,
    "END dropped": _drop_end,
    "status word": _status_word,
    "plain line": _plain_line,
    "bad group": _bad_group,
    "stray name": _stray_name,
    "part": _substituted(r"^(\.V/1[LTX][A-Z]{3}).*", r"\g<1>/PART1", r"\g<1>/PART2", r"\g<1>/PART", r"\g<1>/PARTX"),
    "flight": _substituted(r"^(\.[FIO])/[A-Z0-9]+/", r"\1/CM/", r"\1/758/", r"\1//", r"\1/CM0000/"),
    "airport": _substituted(r"^(\.[FO]/[^/]*/[^/]*)/[A-Z]{3}", r"\1/QQX", r"\1/Q1X", r"\1/QQ", r"\1/"),
    "date": _substituted(r"^(\.[FIO]/[^/]*)/\d\d[A-Z]{3}", r"\1/31FEB", r"\1/", r"\1/231126"),
    "count": _substituted(r"^(\.[NB]/.*\d{10})\d{3}", r"\g<1>000", r"\1", r"\g<1>01", r"\g<1>0001", r"\g<1>A01"),
    "time": _substituted(r"^(\.J/.*)/\d{4,6}[LZ]", r"\1/2561L", r"\1/1200", r"\1/", r"\1/12L"),
    "station": _substituted(r"^\.V/1[LTX]", r".V/2L", r".V/1Q", r".V/L", r".V/"),
    "identifier": _substituted(r"^(END)?(B[A-Z]M)$", r"\1BXM", r"\1BSM", r"\g<1>BPM", r"\1B"),
}
ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "UTF-8 with mark": lambda body: b"\xef\xbb\xbf" + body,
    "UTF-16 little": lambda body: body.decode("latin-1").encode("utf-16"),
    "UTF-16 big": lambda body: b"\xfe\xff" + body.decode("latin-1").encode("utf-16-be"),
    "gzip": lambda body: gzip.compress(body, mtime=0),
}
