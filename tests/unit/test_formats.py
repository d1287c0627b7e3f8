"""Inputs as senders really write them: encodings, envelopes, letter case, JSON layouts (docs/DOMAIN.md#rule-13)."""

import gzip
import hashlib
import json
import tracemalloc
from time import perf_counter

import pytest

from integrations.messages import baggage_xml, encodings
from integrations.messages.encodings import Decoder, DecodingError, decode
from integrations.messages.formats import body_of, pieces_of, pieces_of_stored, tags_named
from integrations.messages.scans import ScanError
from integrations.messages.split_input import InputPiece, PieceKind
from integrations.messages.typeb import parse
from integrations.records.instructions import InstructionAction
from tests.type_b_messages import BUM, LOCAL_BSM, SAMPLES

MESSAGE, BROKEN, OTHER = PieceKind
FILE = "BSM\n.V/1LPTY\n.F/CM758/01DEC/GRU/Y\n.N/0230774001001\n.P/1FILE/ANA\n.L/QF1F1F\nENDBSM\n"
SCAN = {"tag": "0230774030", "kind": "LOADED", "at": "2026-11-30T19:00:00Z", "airport": "PTY"}
FLIGHT_SCAN = SCAN | {"flight": {"designator": "CM758", "departureDate": "2026-11-30"}}

SITATEX = """=HEADER
RCV,2026/11/30 19:01
=PRIORITY
QU
=DESTINATION TYPE B
STX,PTYKPCM
=ORIGIN
MIAKMCM
=DBLSIG
XS
=MSGID
301901
=SMI
BSM
=TEXT
.V/1LPTY
.F/CM758/01DEC/GRU/Y
.N/0230772010001
ENDBSM
"""
SECOND_SITATEX = SITATEX.replace("301901", "301902").replace("=TEXT\n", "=TEXT\nDEL\n")


def kinds(data: bytes) -> list[PieceKind]:
    return [piece.kind for piece in pieces_of(data)]


def only(data: bytes) -> InputPiece:
    [piece] = pieces_of(data)
    return piece


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbf" + FILE.encode(),
        b"\xef\xbb\xbf\xef\xbb\xbf" + FILE.encode(),
        FILE.encode("utf-16"),
        b"\xfe\xff" + FILE.encode("utf-16-be"),
        FILE.encode("utf-16-le"),
        FILE.encode("utf-32"),
        FILE.encode("utf-16-be"),
        gzip.compress(FILE.encode(), mtime=0),
        gzip.compress(FILE[:40].encode(), mtime=0) + gzip.compress(FILE[40:].encode(), mtime=0) + b"\0" * 512,
        gzip.compress(FILE.encode("utf-16"), mtime=0),
        FILE.strip().encode() + b"\x1a",
        FILE.strip().encode() + b"\r\n\x1a",
        FILE.strip().encode() + b"\x03\x00\x00",
        b"\x01" + FILE.replace("\n", "\r\r\n").encode() + b"\x7f\x07\x04",
        b"\x0e\x02" + FILE.encode() + b"\x0f\x03",
    ],
)
def test_encodings_and_controls_give_the_same_message(data: bytes) -> None:
    piece = only(data)
    assert (piece.kind, piece.text, piece.digest) == (MESSAGE, FILE.strip(), only(FILE.encode()).digest)
    cut = Decoder()
    assert b"".join(part for byte in data for part in cut.feed(bytes([byte]))) + b"".join(cut.close()) == decode(data)


def test_files_with_a_byte_order_mark_each_are_all_read() -> None:
    marked = b"\xef\xbb\xbf" + FILE.encode()
    assert kinds(marked * 3 + b"\x1a" + marked) == [MESSAGE] * 4


@pytest.mark.parametrize(
    "data", [b"\x1f\x8b\x08" + b"\0" * 40, gzip.compress(FILE.encode(), mtime=0)[:-9], b"\x1f\x8b\x08"]
)
def test_damaged_gzip_is_a_dead_letter(data: bytes) -> None:
    piece = only(data)
    assert (piece.kind, "gzip" in piece.reason) == (BROKEN, True)
    [again] = pieces_of_stored(piece.text)
    assert (again.kind, again.digest) == (BROKEN, piece.digest)


