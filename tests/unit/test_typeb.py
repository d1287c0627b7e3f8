"""Type B text: split from a stream, parsed and written (``docs/DOMAIN.md#rule-13``)."""

import hashlib
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.messages.split_input import LONGEST_LINE, LONGEST_MESSAGE, InputPiece, PieceKind, Splitter, identity
from integrations.messages.typeb import Element, TypeBError, TypeBMessage, parse, write
from integrations.messages.typeb_reader import MessageContent, read
from integrations.records.instructions import InstructionAction, MessageKind, Source
from tests.type_b_messages import BUM, LOADED_BPM, LOCAL_BSM, RUSH_BSM, SAMPLES

MESSAGE, BROKEN, OTHER = PieceKind
RECEIVED = datetime(2026, 11, 23, 19, 30, tzinfo=UTC)
ENVELOPE = "QU PTYKPCM MIAKMCM\n.MIAKMCM 231205\n"


def split(*chunks: bytes) -> list[InputPiece]:
    splitter = Splitter()
    return [piece for chunk in chunks for piece in splitter.feed(chunk)] + splitter.close()


def brief(pieces: Sequence[InputPiece]) -> list[tuple[PieceKind, int, str]]:
    return [(piece.kind, piece.line, piece.text.splitlines()[0]) for piece in pieces]


def one_of(kind: str, number: int, station: str = "1LMIA", scanned: str = "") -> str:
    """A message without an envelope."""
    return f"{kind}\n.V/{station}\n{scanned}.N/0230{number:06d}001\nEND{kind}\n"


BSM, SECOND = one_of("BSM", 1), one_of("BSM", 2)
HEADINGS = "=HEADER\nRCV,2026/11/23 12:05\n=ORIGIN\nMIAKMCM\n=MSGID\n231205\n=SMI\nBSM\n=TEXT\n"


@pytest.mark.parametrize(
    "text",
    [
        ENVELOPE + BSM + SECOND,
        ENVELOPE + "\n" + BSM + SECOND,
        ENVELOPE.replace("\n", "\r\n") + (BSM + SECOND).replace("\n", "\r\n"),
        "\x01" + ENVELOPE + "\x02" + BSM + SECOND + "\x03",
        ENVELOPE + BSM + one_of("BUM", 3) + SECOND,
        ENVELOPE + BSM + one_of("BSM", 3, "1TMIA") + SECOND,
        ENVELOPE + BSM + SECOND.replace("BSM\n", "BSM\n\n", 1),
        ENVELOPE + BSM.replace("1LMIA", "1LMIA/PART1").replace("ENDBSM", "ENDPART1") + SECOND,
        HEADINGS + BSM.removeprefix("BSM\n") + SECOND,
        HEADINGS + BSM + SECOND,
        (ENVELOPE + BSM + SECOND).lower(),
        ENVELOPE + one_of("BPM", 1, scanned=".J/S\n") + one_of("BPM", 2, scanned=".J/R\n"),
        ENVELOPE + one_of("BCM", 1) + one_of("BCM", 2),
    ],
)
def test_the_origin_line_of_a_telegram_is_that_of_all_its_messages(text: str) -> None:
    """``docs/DOMAIN.md#rule-2``; each message then is the same as with an envelope of its own."""
    pieces = [piece for piece in split(text.encode()) if piece.kind is MESSAGE]
    assert len(pieces) > 1
    for piece in pieces:
        assert parse(piece.text).origin == ".MIAKMCM 231205"
        body = piece.text[piece.text.upper().index(".MIAKMCM") :]
        assert piece.digest == identity(body) == split(body.encode())[0].digest


@pytest.mark.parametrize(
    "text",
    [
        BSM + SECOND,
        ENVELOPE + BSM + "\n" + SECOND,
        ENVELOPE + BSM + "NNNN\n" + SECOND,
        ENVELOPE + BSM + "NNNN\nZCZC\n" + SECOND,
        "\x01" + ENVELOPE + "\x02" + BSM + "\x03" + SECOND,
        "\x01" + ENVELOPE + "\x02" + BSM + "\x03\r\n\x02" + SECOND,
        ENVELOPE + BSM + "PTYKPCM\n" + SECOND,
        ENVELOPE + BSM + "PLS ADV\n" + SECOND,
        ENVELOPE + BSM + one_of("BSM", 2, "1LPTY"),
        ENVELOPE + BSM + one_of("BPM", 2),
        ENVELOPE + BSM.replace("ENDBSM", "ENDBPM") + SECOND,
        ENVELOPE + BSM + "=HEADER\n=SMI\nBSM\n=TEXT\n" + SECOND.removeprefix("BSM\n"),
        ENVELOPE + one_of("BPM", 1) + one_of("BPM", 2, scanned=".J/S/A/D/23NOV/1200Z\n"),
    ],
)
def test_the_origin_line_of_another_telegram_is_not_taken(text: str) -> None:
    last = [piece for piece in split(text.encode()) if piece.kind is MESSAGE][-1]
    assert parse(last.text).origin is None


