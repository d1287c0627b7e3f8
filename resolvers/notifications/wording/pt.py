"""Portuguese as in Brazil."""

from integrations.records.effects import Trigger
from resolvers.notifications.wording.words import Phrasebook, Words

PORTUGUESE = Phrasebook(
    tag="pt",
    baggage="""
sua bagagem $tags
| sua bagagem
""",
    greeting="""
Prezado(a) senhor(a) $surname,
| Prezado(a) cliente,
""",
    date="$day de $month de $year",
    months=(
        "janeiro",
        "fevereiro",
        "março",
        "abril",
        "maio",
        "junho",
        "julho",
        "agosto",
        "setembro",
        "outubro",
        "novembro",
        "dezembro",
    ),
    local_time="hora local",
    thousands=".",
    details={
        "reference": "Número do registro (PIR)",
        "tags": "Etiqueta da bagagem",
        "place": "Onde está",
        "flight_on": "Voo",
        "station": "Destino",
        "window": "Entrega",
        "courier": "Entregue por",
    },
    notes="""
O registro (PIR) documenta o que foi informado; não é uma admissão de responsabilidade.

Mensagem automática da $airline sobre um registro de bagagem em seu nome.
""",
    milestones={
        Trigger.FILE_OPENED: Words(
            sms="""
$baggage com destino $station consta como atrasada.
Abrimos o registro (PIR) $reference e a busca segue em andamento.
| Abrimos um registro (PIR) e a busca segue em andamento. Guarde o comprovante da bagagem.
Acompanhe: $link
""",
            subject="""
Bagagem atrasada: abrimos o registro $reference
| Bagagem atrasada: abrimos um registro
""",
            headline="Estamos procurando sua bagagem",
            body="""
Lamentamos que $baggage com destino $station esteja atrasada.
Abrimos o registro de irregularidade (PIR) $reference e a busca já começou.
| Abrimos um registro de irregularidade (PIR) e a busca já começou.
Avisaremos sempre que houver novidades.

Guarde o comprovante da bagagem e os recibos das despesas necessárias que o atraso lhe causar.
A responsabilidade do transportador internacional é limitada a $limit DES por passageiro (Convenção de Montreal).
""",
            button="Acompanhar minha bagagem",
        ),
        Trigger.DAMAGE_FILE_OPENED: Words(
            sms="""
abrimos o registro (PIR) $reference por danos ou itens faltantes em $baggage.
| abrimos um registro (PIR) por danos ou itens faltantes em $baggage.
Prazo para reclamar por escrito: $damage_claim_by.
| Acompanhe: $link
""",
            subject="""
Bagagem com danos ou itens faltantes: abrimos o registro $reference
| Bagagem com danos ou itens faltantes: abrimos um registro
""",
            headline="Registramos o que nos informou",
            body="""
Lamentamos os danos ou itens faltantes em $baggage.
Abrimos o registro (PIR) $reference com o que nos informou.
| Abrimos um registro (PIR) com o que nos informou.

Apresente sua reclamação por escrito até $damage_claim_by.
Guarde a bagagem e os recibos de compra ou de conserto: são necessários para a avaliação.
A responsabilidade do transportador internacional é limitada a $limit DES por passageiro (Convenção de Montreal).
""",
            button="Ver meu registro",
        ),
        Trigger.BAG_LOCATED: Words(
            sms="""
temos novidades. $Baggage foi localizada em $place.
| temos novidades. $Baggage foi localizada.
Registro (PIR) $reference.
Acompanhe: $link
""",
            subject="""
Localizamos sua bagagem em $place
| Localizamos sua bagagem
""",
            headline="Boas notícias: foi localizada",
            body="""
$Baggage foi localizada em $place.
| $Baggage foi localizada.
Avisaremos quando tiver voo para $station.
""",
            button="Acompanhar minha bagagem",
        ),
        Trigger.BAG_FORWARDED: Words(
            sms="""
$baggage segue para $station no voo $flight de $flight_date.
| $baggage foi enviada para $station.
Registro (PIR) $reference.
Acompanhe: $link
""",
            subject="""
Sua bagagem segue para $station no voo $flight
| Sua bagagem foi enviada para $station
""",
            headline="Sua bagagem está a caminho",
            body="""
$Baggage segue para $station no voo $flight de $flight_date.
| $Baggage foi enviada para $station.
Avisaremos quando a recebermos no aeroporto.
""",
            button="Acompanhar minha bagagem",
        ),
        Trigger.BAG_RECEIVED: Words(
            sms="""
$baggage chegou ao aeroporto $station. Vamos combinar a entrega.
Registro (PIR) $reference.
Acompanhe: $link
""",
            subject="Sua bagagem chegou a $station",
            headline="Sua bagagem chegou ao aeroporto",
            body="""
$Baggage já está no aeroporto $station.
Vamos combinar a entrega.
""",
            button="Acompanhar minha bagagem",
        ),
        Trigger.OUT_FOR_DELIVERY: Words(
            sms="""
$baggage saiu para entrega: $window.
| $baggage saiu para entrega.
Entrega por $courier.
Registro (PIR) $reference.
Acompanhe: $link
""",
            subject="""
Sua bagagem saiu para entrega: $window
| Sua bagagem saiu para entrega
""",
            headline="Sua bagagem saiu para entrega",
            body="""
$Baggage está a caminho do endereço de entrega que nos informou.
O horário da entrega é: $window.
Tenha à mão um documento de identidade e o número do registro.
""",
            button="Acompanhar a entrega",
        ),
        Trigger.DELIVERED: Words(
            sms="""
$baggage foi entregue.
Em caso de danos ou itens faltantes, o prazo para reclamar por escrito vence em $damage_claim_by.
| Agradecemos a espera.
Registro (PIR) $reference.
""",
            subject="Entregamos sua bagagem",
            headline="Sua bagagem foi entregue",
            body="""
$Baggage foi entregue. Agradecemos a espera.

Em caso de danos ou itens faltantes, apresente sua reclamação por escrito até $damage_claim_by.
A reclamação pelo atraso, com os recibos das despesas, é apresentada por escrito até $delay_claim_by.
A responsabilidade do transportador internacional é limitada a $limit DES por passageiro (Convenção de Montreal).
""",
            button="Ver meu registro",
        ),
        Trigger.MORE_INFORMATION_NEEDED: Words(
            sms="""
para localizar $baggage precisamos da lista do que ela leva.
Complete o registro (PIR) $reference: $link
| Contate a $airline com o registro (PIR) $reference.
| Contate a $airline.
""",
            subject="""
Precisamos de mais dados da sua bagagem: registro $reference
| Precisamos de mais dados da sua bagagem
""",
            headline="Ajude-nos a encontrá-la",
            body="""
Continuamos procurando $baggage, e uma descrição mais completa aumenta as chances de encontrá-la.
Diga-nos o que ela contém, com marcas e cores, e qualquer sinal particular por fora.

Guarde os recibos das despesas necessárias que o atraso lhe causar.
""",
            button="Completar meu registro",
        ),
        Trigger.CLAIM_STAGE: Words(
            sms="""
lamentamos que $baggage siga sem ser localizada.
Envie seu pedido de ressarcimento do registro (PIR) $reference: $link
| Envie seu pedido de ressarcimento do registro (PIR) $reference.
| Envie seu pedido de ressarcimento.
""",
            subject="""
Já pode pedir o ressarcimento: registro $reference
| Já pode pedir o ressarcimento
""",
            headline="Já pode pedir o ressarcimento",
            body="""
Lamentamos que $baggage ainda não tenha sido localizada, 21 dias após a data em que deveria ter chegado.
A partir de agora pode reclamá-la como perdida; a busca pode continuar enquanto isso.

Envie a lista do conteúdo e os recibos que tiver.
A responsabilidade do transportador internacional é limitada a $limit DES por passageiro (Convenção de Montreal).
As ações judiciais devem ser propostas até $suit_by.
""",
            button="Pedir o ressarcimento",
        ),
    },
)