def test_a_small_body_cannot_stand_for_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encodings, "LARGEST_DECOMPRESSED", 1_000_000)
    bomb = gzip.compress(b"A" * 50_000_000, mtime=0)
    with pytest.raises(DecodingError) as caught:
        decode(bomb)
    assert caught.value.too_large
    monkeypatch.undo()
    tracemalloc.start()
    decoder = Decoder()
    assert max(len(part) for part in decoder.feed(bomb)) <= 65_536
    assert tracemalloc.get_traced_memory()[1] < 2_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("text", [FILE.lower(), FILE.replace("BSM", "bsm"), FILE.replace(".V/1LPTY", ".v/1lpty")])
def test_letter_case_means_nothing(text: str) -> None:
    piece = only(text.encode())
    assert (piece.kind, piece.text) == (MESSAGE, text.strip()), "kept word for word"
    assert parse(piece.text) == parse(FILE)
    assert piece.digest == only(FILE.encode()).digest, "a repeat of the same message"


def test_the_identity_of_a_text_in_capitals_is_that_of_its_bytes() -> None:
    for encoding in ("utf-8", "latin-1"):
        text = FILE.strip().replace("FILE", "PE\u00d1A")
        assert only(text.encode(encoding)).digest == hashlib.sha256(text.encode(encoding)).digest()
        assert only(text.lower().encode(encoding)).digest == only(text.encode(encoding)).digest


def test_letters_beyond_ascii_are_those_of_utf_8_or_latin_1() -> None:
    for encoding in ("utf-8", "latin-1", "utf-16"):
        piece = only(FILE.replace("FILE", "PE\u00d1A").encode(encoding))
        assert [element.fields[0] for element in parse(piece.text).elements if element.name == "P"] == ["1PE\u00d1A"]


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16"])
@pytest.mark.parametrize("text", [FILE.strip().replace("FILE", "PE\u00d1A"), "BSM\n.P/1PE\u00d1A\nENDBPM", "PE\u00d1A"])
def test_a_text_is_stored_in_its_own_letters_and_read_from_them_again(text: str, encoding: str) -> None:
    piece = only(text.encode(encoding))
    assert body_of(piece) == text
    [again] = pieces_of_stored(body_of(piece))
    assert (again.kind, again.reason, body_of(again)) == (piece.kind, piece.reason, text)
    [corrected] = pieces_of(body_of(piece).encode())
    assert body_of(corrected) == text


def test_a_text_that_an_earlier_version_stored_byte_by_byte_is_read_again() -> None:
    piece = only(FILE.replace("FILE", "PE\u00d1A").encode())
    assert list(pieces_of_stored(piece.text)) == [piece]


@pytest.mark.parametrize(
    "name", ["GAR\x00CIA", "GAR\x02CIA", "GAR\x07CIA", "G\x7fARCIA", "GAR\x03C\x04IA", "GAR\ufeffCIA"]
)
def test_controls_within_an_element_are_no_part_of_it(name: str) -> None:
    piece = only(FILE.replace("FILE", name).encode())
    assert [element.fields[0] for element in parse(piece.text).elements if element.name == "P"] == ["1GARCIA"]


@pytest.mark.parametrize("following", ["BSM", " BSM", "bsm", ".MIAKMCM 301903\nBSM"])
def test_a_message_joined_to_the_end_of_another_is_one_of_its_own(following: str) -> None:
    pieces = list(pieces_of(f"{FILE.strip()}{following}{FILE.strip().removeprefix('BSM')}".encode()))
    assert [(piece.kind, parse(piece.text).elements) for piece in pieces] == [(MESSAGE, parse(FILE).elements)] * 2
    assert pieces[0].digest == only(FILE.encode()).digest
    assert kinds(f"{FILE.strip()}XYZ\n".encode()) == [BROKEN], "what is joined is not surely a message"


