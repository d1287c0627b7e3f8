"""English; also said to those whose language is not spoken here."""

from integrations.records.effects import Trigger
from resolvers.notifications.wording.words import Phrasebook, Words

ENGLISH = Phrasebook(
    tag="en",
    baggage="""
your baggage $tags
| your baggage
""",
    greeting="""
Dear Mr/Ms $surname,
| Dear customer,
""",
    date="$day $month $year",
    months=(
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ),
    local_time="local time",
    thousands=",",
    details={
        "reference": "Report number (PIR)",
        "tags": "Bag tag",
        "place": "Where it is",
        "flight_on": "Flight",
        "station": "Destination",
        "window": "Delivery",
        "courier": "Delivered by",
    },
    notes="""
The report (PIR) records what was stated; it is not an admission of liability.

Automatic message of $airline about a baggage report in your name.
""",
    milestones={
        Trigger.FILE_OPENED: Words(
            sms="""
$baggage to $station is delayed.
We opened report (PIR) $reference and are tracing it.
| We opened a report (PIR) and are tracing it. Please keep your baggage receipt.
Track it: $link
""",
            subject="""
Delayed baggage: report $reference is open
| Delayed baggage: a report is open
""",
            headline="We are tracing your baggage",
            body="""
We are sorry that $baggage to $station is delayed.
We opened the irregularity report (PIR) $reference, and tracing has begun.
| We opened an irregularity report (PIR), and tracing has begun.
We will write to you whenever there is news.

Please keep your baggage receipt, and the receipts of necessary expenses that the delay causes you.
On international journeys the carrier's liability is limited to $limit SDR per passenger (Montreal Convention).
""",
            button="Track my baggage",
        ),
        Trigger.DAMAGE_FILE_OPENED: Words(
            sms="""
we opened report (PIR) $reference on damage or missing items in $baggage.
| we opened a report (PIR) on damage or missing items in $baggage.
Please claim in writing by $damage_claim_by.
| See it: $link
""",
            subject="""
Damaged baggage or missing items: report $reference is open
| Damaged baggage or missing items: a report is open
""",
            headline="We recorded what you told us",
            body="""
We are sorry about the damage to, or the items missing from, $baggage.
We opened the report (PIR) $reference with what you told us.
| We opened a report (PIR) with what you told us.

Please claim in writing by $damage_claim_by at the latest.
Keep the baggage and the receipts of purchase or repair: they are needed to assess it.
On international journeys the carrier's liability is limited to $limit SDR per passenger (Montreal Convention).
""",
            button="See my report",
        ),
        Trigger.BAG_LOCATED: Words(
            sms="""
good news. $Baggage was located in $place.
| good news. $Baggage was located.
Report (PIR) $reference.
Track it: $link
""",
            subject="""
We located your baggage in $place
| We located your baggage
""",
            headline="Good news: we located it",
            body="""
$Baggage was located in $place.
| $Baggage was located.
We will write to you when it has a flight to $station.
""",
            button="Track my baggage",
        ),
        Trigger.BAG_FORWARDED: Words(
            sms="""
$baggage is booked to $station on flight $flight of $flight_date.
| $baggage was sent to $station.
Report (PIR) $reference.
Track it: $link
""",
            subject="""
Your baggage is booked to $station on flight $flight
| Your baggage was sent to $station
""",
            headline="Your baggage is on its way",
            body="""
$Baggage is booked to $station on flight $flight of $flight_date.
| $Baggage was sent to $station.
We will write to you when we receive it at the airport.
""",
            button="Track my baggage",
        ),
        Trigger.BAG_RECEIVED: Words(
            sms="""
$baggage is now at $station airport. We will arrange its delivery with you.
Report (PIR) $reference.
Track it: $link
""",
            subject="Your baggage arrived at $station",
            headline="Your baggage is at the airport",
            body="""
$Baggage is now at the airport $station.
We will arrange its delivery with you.
""",
            button="Track my baggage",
        ),
        Trigger.OUT_FOR_DELIVERY: Words(
            sms="""
$baggage is out for delivery: $window.
| $baggage is out for delivery.
By $courier.
Report (PIR) $reference.
Track it: $link
""",
            subject="""
Your baggage is out for delivery: $window
| Your baggage is out for delivery
""",
            headline="Your baggage is out for delivery",
            body="""
$Baggage is on its way to the delivery address you gave us.
You will receive it at this time: $window.
Please have an identity document and the number of the report at hand.
""",
            button="Track the delivery",
        ),
        Trigger.DELIVERED: Words(
            sms="""
$baggage was delivered.
If you find damage or missing items, please claim in writing by $damage_claim_by.
| Thank you for your patience.
Report (PIR) $reference.
""",
            subject="We delivered your baggage",
            headline="Your baggage was delivered",
            body="""
$Baggage was delivered. Thank you for your patience.

If you find damage or missing items, please claim in writing by $damage_claim_by at the latest.
A claim for the delay, with the receipts of your expenses, is made in writing by $delay_claim_by at the latest.
On international journeys the carrier's liability is limited to $limit SDR per passenger (Montreal Convention).
""",
            button="See my report",
        ),
        Trigger.MORE_INFORMATION_NEEDED: Words(
            sms="""
to find $baggage we need a list of its contents.
Complete report (PIR) $reference: $link
| Please contact $airline and quote report (PIR) $reference.
| Please contact $airline.
""",
            subject="""
We need more details of your baggage: report $reference
| We need more details of your baggage
""",
            headline="Help us find it",
            body="""
We are still tracing $baggage, and a fuller description makes finding it more likely.
Please tell us what is in it, with brands and colours, and any particular mark on the outside.

Please keep the receipts of necessary expenses that the delay causes you.
""",
            button="Complete my report",
        ),
        Trigger.CLAIM_STAGE: Words(
            sms="""
we are sorry that $baggage has still not been found.
You may now file a claim for report (PIR) $reference: $link
| You may now file a claim for report (PIR) $reference.
| You may now file a claim.
""",
            subject="""
You may now file a claim: report $reference
| You may now file a claim
""",
            headline="You may file your claim",
            body="""
We are sorry that $baggage has still not been found, 21 days after it should have arrived.
From now on you may claim it as lost; tracing may go on meanwhile.

Please enclose a list of its contents and the receipts that you have.
On international journeys the carrier's liability is limited to $limit SDR per passenger (Montreal Convention).
Legal action has to be brought by $suit_by at the latest.
""",
            button="File my claim",
        ),
    },
)
