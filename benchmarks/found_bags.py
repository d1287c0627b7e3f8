"""Random PIRs of missed bags and found bags for some of them, with realistic noise. All rates are assumed.

Tags are issued in sequence at each station, so that tags of other bags are close. Surnames, colours and types are as
uneven as among passengers. A fifth of the found bags has no PIR, and a fifth of the PIRs no found bag.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from integrations.records.matches import TracedBagView
from seeds.bag_factory import COLOURS, ELEMENTS, TYPES
from seeds.network import read_rows
from seeds.seeded_random import random_for

FIRST_DAY = datetime(2026, 10, 1, tzinfo=UTC)
DAYS = 14
HUB = "PTY"
STATIONS = (
    "MIA",
    "BOG",
    "MEX",
    "GRU",
    "LIM",
    "SJO",
    "MDE",
    "SCL",
    "EZE",
    "JFK",
    "CUN",
    "GUA",
    "UIO",
    "SDQ",
    "LAX",
    "HAV",
)

# Beside the surnames of the demo's passengers.
SURNAMES = """
Ramírez Flores Rivera Morales Ortiz Cruz Reyes Gutiérrez Ruiz Álvarez Mendoza Jiménez Moreno Medina Aguilar Vega
Castro Ramos Guerrero Rojas Contreras Salazar Delgado Cabrera Quintero Batista Arosemena Barría Córdoba Valdés
Lima Rocha Dias Nunes Teixeira Cardoso Correia Melo Azevedo Freitas Monteiro Vieira Lopes Fernandes Nascimento
Miller Davis Anderson Thomas Moore Martin Lee Thompson White Harris Lewis Robinson Scott Adams Nelson Campbell
"""
BRANDS = """
Samsonite|American Tourister|Delsey|Totto|Tumi|Travelpro|Swissgear|Nautica|Victorinox|Rimowa|Kipling|Adidas|Nike
Puma|Reebok|Tommy Hilfiger|Guess|Calvin Klein|Kenneth Cole|Ricardo|Skyway|Heys|Lucas|Xtrem|Rockland|Amazon Basics
Sestini|Primicia|Saxoline|Head|Wilson|Olympia|Atlantic|Jansport|The North Face
"""
# Colours for which others take a colour; not the product's own table of near colours.
MISTAKEN_COLOURS = {
    "BK": "BU GY BN",
    "BU": "BK PU GY",
    "GY": "BK BU BE WT",
    "RD": "PU BN YW",
    "GN": "BU BN GY",
    "PU": "BU RD BK",
    "BN": "BE RD BK GN",
    "MC": "PR BU RD",
    "PR": "MC BK",
    "BE": "BN YW GY WT",
    "YW": "BE RD",
}
# English, Spanish, Portuguese. Many of them, everyday ones included, are not among the product's own words.
CONTENT_ITEMS = """
clothes/ropa/roupas|shoes/zapatos/sapatos|toiletries/neceser/nécessaire|charger/cargador/carregador
sneakers/tenis/tênis|jeans/vaqueros/calça jeans|shirts/camisas/camisas|dress/vestido/vestido|jacket/chaqueta/jaqueta
coat/abrigo/casaco|swimsuit/traje de baño/maiô|towel/toalla/toalha|perfume/perfume/perfume|rum/ron/rum
make-up/maquillaje/maquiagem|medicine/medicamentos/remédios|glasses/gafas/óculos|books/libros/livros
documents/documentos/documentos|laptop/portátil/notebook|tablet/tableta/tablet|headphones/audífonos/fones
camera/cámara/câmera|toys/juguetes/brinquedos|baby clothes/ropa de bebé/roupa de bebê|diapers/pañales/fraldas
umbrella/paraguas/guarda-chuva|gifts/regalos/presentes|crafts/artesanías/artesanato|coffee/café/café
chocolates/chocolates/chocolates|hair dryer/secador/secador|iron/plancha/ferro de passar|blanket/manta/manta
tools/herramientas/ferramentas|snorkel/esnórquel/snorkel|football/balón de fútbol/bola de futebol
tennis racket/raqueta/raquete|helmet/casco/capacete|uniform/uniforme/uniforme|hammock/hamaca/rede
wedding dress/vestido de novia/vestido de noiva|fishing rod/caña de pescar/vara de pesca
yoga mat/esterilla de yoga/tapete de yoga|drum sticks/baquetas/baquetas|paint brushes/pinceles/pincéis
sewing kit/costurero/kit de costura|cheese/queso/queijo|spices/especias/temperos|candles/velas/velas
board game/juego de mesa/jogo de tabuleiro|walking sticks/bastones/bastões|binoculars/binoculares/binóculos
tripod/trípode/tripé|ukulele/ukelele/ukulele|scrubs/uniforme médico/pijama cirúrgico|poncho/poncho/poncho
stethoscope/estetoscopio/estetoscópio|wetsuit/traje de neopreno/roupa de borracha|ceramics/cerámica/cerâmica
puzzle/rompecabezas/quebra-cabeça
"""
EVERYDAY = 4  # the first so many are in most bags


@dataclass(frozen=True, slots=True)
class MatchingSet:
    """Random PIRs and found bags.

    Args:
        truth: index of a found bag -> index of its PIR.
    """

    pirs: Sequence[TracedBagView]
    found_bags: Sequence[TracedBagView]
    truth: dict[int, int]


def generate(seed: int, pirs: int = 2_000, found_bags: int = 2_000) -> MatchingSet:
    """Generates so many PIRs and found bags; four fifths of the smaller number belong together."""
    rng = random_for("finds", seed)
    people = [(row["given_name"], row["surname"]) for row in read_rows("names.csv")]
    generator = _Generator(rng, [given for given, _ in people], [surname for _, surname in people] + SURNAMES.split())
    bags = [generator.bag() for _ in range(pirs + found_bags // 5)]
    reported = bags[:pirs]
    pairs = rng.sample(range(pirs), min(pirs, found_bags) * 4 // 5)
    found = [reported[index] for index in pairs] + bags[pirs:][: found_bags - len(pairs)]
    order = list(range(len(found)))
    rng.shuffle(order)
    return MatchingSet(
        [
            TracedBagView(bag | {"pir_id": number, "kind": "DELAYED"})
            for number, bag in enumerate(map(generator.reported_bag, reported))
        ],
        [TracedBagView(generator.found_bag(found[index]) | {"pir_id": number}) for number, index in enumerate(order)],
        {number: pairs[index] for number, index in enumerate(order) if index < len(pairs)},
    )


class _Generator:
    """Generates bags, the reports of their passengers, and the entries of stations that find them."""

    def __init__(self, rng: Random, given_names: Sequence[str], surnames: Sequence[str]) -> None:
        self._rng = rng
        self._given_names = given_names
        self._surnames = surnames
        self._brands = [brand for line in BRANDS.split("\n") for brand in line.split("|") if brand]
        self._items = [tuple(one.split("/")) for line in CONTENT_ITEMS.split("\n") for one in line.split("|") if one]
        self._serials = {station: rng.randrange(900_000) for station in STATIONS}
        self._weights = [1 / (rank + 3) for rank in range(len(surnames))]

    def happens(self, share: float) -> bool:
        """True in such a share of cases."""
        return self._rng.random() < share

    def bag(self) -> dict[str, Any]:
        """A bag with its real attributes and its planned route."""
        rng = self._rng
        origin, destination = rng.sample(STATIONS, 2)
        stations = [origin, destination] if HUB in (origin, destination) else [origin, HUB, destination]
        self._serials[origin] += rng.randint(1, 6)
        at = FIRST_DAY + timedelta(minutes=rng.randrange(DAYS * 1440))
        surname = rng.choices(self._surnames, self._weights)[0]
        if self.happens(0.4):
            surname += " " + rng.choices(self._surnames, self._weights)[0]
        language = rng.choices((0, 1, 2), (25, 60, 15))[0]
        return {
            "seq": 1,
            "kind": "DELAYED",
            "at": at,
            "tags": [f"0230{self._serials[origin] % 1_000_000:06d}"],
            "surname": surname,
            "given_names": rng.choice(self._given_names),
            "name_on_bag": "",
            "description": "".join(map(self.weighted_choice, (COLOURS, TYPES, ELEMENTS))),
            "brand": self.weighted_choice({brand: 1 / (rank + 2) for rank, brand in enumerate(self._brands)}),
            "things": rng.sample(self._items[:EVERYDAY], rng.randint(1, EVERYDAY))
            + rng.sample(self._items[EVERYDAY:], rng.randint(2, 6)),
            "language": language,
            "stations": stations,
            "flights": [
                f"CM{100 + STATIONS.index(station) * 20 + at.hour // 4}/{at:%Y-%m-%d}"
                for station in stations
                if station != HUB
            ],
        }

    def weighted_choice(self, shares: Mapping[str, float]) -> str:
        """A random key, weighted by its share."""
        return self._rng.choices(list(shares), list(shares.values()))[0]

    def reported_bag(self, bag: dict[str, Any]) -> dict[str, Any]:
        """The bag as passenger and booking describe it."""
        return bag | {
            "description": self.description_seen(bag["description"], 0.1),
            "brand": "" if self.happens(0.2) else self.with_typos(bag["brand"], 0.1),
            "contents": "" if self.happens(0.15) else self.listed_contents(bag["things"], bag["language"], 0.2),
        }

    def found_bag(self, bag: dict[str, Any]) -> dict[str, Any]:
        """The bag as a station that finds it describes it."""
        rng = self._rng
        off_route = self.happens(0.1)
        station = rng.choice(STATIONS if off_route else bag["stations"])
        flights = list(bag["flights"][-1:]) if self.happens(0.5) else []
        if flights and self.happens(0.25):
            flights = [f"CM{rng.randrange(100, 420)}/{bag['at'] + timedelta(days=1):%Y-%m-%d}"]
        return {
            "seq": 1,
            "kind": "ON_HAND",
            "at": bag["at"] + timedelta(days=rng.expovariate(1 / 3) - 1),
            "tags": self.readable_tags(bag["tags"][0]),
            "surname": "",
            "given_names": "",
            "name_on_bag": self.readable_name(bag),
            "description": self.description_seen(bag["description"], 0.2),
            "brand": "" if self.happens(0.35) else self.with_typos(bag["brand"], 0.15),
            "contents": ""
            if self.happens(0.3)
            else self.listed_contents(bag["things"], bag["language"] if self.happens(0.5) else rng.randrange(3), 0.5),
            "stations": [station],
            "flights": flights,
        }

    def readable_tags(self, tag: str) -> list[str]:
        """What is readable of the tag: torn off in a third, another bag's in a twentieth."""
        rng = self._rng
        digit = rng.randrange(4, 10)
        readable_tags = rng.choices(
            (
                tag,
                tag[:digit] + str(rng.randrange(10)) + tag[digit + 1 :],
                "0" + tag[:digit] + tag[digit + 1 :],
                rng.choice("345678921") + tag[1:],
                f"0230{rng.randrange(1_000_000):06d}",
                "",
            ),
            (45, 7, 4, 5, 5, 34),
        )[0]
        return [readable_tags] if readable_tags else []

    def readable_name(self, bag: dict[str, Any]) -> str:
        """Readable name on the bag, if there is one."""
        if self.happens(0.45):
            return ""
        surname, given = bag["surname"], bag["given_names"]
        if self.happens(0.5):
            surname = surname.split()[0]
        name = self._rng.choice((surname, f"{surname}/{given}", f"{given} {surname}", f"{given[0]} {surname}"))
        return self.with_typos(name, 0.25)

    def description_seen(self, description: str, share: float) -> str:
        """Colour, type and elements as another person sees them."""
        rng = self._rng
        colour, type_, elements = description[:2], description[2:4], list(description[4:])
        if self.happens(share):
            colour = rng.choice(MISTAKEN_COLOURS[colour].split() if self.happens(0.75) else sorted(COLOURS))
        if self.happens(share):
            type_ = rng.choice(sorted(TYPES))
        elements = [rng.choice("XSPZBC") if self.happens(share) else element for element in elements]
        return colour + type_ + "".join(elements)

    def listed_contents(self, items: Sequence[tuple[str, ...]], language: int, missing: float) -> str:
        """List of contents with omissions, sometimes with something else among it."""
        seen = [item[language] for item in items if not self.happens(missing)]
        if self.happens(0.4):
            seen.append(self._rng.choice(self._items)[language])
        self._rng.shuffle(seen)
        return self.with_typos(", ".join(seen), 0.2)

    def with_typos(self, text: str, share: float) -> str:
        """The text with a typing error in such a share of cases: a letter lost, doubled, wrong, or two exchanged."""
        if len(text) < 3 or not self.happens(share):
            return text
        at = self._rng.randrange(len(text) - 1)
        one, two = text[at], text[at + 1]
        wrong = self._rng.choice("aeiorstnl")
        return text[:at] + self._rng.choice((two, one + one + two, wrong + two, two + one)) + text[at + 2 :]
