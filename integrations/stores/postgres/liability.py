"""Liability law in PostgreSQL: limits by date, and the countries that the treaty binds."""

from collections.abc import Sequence
from datetime import date

from integrations.records.pirs import LiabilityLimit
from integrations.stores.postgres.manager import Reader

LIABILITY_LIMITS = "SELECT valid_from, baggage_sdr FROM liability_limits WHERE treaty = 'MONTREAL_1999' ORDER BY 1"

TREATY_PARTIES = """
SELECT country_code, valid_from FROM treaty_parties WHERE treaty = 'MONTREAL_1999' AND country_code = ANY($1::text[])
"""


async def limits(records: Reader) -> list[LiabilityLimit]:
    """The Montreal Convention's limits for baggage, oldest first."""
    return await records.fetch(LIABILITY_LIMITS, name="LIABILITY_LIMITS", record_class=LiabilityLimit)


async def parties(records: Reader, country_codes: Sequence[str]) -> dict[str, date]:
    """The date from which the Montreal Convention is known to bind each of these countries; others are absent."""
    rows = await records.fetch(TREATY_PARTIES, country_codes, name="TREATY_PARTIES")
    return {row["country_code"]: row["valid_from"] for row in rows}