def test_each_telegram_has_its_own_origin_line() -> None:
    other = ENVELOPE.replace("231205", "231300")
    pieces = split((ENVELOPE + BSM + SECOND + other + BSM + SECOND).encode())
    assert [str(parse(piece.text).origin)[-6:] for piece in pieces] == ["231205", "231205", "231300", "231300"]


def test_a_text_is_known_by_its_first_message() -> None:
    """``docs/DOMAIN.md#rule-15``."""
    first, again, other = (split(text.encode()) for text in (BSM + SECOND, "NNNN\n" + BSM + BUM, SECOND + BSM))
    assert {piece.text_id for piece in first} == {piece.text_id for piece in again if piece.kind is MESSAGE}
    assert {piece.text_id for piece in other}.isdisjoint({0, first[0].text_id})


# --- a stream -----------------------------------------------------------------------------------------------------


def test_a_stream_of_samples_is_cut_into_them_word_for_word() -> None:
    pieces = split("".join(SAMPLES).encode())
    assert [piece.text + "\n" for piece in pieces] == list(SAMPLES)
    assert {piece.kind for piece in pieces} == {MESSAGE}
    lines = [1]
    for text in SAMPLES[:-1]:
        lines.append(lines[-1] + text.count("\n"))
    assert [piece.line for piece in pieces] == lines


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n", " \r\n", "\n\x0b\n", "\r\n\x0c"])
def test_every_line_end_gives_the_same_text_and_identity(end: str) -> None:
    stream = (ENVELOPE + LOCAL_BSM).replace("\n", end).encode()
    (piece,) = split(stream)
    assert split(*[bytes([byte]) for byte in stream + stream]) == split(stream + stream)
    assert piece.text == (ENVELOPE + LOCAL_BSM).strip()
    assert piece.digest == identity(ENVELOPE + LOCAL_BSM)


def test_frames_and_text_between_messages_are_distinguished() -> None:
    stream = (
        "ZCZC ABC123\r\n\x01QU PTYKPCM\r\n.MIAKMCM 231205\r\n\x02" + LOCAL_BSM + "\x03"
        "\x01QU PTYKPCM\r\n.MIAKMCM 231206\r\n\x02MVT\r\nCM335/23.HP1234CMP.MIA\r\nAD1205/1211 EA1510 PTY\r\n\x03"
        "\x01.PTYBRCM 231912\x02" + LOADED_BPM.strip() + "\x03\x01QU PTYKPCM\r\n.PTYKMCM 231913\r\n" + BUM
    )
    assert brief(split(stream.encode())) == [
        (OTHER, 1, "ZCZC ABC123"),
        (MESSAGE, 2, "QU PTYKPCM"),
        (OTHER, 15, "QU PTYKPCM"),
        (MESSAGE, 20, ".PTYBRCM 231912"),
        (MESSAGE, 29, "QU PTYKPCM"),
    ]


@pytest.mark.parametrize(
    ("damaged", "fault", "column", "reason"),
    [
        (LOCAL_BSM.replace("ENDBSM\n", ""), 12, 1, "does not end with ENDBSM"),
        (LOCAL_BSM.replace("ENDBSM", "ENDBPM"), 13, 1, "does not end with ENDBSM"),
        (LOCAL_BSM.replace(".T/4F0C32", ".T/" + "X" * LONGEST_LINE), 12, LONGEST_LINE + 1, "A line must have at most"),
        (LOCAL_BSM.replace("ENDBSM", ".R/SOME WORDS\n" * 10_000 + "ENDBSM"), 9361, 1, "A message must have at most"),
    ],
)
@pytest.mark.parametrize("following", [BUM, ENVELOPE + BUM, "QU PTYKPCM\n" + BUM])
def test_a_broken_message_takes_nothing_of_the_next(
    damaged: str, fault: int, column: int, reason: str, following: str
) -> None:
    broken, whole = split((ENVELOPE + damaged + following).encode())
    assert (broken.kind, broken.line, whole.kind, whole.text) == (BROKEN, 1, MESSAGE, following.strip())
    assert reason in broken.reason
    assert (broken.error_line, broken.column, broken.length) == (fault, column, len(ENVELOPE + damaged) - 1)
    assert broken.digest == identity(ENVELOPE + damaged)
    assert broken.text == (ENVELOPE + damaged).strip() or broken.length > len(broken.text)


