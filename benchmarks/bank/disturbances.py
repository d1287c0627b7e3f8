"""Disturbances of the text: messages that cannot be read, and text that is not a message about bags."""

import re
from collections.abc import Callable
from random import Random

Damage = Callable[[str], str]

# Each of these must leave no trace (``docs/DOMAIN.md#rule-13``). A message to which one does not apply is damaged
# otherwise.
DAMAGES: tuple[Damage, ...] = (
    lambda text: re.sub(r"(?m)^END[A-Z]{3}\r?\n", "", text),
    lambda text: re.sub(r"(?m)^END[A-Z]{3}", "ENDBXX", text),
    lambda text: re.sub(r"(?m)^\.V/.*\n", "", text),
    lambda text: re.sub(r"(?m)^\.[NB]/.*\n", "", text),
    lambda text: re.sub(r"(?m)^(\.[FI]/CM\d+)/\d\d", r"\1/31FEB", text),
    lambda text: re.sub(r"(?m)^(\.[FI]/CM\d+)/\d\d[A-Z]{3}", r"\1/4XNOV", text),
    lambda text: re.sub(r"(?m)^(\.J/.*/\d\d[A-Z]{3})/\d+([LZ])", r"\1/2561\2", text),
    lambda text: re.sub(r"(?m)^(\.[NB]/(?:[A-Z]{3}/)?\d{10})\d{3}", r"\1", text),
    lambda text: re.sub(r"(?m)^(\.[NB]/(?:[A-Z]{3}/)?\d{10})\d{3}", r"\g<1>000", text),
    lambda text: re.sub(r"(?m)^(\.[NB]/(?:[A-Z]{3}/)?\d{4})\d{9}", r"\g<1>999999002", text),
    lambda text: re.sub(r"(?m)^(END)?B[SP]M", r"\1BXM", text),
)

NOISES = (
    b"MVT\nCM335/23.HP1829CMP.MIA\nAD1205/1218 EA1455 PTY\nDL93/0013\n",
    b"LDM\nCM758/23.HP1711CMP.Y16/150.2/6\n-GRU.140/4/0.0.T2412.1/1200.4/1212\nSI BAG 187/2412\n",
    b"PLS ADV STATUS OF 2 BAGS LEFT BEHIND YESTERDAY\nBRGDS PTY LL\n",
    b"\n\n\n",
    b"\x00\xff\xfe\x80\x9f NOISE ON THE LINE \x1b[31m\n",
    b"=====\nEND OF TRANSMISSION\n",
)


def broken(text: str, number: int, rng: Random) -> str:
    """Damages a message that would have taken the bags off its flight if it were read.

    Args:
        number: number of the broken message, so that no two are equal.
    """
    harmful = re.sub(r"(?m)^\.N/", ".B/OFF/", text) if text.find("BPM") >= 0 else text
    for damage in rng.sample(DAMAGES, len(DAMAGES)):
        damaged = damage(harmful)
        if damaged != harmful:
            end = damaged.rfind("END")
            cut = end if end >= 0 else len(damaged)
            return f"{damaged[:cut]}.R/{number} DAMAGED\n{damaged[cut:]}"
    raise ValueError("No damage applies to this message.")


def noise(number: int, rng: Random) -> bytes:
    """Text that says nothing about bags."""
    return rng.choice(NOISES) + f"NR {number}\n".encode()
