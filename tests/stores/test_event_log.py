"""Months of the event log are detached as docs/SCALING.md says, and made again for a late event."""

import re
from pathlib import Path

import asyncpg

GUIDE = (Path(__file__).parents[2] / "docs" / "SCALING.md").read_text()
MAKE_MONTH = "SELECT ensure_event_partitions(ARRAY['2025-01-15'::date])"
MONTHS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'events'::regclass"


async def test_a_month_is_detached_and_made_again_for_a_late_event(migrated_url: str) -> None:
    [statements] = re.findall(r"```sql\n(.*?)```", GUIDE, re.DOTALL)
    records = await asyncpg.connect(migrated_url)
    await records.execute(MAKE_MONTH)
    for statement in statements.strip().splitlines():
        await records.execute(statement)
    assert "events_2025_01" not in {row[0] for row in await records.fetch(MONTHS)}
    assert await records.fetchval("SELECT count(*) FROM archived_events_2025_01") == 0
    await records.execute(MAKE_MONTH)
    assert "events_2025_01" in {row[0] for row in await records.fetch(MONTHS)}
    await records.close()
