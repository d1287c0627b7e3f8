"""Labels and fixed texts of the printed report, in each language of passengers."""

from collections.abc import Mapping
from dataclasses import dataclass

from integrations.records.passengers import Language
from integrations.records.pirs import LiabilityRegime, PirKind


@dataclass(frozen=True, slots=True)
class PrintedWords:
    """The texts of one language.

    Args:
        kinds: title of each kind of PIR, with WorldTracer's file type.
        complaint: the deadlines of complaints in general.
        regimes: the law that the deadlines come from.
        colours: colours of IATA Resolution 743b, by code.
        types: bag types of IATA Resolution 743b, by code.
    """

    title: str
    kinds: Mapping[PirKind, str]
    reference: str
    no_reference: str
    station: str
    opened: str
    previous: str
    passenger: str
    surname: str
    given_names: str
    locator: str
    frequent_flyer: str
    phone: str
    email: str
    language: str
    address: str
    journey: str
    itinerary: str
    route: str
    expected_arrival: str
    delivered: str
    bag: str
    tag: str
    rush_tag: str
    looks: str
    brand: str
    contents: str
    name_on_bag: str
    damage: str
    remarks: str
    closed: str
    reason_for_loss: str
    fault_station: str
    deadlines: str
    damage_complaint: str
    delay_complaint: str
    deemed_lost: str
    suit: str
    liability_limit: str
    complaint: str
    regimes: Mapping[LiabilityRegime, str]
    no_admission: str
    passenger_signature: str
    agent_signature: str
    place_and_date: str
    printed: str
    page: str
    more_bags: str
    colours: Mapping[str, str]
    types: Mapping[str, str]


ENGLISH = PrintedWords(
    title="Property irregularity report (PIR)",
    kinds={
        PirKind.DELAYED: "Delayed baggage (AHL)",
        PirKind.DAMAGED: "Damaged baggage (DPR)",
        PirKind.PILFERED: "Missing contents (DPR)",
        PirKind.ON_HAND: "Found baggage (OHD)",
    },
    reference="File reference",
    no_reference="Reference not assigned yet",
    station="Station",
    opened="Reported",
    previous="Follows file",
    passenger="Passenger",
    surname="Surname",
    given_names="Given names",
    locator="Booking (PNR)",
    frequent_flyer="Frequent flyer",
    phone="Phone",
    email="Email",
    language="Language",
    address="Delivery address",
    journey="Journey",
    itinerary="Flights",
    route="From / to",
    expected_arrival="Due to arrive",
    delivered="Delivered",
    bag="Bag",
    tag="Tag",
    rush_tag="Rush tag",
    looks="Colour and type",
    brand="Brand",
    contents="Contents",
    name_on_bag="Name on the bag",
    damage="Damage or loss",
    remarks="Remarks",
    closed="Closed",
    reason_for_loss="Reason for loss (RL)",
    fault_station="Fault station (FS)",
    deadlines="Deadlines",
    damage_complaint="Complaint about damage by",
    delay_complaint="Complaint about delay by",
    deemed_lost="Counts as lost after",
    suit="Legal action by",
    liability_limit="Limit of liability",
    complaint="Complaints must be in writing: damage within 7 days of receipt, delay within 21 days of the day the bag "
    "was placed at the passenger's disposal.",
    regimes={
        LiabilityRegime.MONTREAL: "Montreal Convention 1999.",
        LiabilityRegime.DOMESTIC: "Carriage within one country: its own law applies. The days of the Montreal "
        "Convention 1999 are shown for information.",
        LiabilityRegime.UNKNOWN: "Which law applies is not settled. The days of the Montreal Convention 1999 are shown "
        "for information.",
    },
    no_admission="This report records that the irregularity was reported. It is not an admission of liability by the "
    "carrier.",
    passenger_signature="Signature of the passenger",
    agent_signature="Signature of the agent",
    place_and_date="Place and date",
    printed="Printed",
    page="Page",
    more_bags="further bags in the file",
    colours={
        "WT": "white",
        "BK": "black",
        "GY": "grey",
        "BU": "blue",
        "PU": "purple",
        "RD": "red",
        "YW": "yellow",
        "BE": "beige",
        "BN": "brown",
        "GN": "green",
        "MC": "several colours",
        "PR": "patterned",
        "TD": "tweed",
    },
    types={
        "01": "horizontal hard case",
        "02": "upright hard case",
        "03": "horizontal suitcase with frame",
        "05": "horizontal soft case",
        "20": "garment bag",
        "22": "upright wheeled suitcase",
        "23": "horizontal case with zip",
        "25": "duffel or sports bag",
        "26": "laptop or overnight bag",
        "27": "expandable case",
        "28": "woven bag",
        "29": "backpack",
        "99": "other",
    },
)