@pytest.mark.parametrize(
    ("stream", "found"),
    [
        (LOCAL_BSM.replace("ENDBSM", "ENDBPM") + "WORDS\n" + BUM, [(BROKEN, 1), (OTHER, 12), (MESSAGE, 13)]),
        (LOCAL_BSM.replace("ENDBSM\n", "") + ENVELOPE + "MVT\n" + BUM, [(BROKEN, 1), (OTHER, 11), (MESSAGE, 14)]),
        (ENVELOPE + ENVELOPE + BUM, [(OTHER, 1), (MESSAGE, 3)]),
        ("PTYKPCM\n" * 65 + BUM, [(OTHER, 1), (MESSAGE, 65)]),
        ("WORDS\n\n" + "X" * 5_000 + "\nWORDS\n", [(OTHER, 1), (BROKEN, 3), (OTHER, 4)]),
        ("SOME WORDS\n" * 20_000, [(OTHER, 1), (OTHER, 11_916)]),
    ],
)
def test_text_between_messages_is_kept_and_no_dead_letter(stream: str, found: list[tuple[PieceKind, int]]) -> None:
    pieces = split(stream.encode())
    assert [(piece.kind, piece.line) for piece in pieces] == found
    assert sum(piece.length + 1 for piece in pieces) == len(stream.replace("\n\n", "\n"))


BCM = "BCM\n{}\n.V/1LPTY\n.A/CM2190164/BSM DEL/ACK\nENDBCM\n"


@pytest.mark.parametrize(
    ("stream", "found"),
    [
        (BCM.format("BAM"), [(MESSAGE, 1)]),
        (BCM.format("BSM"), [(MESSAGE, 1)]),
        (BUM.replace("ENDBUM", "BAG\nBUS\nENDBUM"), [(MESSAGE, 1)]),
        (BCM.format("BAM").replace("ENDBCM", "BSM\nENDBCM"), [(MESSAGE, 1)]),
        (LOCAL_BSM.replace("ENDBSM\n", "\n") + BUM, [(BROKEN, 1), (MESSAGE, 12)]),
        (LOCAL_BSM.replace("ENDBSM\n", "bum\nADD\n") + BUM[4:], [(BROKEN, 1), (MESSAGE, 11)]),
        (LOCAL_BSM.replace("ENDBSM", "ENDPART1").replace("LMIA", "LMIA/PART1") + BUM, [(MESSAGE, 1), (MESSAGE, 12)]),
    ],
)
def test_only_a_known_identifier_begins_another_message(stream: str, found: list[tuple[PieceKind, int]]) -> None:
    pieces = split(stream.encode())
    assert [(piece.kind, piece.line) for piece in pieces] == found
    assert split(*[bytes([byte]) for byte in stream.encode()]) == pieces


def test_a_message_cut_off_by_the_end_of_the_stream_is_broken() -> None:
    (piece,) = split(LOCAL_BSM[:40].encode())
    assert (piece.kind, piece.reason) == (BROKEN, "The message does not end with ENDBSM.")


def test_junk_is_kept_byte_by_byte_and_nul_is_made_visible() -> None:
    junk = bytes(byte for byte in range(256) if byte not in b"\n\r\x01\x02\x03\x04\x1a")
    (piece,) = split(b"<" + junk + b">")
    assert piece.kind == OTHER
    assert piece.text.replace("\u2400", "\0").encode("latin-1") == b"<" + junk + b">"
    assert "\0" not in piece.text


def test_identity_is_the_origin_line_and_the_body() -> None:
    same = identity(ENVELOPE + LOCAL_BSM)
    assert identity(ENVELOPE.replace("MIAKMCM\n.", "BOGKPCM\n.") + LOCAL_BSM.replace("\n", "  \r\n")) == same
    assert same == split((ENVELOPE + LOCAL_BSM).encode())[0].digest
    others = {identity(ENVELOPE.replace("1205", "1206") + LOCAL_BSM), identity(LOCAL_BSM), identity(RUSH_BSM), same}
    assert len(others) == 4


