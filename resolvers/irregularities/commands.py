"""Working a file: each command is one transaction of the file, its history, its bags' events and what is to leave."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from integrations.records.effects import TracingCall
from integrations.records.pirs import Pir, PirAction, PirKind
from integrations.stores.postgres import airports, pirs
from integrations.stores.postgres.manager import Reader
from resolvers.context import Context
from resolvers.errors import NotFound
from resolvers.irregularities import idempotency, matches
from resolvers.irregularities.pir_unit import PirUnit, Target

DAMAGE = frozenset({PirKind.DAMAGED, PirKind.PILFERED})


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a command came to.

    Args:
        replayed: the same command was done before under its key; nothing was done now.
    """

    pir: Pir
    replayed: bool


@dataclass(frozen=True, slots=True)
class DescribedBagUpdate:
    """New descriptions of one bag of a file; None leaves it as it is."""

    seq: int
    description: str | None = None
    brand: str | None = None
    contents: str | None = None
    damage: str | None = None
    name_on_bag: str | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """New values of a file; None leaves them as they are."""

    remarks: str | None = None
    phone: str | None = None
    email: str | None = None
    delivery_address: str | None = None
    language: str | None = None
    storage_location: str | None = None
    bags: tuple[DescribedBagUpdate, ...] = ()


Work = Callable[[Reader], Awaitable[int]]


async def run_once(
    context: Context, key: str | None, operation: str, command: Mapping[str, Any], work: Work
) -> CommandResult:
    """Does the work in a transaction, or answers as it was answered under the key."""
    async with context.stores.postgres.transaction() as records:
        earlier = await idempotency.earlier_answer(context, records, key, operation, command) if key else None
        pir_id = int(earlier["pir"]) if earlier is not None else await work(records)
        if key and earlier is None:
            await idempotency.keep(context, records, key, {"pir": pir_id})
    found = await pirs.by_id(context.stores.postgres, context.airline_id, [pir_id])
    return CommandResult(found[pir_id], earlier is not None)


async def change_pir(
    context: Context,
    key: str | None,
    operation: str,
    target: Target,
    command: Mapping[str, Any],
    work: Callable[[PirUnit], Awaitable[None]],
) -> CommandResult:
    """As ``run_once``, for one open file."""

    async def change(records: Reader) -> int:
        await work(await PirUnit.of_open(context, records, target))
        return target.pir_id

    return await run_once(context, key, operation, {**asdict(target), **command}, change)


async def update(context: Context, target: Target, command: Update, key: str | None) -> CommandResult:
    """Changes what a file says."""

    async def work(change: PirUnit) -> None:
        said = asdict(command)
        said.pop("bags")
        if not command.bags and not any(value is not None for value in said.values()):
            return
        change.set(**{name: value for name, value in said.items() if value is not None})
        for one in command.bags:
            (bag,) = change.chosen([one.seq])
            values = {name: value for name, value in asdict(one).items() if name != "seq" and value is not None}
            change.set_bag(bag.seq, **values)
        changed = sorted(name for name, value in said.items() if value is not None)
        await change.write(PirAction.UPDATE, detail={"changed": changed, "bags": [one.seq for one in command.bags]})
        await change.trace(TracingCall.UPDATE)
        await matches.propose(context, change.records, target.pir_id)

    return await change_pir(context, key, "updatePir", target, asdict(command), work)


async def assign(context: Context, target: Target, assignee: str | None, key: str | None) -> CommandResult:
    """Gives a file to an agent, or takes it back."""

    async def work(change: PirUnit) -> None:
        change.set(assignee=assignee)
        await change.write(PirAction.ASSIGN, detail={"assignee": assignee})

    return await change_pir(context, key, "assignPir", target, {"assignee": assignee}, work)


async def comment(context: Context, target: Target, text: str, key: str | None) -> CommandResult:
    """Adds a comment to a file's history."""

    async def work(change: PirUnit) -> None:
        await change.write(PirAction.COMMENT, comment=text)

    return await change_pir(context, key, "commentPir", target, {"text": text}, work)


async def check_airport(records: Reader, airport: str) -> None:
    """Checks that an airport exists.

    Raises:
        NotFound: no airport has this code.
    """
    if airport not in await airports.by_code(records, [airport]):
        raise NotFound("airport", "There is no such airport.")