SPANISH = PrintedWords(
    title="Reporte de irregularidad de equipaje (PIR)",
    kinds={
        PirKind.DELAYED: "Equipaje demorado (AHL)",
        PirKind.DAMAGED: "Equipaje dañado (DPR)",
        PirKind.PILFERED: "Contenido faltante (DPR)",
        PirKind.ON_HAND: "Equipaje hallado (OHD)",
    },
    reference="Número de reporte",
    no_reference="Número de reporte aún no asignado",
    station="Estación",
    opened="Reportado",
    previous="Continúa el reporte",
    passenger="Pasajero",
    surname="Apellidos",
    given_names="Nombres",
    locator="Reserva (PNR)",
    frequent_flyer="Viajero frecuente",
    phone="Teléfono",
    email="Correo electrónico",
    language="Idioma",
    address="Dirección de entrega",
    journey="Viaje",
    itinerary="Vuelos",
    route="Desde / hasta",
    expected_arrival="Llegada prevista",
    delivered="Entregado",
    bag="Maleta",
    tag="Etiqueta",
    rush_tag="Etiqueta de reenvío",
    looks="Color y tipo",
    brand="Marca",
    contents="Contenido",
    name_on_bag="Nombre en la maleta",
    damage="Daño o faltante",
    remarks="Observaciones",
    closed="Cerrado",
    reason_for_loss="Causa (RL)",
    fault_station="Estación responsable (FS)",
    deadlines="Plazos",
    damage_complaint="Protesta por daño hasta",
    delay_complaint="Protesta por retraso hasta",
    deemed_lost="Se considera perdido después del",
    suit="Acción judicial hasta",
    liability_limit="Límite de responsabilidad",
    complaint="La protesta debe hacerse por escrito: por daño, dentro de 7 días desde la recepción; por retraso, "
    "dentro de 21 días desde que el equipaje fue puesto a disposición del pasajero.",
    regimes={
        LiabilityRegime.MONTREAL: "Convenio de Montreal de 1999.",
        LiabilityRegime.DOMESTIC: "Transporte dentro de un mismo país: rige su propia ley. Los plazos del Convenio de "
        "Montreal de 1999 se muestran como información.",
        LiabilityRegime.UNKNOWN: "No está determinada la ley aplicable. Los plazos del Convenio de Montreal de 1999 se "
        "muestran como información.",
    },
    no_admission="Este reporte deja constancia de que se informó la irregularidad. No constituye una admisión de "
    "responsabilidad por parte del transportista.",
    passenger_signature="Firma del pasajero",
    agent_signature="Firma del agente",
    place_and_date="Lugar y fecha",
    printed="Impreso",
    page="Página",
    more_bags="maletas más en el reporte",
    colours={
        "WT": "blanco",
        "BK": "negro",
        "GY": "gris",
        "BU": "azul",
        "PU": "morado",
        "RD": "rojo",
        "YW": "amarillo",
        "BE": "beige",
        "BN": "marrón",
        "GN": "verde",
        "MC": "varios colores",
        "PR": "estampado",
        "TD": "tweed",
    },
    types={
        "01": "maleta rígida horizontal",
        "02": "maleta rígida vertical",
        "03": "maleta horizontal con marco",
        "05": "maleta blanda horizontal",
        "20": "portatrajes",
        "22": "maleta vertical con ruedas",
        "23": "maleta horizontal con cierre",
        "25": "bolso deportivo",
        "26": "maletín o bolso de mano",
        "27": "maleta expandible",
        "28": "bolsa tejida",
        "29": "mochila",
        "99": "otro",
    },
)

