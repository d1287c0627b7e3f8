"""Files of missed bags and finds of some of them, made up with the noise of real ones. All rates are assumed.

Tags are issued in a row at each station, so that other bags' tags are near; surnames, colours and types are as unevenly
spread as among passengers. A fifth of the finds belongs to nobody's file, a fifth of the files is never found.
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

# Beside those of the demo's people.
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
# What others take a colour for; not the product's own table of near colours.
TAKEN_FOR = {
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
# English, Spanish, Portuguese. Many of them, also everyday ones, are not among the product's own words.
THINGS = """
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
class Finds:
    """What was made up.

    Args:
        truth: index of a find -> index of its file.
    """

    files: Sequence[TracedBagView]
    finds: Sequence[TracedBagView]
    truth: dict[int, int]


def make(seed: int, files: int = 2_000, finds: int = 2_000) -> Finds:
    """So many files and finds; four fifths of the lesser number belong together."""
    numbers = random_for("finds", seed)
    people = [(row["given_name"], row["surname"]) for row in read_rows("names.csv")]
    maker = _Maker(numbers, [given for given, _ in people], [surname for _, surname in people] + SURNAMES.split())
    bags = [maker.bag() for _ in range(files + finds // 5)]
    reported = bags[:files]
    pairs = numbers.sample(range(files), min(files, finds) * 4 // 5)
    found = [reported[index] for index in pairs] + bags[files:][: finds - len(pairs)]
    order = list(range(len(found)))
    numbers.shuffle(order)
    return Finds(
        [
            TracedBagView(bag | {"pir_id": number, "kind": "DELAYED"})
            for number, bag in enumerate(map(maker.report, reported))
        ],
        [TracedBagView(maker.find(found[index]) | {"pir_id": number}) for number, index in enumerate(order)],
        {number: pairs[index] for number, index in enumerate(order) if index < len(pairs)},
    )


class _Maker:
    """Makes bags, what their passengers report, and what stations find."""

    def __init__(self, numbers: Random, given_names: Sequence[str], surnames: Sequence[str]) -> None:
        self._numbers = numbers
        self._given_names = given_names
        self._surnames = surnames
        self._brands = [brand for line in BRANDS.split("\n") for brand in line.split("|") if brand]
        self._things = [tuple(one.split("/")) for line in THINGS.split("\n") for one in line.split("|") if one]
        self._serials = {station: numbers.randrange(900_000) for station in STATIONS}
        self._weights = [1 / (rank + 3) for rank in range(len(surnames))]

    def chance(self, share: float) -> bool:
        """True in such a share of cases."""
        return self._numbers.random() < share

    def bag(self) -> dict[str, Any]:
        """A bag as it is, and the way it should have gone."""
        numbers = self._numbers
        origin, destination = numbers.sample(STATIONS, 2)
        stations = [origin, destination] if HUB in (origin, destination) else [origin, HUB, destination]
        self._serials[origin] += numbers.randint(1, 6)
        at = FIRST_DAY + timedelta(minutes=numbers.randrange(DAYS * 1440))
        surname = numbers.choices(self._surnames, self._weights)[0]
        if self.chance(0.4):
            surname += " " + numbers.choices(self._surnames, self._weights)[0]
        language = numbers.choices((0, 1, 2), (25, 60, 15))[0]
        return {
            "seq": 1,
            "kind": "DELAYED",
            "at": at,
            "tags": [f"0230{self._serials[origin] % 1_000_000:06d}"],
            "surname": surname,
            "given_names": numbers.choice(self._given_names),
            "name_on_bag": "",
            "description": "".join(map(self.common, (COLOURS, TYPES, ELEMENTS))),
            "brand": self.common({brand: 1 / (rank + 2) for rank, brand in enumerate(self._brands)}),
            "things": numbers.sample(self._things[:EVERYDAY], numbers.randint(1, EVERYDAY))
            + numbers.sample(self._things[EVERYDAY:], numbers.randint(2, 6)),
            "language": language,
            "stations": stations,
            "flights": [
                f"CM{100 + STATIONS.index(station) * 20 + at.hour // 4}/{at:%Y-%m-%d}"
                for station in stations
                if station != HUB
            ],
        }

    def common(self, shares: Mapping[str, float]) -> str:
        """One of them, by how common each is."""
        return self._numbers.choices(list(shares), list(shares.values()))[0]

    def report(self, bag: dict[str, Any]) -> dict[str, Any]:
        """What the passenger and the booking say of it."""
        return bag | {
            "description": self.looks(bag["description"], 0.1),
            "brand": "" if self.chance(0.2) else self.typed(bag["brand"], 0.1),
            "contents": "" if self.chance(0.15) else self.listed(bag["things"], bag["language"], 0.2),
        }

    def find(self, bag: dict[str, Any]) -> dict[str, Any]:
        """What a station that has it sees."""
        numbers = self._numbers
        off_route = self.chance(0.1)
        station = numbers.choice(STATIONS if off_route else bag["stations"])
        flights = list(bag["flights"][-1:]) if self.chance(0.5) else []
        if flights and self.chance(0.25):
            flights = [f"CM{numbers.randrange(100, 420)}/{bag['at'] + timedelta(days=1):%Y-%m-%d}"]
        return {
            "seq": 1,
            "kind": "ON_HAND",
            "at": bag["at"] + timedelta(days=numbers.expovariate(1 / 3) - 1),
            "tags": self.read(bag["tags"][0]),
            "surname": "",
            "given_names": "",
            "name_on_bag": self.label(bag),
            "description": self.looks(bag["description"], 0.2),
            "brand": "" if self.chance(0.35) else self.typed(bag["brand"], 0.15),
            "contents": ""
            if self.chance(0.3)
            else self.listed(bag["things"], bag["language"] if self.chance(0.5) else numbers.randrange(3), 0.5),
            "stations": [station],
            "flights": flights,
        }

    def read(self, tag: str) -> list[str]:
        """What can be read of the tag: torn off in a third, another bag's in a twentieth."""
        numbers = self._numbers
        digit = numbers.randrange(4, 10)
        read = numbers.choices(
            (
                tag,
                tag[:digit] + str(numbers.randrange(10)) + tag[digit + 1 :],
                "0" + tag[:digit] + tag[digit + 1 :],
                numbers.choice("345678921") + tag[1:],
                f"0230{numbers.randrange(1_000_000):06d}",
                "",
            ),
            (45, 7, 4, 5, 5, 34),
        )[0]
        return [read] if read else []

    def label(self, bag: dict[str, Any]) -> str:
        """The name on the bag, if there is one that can be read."""
        if self.chance(0.45):
            return ""
        surname, given = bag["surname"], bag["given_names"]
        if self.chance(0.5):
            surname = surname.split()[0]
        name = self._numbers.choice((surname, f"{surname}/{given}", f"{given} {surname}", f"{given[0]} {surname}"))
        return self.typed(name, 0.25)

    def looks(self, description: str, share: float) -> str:
        """Colour, type and elements as another person sees them."""
        numbers = self._numbers
        colour, type_, elements = description[:2], description[2:4], list(description[4:])
        if self.chance(share):
            colour = numbers.choice(TAKEN_FOR[colour].split() if self.chance(0.75) else sorted(COLOURS))
        if self.chance(share):
            type_ = numbers.choice(sorted(TYPES))
        elements = [numbers.choice("XSPZBC") if self.chance(share) else element for element in elements]
        return colour + type_ + "".join(elements)

    def listed(self, things: Sequence[tuple[str, ...]], language: int, missing: float) -> str:
        """What somebody writes down of the contents, something else among it."""
        seen = [thing[language] for thing in things if not self.chance(missing)]
        if self.chance(0.4):
            seen.append(self._numbers.choice(self._things)[language])
        self._numbers.shuffle(seen)
        return self.typed(", ".join(seen), 0.2)

    def typed(self, text: str, share: float) -> str:
        """The text with a typing error in so many: a letter lost, doubled, wrong, or two exchanged."""
        if len(text) < 3 or not self.chance(share):
            return text
        at = self._numbers.randrange(len(text) - 1)
        one, two = text[at], text[at + 1]
        wrong = self._numbers.choice("aeiorstnl")
        return text[:at] + self._numbers.choice((two, one + one + two, wrong + two, two + one)) + text[at + 2 :]