def test_a_line_without_end_and_a_message_without_end_take_no_memory() -> None:
    block = b"0123456789ABCDEF" * 65_536
    for stream, beginning in ((b"", LONGEST_LINE), (b"BSM\n.V/1LMIA\n.R/", LONGEST_LINE + 13)):
        splitter = Splitter()
        assert splitter.feed(stream) == []
        tracemalloc.start()
        for _ in range(16):
            assert splitter.feed(block) == []
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        (piece,) = splitter.close()
        everything = stream + block * 16
        assert peak < 1_500_000
        assert (piece.kind, len(piece.text), piece.length) == (BROKEN, beginning, len(everything))
        assert piece.digest == hashlib.sha256(everything).digest()

    splitter = Splitter()
    splitter.feed(b"BSM\n")
    tracemalloc.start()
    for _ in range(4):
        assert splitter.feed(b".R/SOME WORDS\n" * 65_536) == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    (piece,) = splitter.close()
    assert peak < 4_000_000
    assert (piece.kind, piece.length, len(piece.text) <= LONGEST_MESSAGE) == (BROKEN, 3 + 14 * 4 * 65_536, True)


LINES = (
    "QU PTYKPCM", ".MIAKMCM 231205", ".MIAKMCM 399999", "BSM", "BXX", "CHG", "ENDBSM", "ENDBPM", ".V/1LMIA", ".V/",
    ".F/CM1/31FEB/PTY", ".F//23NOV/PTY", ".I/CM1/23NOV", ".N/", ".N/0230999999002", ".N/0230456781000",
    ".N/0000000000001", ".B/UNS", ".J/S///23NOV/2400Z", ".J/S///23NOV/1200L", ".S", ".W/K/X/Y", ".P/", "./", "MVT",
    "X" * 5_000,
)  # fmt: skip
FRAGMENTS = st.one_of(
    st.sampled_from([text.encode() for text in (ENVELOPE, *SAMPLES)]),
    st.sampled_from([f"{line}\n".encode() for line in LINES]),
    st.sampled_from([b".", b"\r", b"\n", b"\x01", b"\x02", b"\x03", b"\0", b" ", b".R/SOME WORDS\n" * 10_000]),
    st.binary(max_size=40),
)


def outcome(text: str) -> MessageContent | TypeBError:
    try:
        return read(parse(text), RECEIVED, {"MIA": ZoneInfo("America/New_York")}.get)
    except TypeBError as error:
        return error


@settings(max_examples=150, deadline=None)
@given(st.lists(FRAGMENTS, max_size=12).map(b"".join), st.data())
def test_any_bytes_in_any_chunks_give_the_same_pieces_and_only_the_documented_error(
    stream: bytes, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = split(stream)
    assert split(*[stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]) == pieces
    assert "\0" not in "".join(piece.text for piece in pieces)
    assert [bool(piece.reason) for piece in pieces] == [piece.kind == BROKEN for piece in pieces]
    for piece in pieces:
        found = outcome(piece.text)
        if isinstance(found, TypeBError):
            assert 1 <= found.line <= piece.text.count("\n") + 1
            assert found.column >= 1


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200) | st.lists(st.sampled_from((*LOCAL_BSM.splitlines(), *LINES))).map("\n".join))
def test_any_text_parses_or_raises_with_a_position(text: str) -> None:
    found = outcome(text)
    if isinstance(found, TypeBError):
        assert 1 <= found.line <= text.count("\n") + 1
    else:
        assert parse(write(parse(text))) == parse(text)


# --- one message --------------------------------------------------------------------------------------------------


def test_a_message_parses_into_its_elements_and_its_envelope() -> None:
    message = parse(ENVELOPE + "BSM\nCHG\n.V/1TPTY/2/6543210014\n.Q/77//\nWORDS, NO ELEMENT\n.N/0230456781002\nENDBSM")
    assert message == TypeBMessage(
        kind=MessageKind.BSM,
        change=InstructionAction.CHG,
        origin=".MIAKMCM 231205",
        addresses=("QU PTYKPCM MIAKMCM",),
        source=Source.TRANSFER,
        airport="PTY",
        part="2",
        reference="6543210014",
        elements=(
            Element("V", ("1TPTY", "2", "6543210014")),
            Element("Q", ("77", "", "")),
            Element("", ("WORDS, NO ELEMENT",)),
            Element("N", ("0230456781002",)),
        ),
    )
    assert [element.line for element in message.elements] == [5, 6, 7, 8]