PORTUGUESE = PrintedWords(
    title="Relatório de irregularidade de bagagem (PIR)",
    kinds={
        PirKind.DELAYED: "Bagagem atrasada (AHL)",
        PirKind.DAMAGED: "Bagagem danificada (DPR)",
        PirKind.PILFERED: "Conteúdo faltante (DPR)",
        PirKind.ON_HAND: "Bagagem encontrada (OHD)",
    },
    reference="Número do relatório",
    no_reference="Número do relatório ainda não atribuído",
    station="Estação",
    opened="Comunicado",
    previous="Continua o relatório",
    passenger="Passageiro",
    surname="Sobrenome",
    given_names="Nome",
    locator="Reserva (PNR)",
    frequent_flyer="Passageiro frequente",
    phone="Telefone",
    email="E-mail",
    language="Idioma",
    address="Endereço de entrega",
    journey="Viagem",
    itinerary="Voos",
    route="De / para",
    expected_arrival="Chegada prevista",
    delivered="Entregue",
    bag="Mala",
    tag="Etiqueta",
    rush_tag="Etiqueta de reenvio",
    looks="Cor e tipo",
    brand="Marca",
    contents="Conteúdo",
    name_on_bag="Nome na mala",
    damage="Dano ou falta",
    remarks="Observações",
    closed="Encerrado",
    reason_for_loss="Causa (RL)",
    fault_station="Estação responsável (FS)",
    deadlines="Prazos",
    damage_complaint="Protesto por dano até",
    delay_complaint="Protesto por atraso até",
    deemed_lost="Considerada perdida após",
    suit="Ação judicial até",
    liability_limit="Limite de responsabilidade",
    complaint="O protesto deve ser feito por escrito: por dano, em até 7 dias do recebimento; por atraso, em até "
    "21 dias da data em que a bagagem foi posta à disposição do passageiro.",
    regimes={
        LiabilityRegime.MONTREAL: "Convenção de Montreal de 1999.",
        LiabilityRegime.DOMESTIC: "Transporte dentro de um só país: aplica-se a lei própria. Os prazos da Convenção de "
        "Montreal de 1999 são mostrados como informação.",
        LiabilityRegime.UNKNOWN: "Não está definida a lei aplicável. Os prazos da Convenção de Montreal de 1999 são "
        "mostrados como informação.",
    },
    no_admission="Este relatório registra que a irregularidade foi comunicada. Não constitui admissão de "
    "responsabilidade por parte do transportador.",
    passenger_signature="Assinatura do passageiro",
    agent_signature="Assinatura do agente",
    place_and_date="Local e data",
    printed="Impresso",
    page="Página",
    more_bags="malas a mais no relatório",
    colours={
        "WT": "branca",
        "BK": "preta",
        "GY": "cinza",
        "BU": "azul",
        "PU": "roxa",
        "RD": "vermelha",
        "YW": "amarela",
        "BE": "bege",
        "BN": "marrom",
        "GN": "verde",
        "MC": "várias cores",
        "PR": "estampada",
        "TD": "tweed",
    },
    types={
        "01": "mala rígida horizontal",
        "02": "mala rígida vertical",
        "03": "mala horizontal com armação",
        "05": "mala macia horizontal",
        "20": "porta-terno",
        "22": "mala vertical com rodas",
        "23": "mala horizontal com zíper",
        "25": "bolsa esportiva",
        "26": "pasta ou bolsa de mão",
        "27": "mala expansível",
        "28": "bolsa trançada",
        "29": "mochila",
        "99": "outra",
    },
)

PRINTED_WORDS = {Language.EN: ENGLISH, Language.ES: SPANISH, Language.PT: PORTUGUESE}
