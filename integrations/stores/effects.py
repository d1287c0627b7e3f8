"""What leaves the product because of files, in PostgreSQL: effects, their sends and what providers reported."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from integrations.records.effects import Service
from integrations.stores.postgres import Reader

LANES = 64

INSERT_EFFECT = """
INSERT INTO effects (airline_id, service, lane, pir_id, action, key, detail, due_at, created_at)
SELECT $1, $2, $3, id, $5, $6, $7, $8, $8 FROM pirs WHERE airline_id = $1 AND id = $4
ON CONFLICT (airline_id, key) DO NOTHING
"""


async def insert(
    records: Reader,
    airline_id: int,
    service: Service,
    pir_id: int,
    action: str,
    occurrence: int,
    detail: Mapping[str, Any],
    at: datetime,
) -> None:
    """Asks for an effect; part of the transaction that makes the change. Asked for twice, it is one.

    Args:
        occurrence: which of several of the kind it is: the place in the file's history that asks for it.
    """
    await records.execute(
        INSERT_EFFECT,
        airline_id,
        service.value,
        pir_id % LANES,
        pir_id,
        action,
        f"{pir_id}:{action}:{occurrence}:{service}",
        dict(detail),
        at,
        name="INSERT_EFFECT",
    )