def test_a_sitatex_file_keeps_origin_and_message_id() -> None:
    first, second = pieces_of((SITATEX + SECOND_SITATEX).encode())
    assert first.text.splitlines()[:3] == ["QU PTYKPCM", ".MIAKMCM 301901", "BSM"]
    assert (first.kind, second.kind, parse(second.text).change) == (MESSAGE, MESSAGE, InstructionAction.DEL)
    (lower,) = pieces_of(SITATEX.lower().encode())
    assert parse(lower.text) == parse(first.text)
    relayed = "QU BOGKKCM\n" + "\n".join(first.text.splitlines()[1:])
    assert only(relayed.encode()).digest == first.digest, "the same message from another relay"


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ("=TEXT\n", "", ["=HEADER", "RCV,2026/11/30 19:01", "=PRIORITY"]),
        ("=TEXT\n", "=TEXT\nBSM\n", ["QU PTYKPCM", ".MIAKMCM 301901", "BSM"]),
        ("=SMI\nBSM\n=TEXT\n", "=TEXT\nBSM\n", ["QU PTYKPCM", ".MIAKMCM 301901", "BSM"]),
        ("=MSGID\n301901\n", "", ["QU PTYKPCM", "BSM", ".V/1LPTY"]),
        ("=TEXT\n", "=TEXT\n\x02.MIAKMCM 301855\n", ["QU PTYKPCM", ".MIAKMCM 301901", ".MIAKMCM 301855"]),
        ("STX,PTYKPCM\n", "STX,PTYKPCM\nSTX,BOGKKCM\n", ["QU PTYKPCM BOGKKCM", ".MIAKMCM 301901", "BSM"]),
    ],
)
def test_sitatex_files_differ(old: str, new: str, kept: list[str]) -> None:
    pieces = list(pieces_of(SITATEX.replace(old, new).encode()))
    assert pieces[-1].kind == MESSAGE
    assert [line for piece in pieces for line in piece.text.splitlines()][:3] == kept


@pytest.mark.parametrize(
    "text",
    [
        SITATEX.replace("ENDBSM\n", ""),
        SITATEX.replace("=SMI\nBSM\n", ""),
        SITATEX.replace("=TEXT\n.V/1LPTY\n", "=TEXT\n"),
    ],
)
def test_a_sitatex_file_that_cannot_be_read_is_a_dead_letter(text: str) -> None:
    read = list(pieces_of(text.encode()))
    assert [piece.kind for piece in read if ".n/0230772010001" in piece.text.lower()] in ([BROKEN], [MESSAGE])
    for piece in read:
        if piece.kind == MESSAGE:
            with pytest.raises(ValueError, match="line"):
                parse(piece.text)
    assert list(pieces_of((text + "\n" + BUM).encode()))[-1].kind == MESSAGE


@pytest.mark.parametrize(
    "text",
    [
        FILE.replace("BSM\n", "", 1),
        FILE.replace("BSM\n", "BSM DEL\n", 1),
        ".N/0230774001001\n.P/1FILE/ANA\n",
        "MVT\n.v/1lpty\n",
        "WORDS ENDBSM",
        "MVT\n" + json.dumps(SCAN),
        "MVT\n<Bag><BagTagID>0230774103</BagTagID></Bag>",
        FILE.encode("utf-32-le").decode("latin-1"),
    ],
)
def test_text_that_looks_like_baggage_is_never_other_text(text: str) -> None:
    assert BROKEN in kinds(text.encode())
    assert OTHER not in kinds(text.encode())
    assert kinds((text + "\n\n" + BUM).encode())[-1] == MESSAGE


def test_a_mainframe_message_is_never_other_text() -> None:
    assert kinds(FILE.encode("cp500")) == [BROKEN]


def test_a_document_may_be_in_any_unicode() -> None:
    document = '<?xml version="1.0" encoding="UTF-16"?><IATA_BagEventNotif><Bag/></IATA_BagEventNotif>'
    with pytest.raises(ScanError, match="BagTagID"):
        baggage_xml.read(only(document.encode("utf-16")).text.encode(), lambda _: None, "utf-8")