@pytest.mark.parametrize(
    ("text", "line", "column", "reason"),
    [
        ("", 1, 1, "no message"),
        ("\n\nHELLO", 3, 1, "identifier is unknown"),
        ("BXX\n.V/1LMIA\nENDBXX", 1, 1, "identifier is unknown"),
        (LOCAL_BSM.replace("ENDBSM", ""), 10, 1, "does not end with ENDBSM"),
        (LOCAL_BSM.replace("ENDBSM", "ENDBPM"), 11, 1, "does not end with ENDBSM"),
        (LOCAL_BSM + "AND MORE", 12, 1, "does not end with ENDBSM"),
        (LOCAL_BSM + BUM, 18, 1, "does not end with ENDBSM"),
        (LOCAL_BSM + LOCAL_BSM, 11, 1, "within this one"),
        (LOCAL_BSM.replace(".V/1LMIA\n", ""), 1, 1, "no .V"),
        (LOCAL_BSM.replace(".V/1LMIA\n", ".V/1LMIA\n.V/1LMIA\n"), 3, 1, "a second .V"),
        (LOCAL_BSM.replace("1LMIA", "1QMIA"), 2, 4, "source and airport"),
        (LOCAL_BSM.replace("1LMIA", "1LMI"), 2, 4, "source and airport"),
    ],
)
def test_a_fault_of_a_message_has_a_position(text: str, line: int, column: int, reason: str) -> None:
    with pytest.raises(TypeBError) as caught:
        parse(text)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert reason in caught.value.reason


TELETYPE = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.,()?:'+= \u00d1", max_size=12)
ELEMENTS = st.one_of(
    st.builds(
        lambda name, fields, last: Element(name, (*(text.replace(".", "-") for text in fields), last.strip())),
        st.sampled_from("ABCDEFGHIJKLMNOPQRSTUWXYZ"),
        st.lists(TELETYPE, max_size=6),
        TELETYPE,
    ),
    st.builds(lambda words: Element("", (f"WORDS {words}".strip(),)), TELETYPE),
)


@st.composite
def messages(draw: st.DrawFn) -> TypeBMessage:
    kind = draw(st.sampled_from([kind for kind in MessageKind if kind not in (MessageKind.SCAN, MessageKind.XML)]))
    changes = list(InstructionAction) if kind in (MessageKind.BSM, MessageKind.BTM) else [InstructionAction.NEW]
    source, airport = draw(st.sampled_from(list(Source))), draw(st.sampled_from(["PTY", "MIA"]))
    part, reference = draw(st.sampled_from([("", ""), ("1", "77A")]))
    version = Element("V", (f"1{source.value}{airport}", *((part, reference) if part else ())))
    elements = draw(st.lists(ELEMENTS, max_size=12))
    while elements and not elements[0].name:  # it would be a status
        elements.pop(0)
    elements.insert(draw(st.integers(0, len(elements))), version)
    return TypeBMessage(
        kind=kind,
        change=draw(st.sampled_from(changes)),
        origin=draw(st.sampled_from([None, ".MIAKMCM 231205", ".PTYBRCM 010000 NOV26", ".PTYBRCM 010000NOV26"])),
        addresses=tuple(draw(st.lists(st.sampled_from(["PTYKPCM", "QU MIAKMCM BOGKKCM", "MIAKMCM."]), max_size=2))),
        source=source,
        airport=airport,
        part=part,
        reference=reference,
        elements=tuple(elements),
    )


@settings(max_examples=200, deadline=None)
@given(messages())
def test_what_is_written_parses_to_the_same_and_is_one_piece(message: TypeBMessage) -> None:
    text = write(message)
    assert parse(text) == message
    assert write(parse(text)) == text
    (piece,) = split(text.encode("latin-1"))
    assert (piece.kind, piece.text + "\n", piece.digest) == (MESSAGE, text, identity(text))


@pytest.mark.parametrize(
    "line", [".P/1PAGE/LEA.L/F7K2QX", ".F/CM758/23NOV/GRU/Y.I/CM335/23NOV/MIA", ".L/F7K2QX.E/RUSH", ".W/K/1/22.E/PRIO"]
)
def test_an_element_within_the_line_of_another_is_not_passed_over(line: str) -> None:
    with pytest.raises(TypeBError, match="An element must begin its line"):
        parse(LOCAL_BSM.replace("ENDBSM", f"{line}\nENDBSM"))


def test_dots_that_begin_no_element_are_text() -> None:
    for line in (".W/K/1/22.5", ".P/1ST.JOHN/A.B.", ".R/TEL. A.B/C.D/E", ".T/4F.0C32"):
        parse(LOCAL_BSM.replace("ENDBSM", f"{line}\nENDBSM"))


@pytest.mark.parametrize("text", ["TWO\nLINES", "BLANK AT ITS END ", "CARRIAGE RETURN\r"])
def test_characters_outside_the_alphabet_are_not_written(text: str) -> None:
    message = parse(LOCAL_BSM)
    with pytest.raises(ValueError, match="A line of a message"):
        write(replace(message, elements=(*message.elements, Element("R", (text,)))))
