"""Spanish, with usted."""

from integrations.records.effects import Trigger
from resolvers.notifications.wording.words import Phrasebook, Words

SPANISH = Phrasebook(
    tag="es",
    baggage="""
su equipaje $tags
| su equipaje
""",
    greeting="""
Estimado/a señor/a $surname:
| Estimado/a cliente:
""",
    date="$day de $month de $year",
    months=(
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ),
    local_time="hora local",
    thousands="",
    details={
        "reference": "Número de reporte (PIR)",
        "tags": "Etiqueta de equipaje",
        "place": "Dónde está",
        "flight_on": "Vuelo",
        "station": "Destino",
        "window": "Entrega",
        "courier": "Lo entrega",
    },
    notes="""
El reporte (PIR) deja constancia de lo informado; no es una admisión de responsabilidad.

Mensaje automático de $airline por un reporte de equipaje a su nombre.
""",
    milestones={
        Trigger.FILE_OPENED: Words(
            sms="""
$baggage con destino $station figura como demorado.
Abrimos el reporte (PIR) $reference y lo estamos buscando.
| Abrimos un reporte (PIR) y lo estamos buscando. Conserve el comprobante de equipaje.
Siga su estado: $link
""",
            subject="""
Equipaje demorado: abrimos el reporte $reference
| Equipaje demorado: abrimos un reporte
""",
            headline="Estamos buscando su equipaje",
            body="""
Lamentamos que $baggage con destino $station figure como demorado.
Abrimos el reporte de irregularidad (PIR) $reference y la búsqueda ya está en curso.
| Abrimos un reporte de irregularidad (PIR) y la búsqueda ya está en curso.
Le avisaremos cada vez que haya novedades.

Conserve el comprobante de equipaje y los recibos de los gastos necesarios que le cause la demora.
La responsabilidad del transportista internacional se limita a $limit DEG por pasajero (Convenio de Montreal).
""",
            button="Seguir mi equipaje",
        ),
        Trigger.DAMAGE_FILE_OPENED: Words(
            sms="""
abrimos el reporte (PIR) $reference por daños o faltantes en $baggage.
| abrimos un reporte (PIR) por daños o faltantes en $baggage.
Presente su reclamo por escrito hasta el $damage_claim_by.
| Siga su estado: $link
""",
            subject="""
Equipaje con daños o faltantes: abrimos el reporte $reference
| Equipaje con daños o faltantes: abrimos un reporte
""",
            headline="Registramos lo que nos informó",
            body="""
Lamentamos los daños o faltantes en $baggage.
Abrimos el reporte (PIR) $reference con lo que usted nos informó.
| Abrimos un reporte (PIR) con lo que usted nos informó.

Presente su reclamo por escrito a más tardar el $damage_claim_by.
Conserve el equipaje y los recibos de compra o de reparación: hacen falta para evaluarlo.
La responsabilidad del transportista internacional se limita a $limit DEG por pasajero (Convenio de Montreal).
""",
            button="Ver mi reporte",
        ),
        Trigger.BAG_LOCATED: Words(
            sms="""
buenas noticias. $Baggage fue localizado en $place.
| buenas noticias. $Baggage fue localizado.
Reporte (PIR) $reference.
Siga su estado: $link
""",
            subject="""
Localizamos su equipaje en $place
| Localizamos su equipaje
""",
            headline="Buenas noticias: lo localizamos",
            body="""
$Baggage fue localizado en $place.
| $Baggage fue localizado.
Le avisaremos cuando tenga vuelo a $station.
""",
            button="Seguir mi equipaje",
        ),
        Trigger.BAG_FORWARDED: Words(
            sms="""
$baggage viaja a $station en el vuelo $flight del $flight_date.
| $baggage fue enviado a $station.
Reporte (PIR) $reference.
Siga su estado: $link
""",
            subject="""
Su equipaje viaja a $station en el vuelo $flight
| Su equipaje fue enviado a $station
""",
            headline="Su equipaje va en camino",
            body="""
$Baggage viaja a $station en el vuelo $flight del $flight_date.
| $Baggage fue enviado a $station.
Le avisaremos cuando lo recibamos en el aeropuerto.
""",
            button="Seguir mi equipaje",
        ),
        Trigger.BAG_RECEIVED: Words(
            sms="""
$baggage ya se encuentra en el aeropuerto $station. Coordinaremos la entrega con usted.
Reporte (PIR) $reference.
Siga su estado: $link
""",
            subject="Su equipaje llegó a $station",
            headline="Su equipaje llegó al aeropuerto",
            body="""
$Baggage ya se encuentra en el aeropuerto $station.
Coordinaremos la entrega con usted.
""",
            button="Seguir mi equipaje",
        ),
        Trigger.OUT_FOR_DELIVERY: Words(
            sms="""
$baggage sale a entrega: $window.
| $baggage sale a entrega.
Lo lleva $courier.
Reporte (PIR) $reference.
Siga su estado: $link
""",
            subject="""
Su equipaje sale a entrega: $window
| Su equipaje sale a entrega
""",
            headline="Su equipaje sale a entrega",
            body="""
$Baggage sale hacia la dirección de entrega que usted indicó.
Lo recibirá en este horario: $window.
Tenga a mano un documento de identidad y el número del reporte.
""",
            button="Seguir la entrega",
        ),
        Trigger.DELIVERED: Words(
            sms="""
$baggage fue entregado.
Si nota daños o faltantes, reclame por escrito hasta el $damage_claim_by.
| Gracias por su paciencia.
Reporte (PIR) $reference.
""",
            subject="Entregamos su equipaje",
            headline="Su equipaje fue entregado",
            body="""
$Baggage fue entregado. Gracias por su paciencia.

Si nota daños o faltantes, presente su reclamo por escrito a más tardar el $damage_claim_by.
El reclamo por la demora, con los recibos de sus gastos, se presenta por escrito a más tardar el $delay_claim_by.
La responsabilidad del transportista internacional se limita a $limit DEG por pasajero (Convenio de Montreal).
""",
            button="Ver mi reporte",
        ),
        Trigger.MORE_INFORMATION_NEEDED: Words(
            sms="""
para ubicar $baggage nos hace falta la lista de su contenido.
Complete el reporte (PIR) $reference: $link
| Contacte a $airline con el reporte (PIR) $reference.
| Contacte a $airline.
""",
            subject="""
Necesitamos más datos de su equipaje: reporte $reference
| Necesitamos más datos de su equipaje
""",
            headline="Ayúdenos a encontrarlo",
            body="""
Seguimos buscando $baggage y una descripción más completa aumenta las posibilidades de encontrarlo.
Indíquenos qué contiene, con marcas y colores, y cualquier seña particular por fuera.

Conserve los recibos de los gastos necesarios que le cause la demora.
""",
            button="Completar mi reporte",
        ),
        Trigger.CLAIM_STAGE: Words(
            sms="""
lamentamos seguir sin localizar $baggage.
Ya puede presentar su reclamo por el reporte (PIR) $reference: $link
| Ya puede presentar su reclamo por el reporte (PIR) $reference.
| Ya puede presentar su reclamo.
""",
            subject="""
Ya puede presentar su reclamo: reporte $reference
| Ya puede presentar su reclamo
""",
            headline="Puede presentar su reclamo",
            body="""
Lamentamos seguir sin localizar $baggage, pasados 21 días de la fecha en que debió llegar.
Desde ahora puede reclamarlo como perdido; la búsqueda puede continuar mientras tanto.

Adjunte la lista del contenido y los recibos que conserve.
La responsabilidad del transportista internacional se limita a $limit DEG por pasajero (Convenio de Montreal).
Las acciones judiciales se inician a más tardar el $suit_by.
""",
            button="Presentar mi reclamo",
        ),
    },
)