@pytest.mark.parametrize("name", ["ISO-8859-1", "latin1", "windows-1252", "ISO-8859-15"])
def test_xml_is_read_in_the_encoding_that_it_declares(name: str) -> None:
    document = f"<?xml version='1.0' encoding='{name}'?><IATA_BagEventNotif>PE\u00d1A</IATA_BagEventNotif>"
    piece = only(document.encode(name))
    assert (piece.kind, piece.text) == (MESSAGE, document)
    assert only(piece.text.encode()).text == document, "the stored text is read again"


@pytest.mark.parametrize(
    "declaration", ["", "<?xml version='1.0'?>", "<?xml version='1.0' encoding='cp037'?>", "<?xml encoding='XX'?>"]
)
def test_xml_in_an_encoding_that_is_not_declared_or_not_known_is_a_dead_letter(declaration: str) -> None:
    piece = only(f"{declaration}<IATA_BagEventNotif>PE\u00d1A</IATA_BagEventNotif>".encode("latin-1"))
    assert (piece.kind, piece.reason) == (BROKEN, "The text is not valid UTF-8.")


def scans(*documents: object, indent: int | None = None, between: str = "\n") -> str:
    return between.join(json.dumps(document, indent=indent) for document in documents)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        (scans(SCAN, FLIGHT_SCAN), [1, 2]),
        (scans(SCAN, FLIGHT_SCAN, indent=2), [1, 7]),
        (scans([SCAN, FLIGHT_SCAN]), [1, 1]),
        (scans([SCAN, FLIGHT_SCAN], indent=2), [2, 8]),
        (scans(SCAN, FLIGHT_SCAN, between=" "), [1, 1]),
        ("\ufeff\x1e" + scans(SCAN, FLIGHT_SCAN, between="\n\x1e"), [1, 2]),
        ("\r\n" + scans(SCAN, FLIGHT_SCAN, between="\r\n,\r\n") + "\r\n]", [2, 4]),
    ],
)
def test_scans_are_found_in_any_layout(text: str, lines: list[int]) -> None:
    found = list(pieces_of(text.encode()))
    assert [(piece.kind, piece.line) for piece in found] == [(MESSAGE, line) for line in lines]
    assert [json.loads(piece.text) for piece in found] == [SCAN, FLIGHT_SCAN]
    assert [json.loads(piece.text) for piece in pieces_of(text.encode("utf-16"))] == [SCAN, FLIGHT_SCAN]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (scans(SCAN) + '\n{"tag": \n' + scans(SCAN), [MESSAGE, BROKEN, MESSAGE]),
        (scans(SCAN, indent=2)[:-2] + "\n" + scans(FLIGHT_SCAN, indent=2), [BROKEN, MESSAGE]),
        ('{"n": ' + "1" * 5_000 + "}\n" + scans(SCAN), [MESSAGE, MESSAGE]),
        ('{"a": ' * 5_000 + "\n" + scans(SCAN), [BROKEN, MESSAGE]),
        ("[1, 2]\n" + scans(SCAN), [BROKEN, MESSAGE]),
        (scans(SCAN) + " and more", [MESSAGE, BROKEN]),
        ("[]", []),
        ("[" + scans(SCAN), [MESSAGE]),
    ],
)
def test_a_broken_scan_takes_nothing_of_the_next(text: str, found: list[PieceKind]) -> None:
    assert kinds(text.encode()) == found


@pytest.mark.parametrize("line", ['{"a":\n', '{"a":[\n', "[\n", '{"a":"\n', "x\n", '{"a":1\n', '"\n'])
def test_broken_json_takes_time_in_proportion_to_its_length(line: str) -> None:
    started = perf_counter()
    assert sum(len(piece.text) for piece in pieces_of(b"{" + line.encode() * (1_000_000 // len(line)))) > 0
    assert perf_counter() - started < 10


def test_tags_are_counted_without_parsing() -> None:
    assert [tags_named(only(text.encode())) for text in SAMPLES[:2]] == [3, 3]
    assert tags_named(only(LOCAL_BSM.replace("0230456781002", "0230000000999").encode())) == 1_000
    assert tags_named(only(scans(SCAN).encode())) == 1
