"""Commands on PIRs: one shape for all of them, and update, assign and comment.

A command is a frozen dataclass and one function. The decorators run the function in a transaction: the PIR, its
history, the events of its bags and the effects are committed together, or not at all. A command with an idempotency key
is run once; a repetition returns the result of the first run.
"""

from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import Field, asdict, dataclass
from functools import wraps
from typing import Any, ClassVar, Protocol, TypeVar

from integrations.records.effects import TracingCall
from integrations.records.pirs import Pir, PirAction, PirKind
from integrations.stores.postgres import airports, pirs
from integrations.stores.postgres.manager import Reader
from resolvers.context import Context
from resolvers.errors import NotFound
from resolvers.irregularities import idempotency
from resolvers.irregularities.pir_unit import PirUnit, Target

DAMAGE = frozenset({PirKind.DAMAGED, PirKind.PILFERED})


@dataclass(frozen=True, slots=True)
class CommandResult:
    """Result of a command.

    Args:
        pir: the PIR after the command.
        replayed: whether the command ran earlier under the same idempotency key; this call changed nothing.
    """

    pir: Pir
    replayed: bool


class CommandData(Protocol):
    """Any dataclass. Its fields are part of the fingerprint of an idempotency key and therefore keep their names."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]


C = TypeVar("C", bound=CommandData)
PirCommand = Callable[[Context, Target, C, str | None], Coroutine[Any, Any, CommandResult]]
OpeningCommand = Callable[[Context, C, str | None], Coroutine[Any, Any, CommandResult]]


def pir_command(operation: str) -> Callable[[Callable[[PirUnit, C], Awaitable[None]]], PirCommand[C]]:
    """Declares a command on one open PIR.

    The decorated function is called with the locked PIR and the command. The resulting function takes the context, the
    target, the command and the idempotency key, and returns the PIR after the command.

    Args:
        operation: name of the command in the store of idempotency keys.
    """

    def decorate(function: Callable[[PirUnit, C], Awaitable[None]]) -> PirCommand[C]:
        @wraps(function)
        async def run(context: Context, target: Target, command: C, key: str | None) -> CommandResult:
            async def change(records: Reader) -> int:
                await function(await PirUnit.of_open(context, records, target), command)
                return target.pir_id

            return await run_once(context, key, operation, {**asdict(target), **asdict(command)}, change)

        return run

    return decorate


def opening_command(operation: str) -> Callable[[Callable[[Context, Reader, C], Awaitable[int]]], OpeningCommand[C]]:
    """Declares a command that opens a PIR.

    The decorated function is called with the context, the transaction and the command, and returns the id of the new
    PIR. The resulting function takes the context, the command and the idempotency key, and returns the new PIR.

    Args:
        operation: name of the command in the store of idempotency keys.
    """

    def decorate(function: Callable[[Context, Reader, C], Awaitable[int]]) -> OpeningCommand[C]:
        @wraps(function)
        async def run(context: Context, command: C, key: str | None) -> CommandResult:
            async def change(records: Reader) -> int:
                return await function(context, records, command)

            return await run_once(context, key, operation, asdict(command), change)

        return run

    return decorate


async def run_once(
    context: Context,
    key: str | None,
    operation: str,
    command: Mapping[str, Any],
    change: Callable[[Reader], Awaitable[int]],
) -> CommandResult:
    """Runs a change in a transaction, or returns the result that is stored under the idempotency key.

    Args:
        command: everything that distinguishes this command from another one of the operation.
        change: returns the id of the PIR.

    Raises:
        KeyReused: the key was used for another command.
    """
    async with context.stores.postgres.transaction() as records:
        earlier = await idempotency.earlier_result(context, records, key, operation, command) if key else None
        pir_id = int(earlier["pir"]) if earlier is not None else await change(records)
        if key and earlier is None:
            await idempotency.keep(context, records, key, {"pir": pir_id})
    found = await pirs.by_id(context.stores.postgres, context.airline_id, [pir_id])
    return CommandResult(found[pir_id], earlier is not None)


@dataclass(frozen=True, slots=True)
class ChosenBags:
    """Selects bags of a PIR.

    Args:
        bags: numbers of the bags in the PIR; None for all of them.
    """

    bags: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class DescribedBagUpdate:
    """New descriptions of one bag of a PIR; None keeps the value.

    Args:
        seq: number of the bag in the PIR.
    """

    seq: int
    description: str | None = None
    brand: str | None = None
    contents: str | None = None
    damage: str | None = None
    name_on_bag: str | None = None


@dataclass(frozen=True, slots=True)
class UpdatePir:
    """New values of a PIR; None keeps the value, and an empty text removes it."""

    remarks: str | None = None
    phone: str | None = None
    email: str | None = None
    delivery_address: str | None = None
    language: str | None = None
    storage_location: str | None = None
    bags: tuple[DescribedBagUpdate, ...] = ()


# Values without which a PIR has those of the passenger, or none.
REMOVABLE = frozenset({"phone", "email", "delivery_address", "storage_location"})


@pir_command("updatePir")
async def update(pir: PirUnit, command: UpdatePir) -> None:
    """Updates values of a PIR and of its bags. A command without values writes nothing."""
    values = {name: value for name, value in asdict(command).items() if name != "bags" and value is not None}
    if not values and not command.bags:
        return
    pir.set(**{name: value or (None if name in REMOVABLE else value) for name, value in values.items()})
    for one in command.bags:
        (bag,) = pir.chosen([one.seq])
        described = {name: value for name, value in asdict(one).items() if name != "seq" and value is not None}
        pir.set_bag(bag.seq, **described)
    await pir.write(PirAction.UPDATE, detail={"changed": sorted(values), "bags": [one.seq for one in command.bags]})
    await pir.trace(TracingCall.UPDATE)
    await pir.propose_matches()


@dataclass(frozen=True, slots=True)
class AssignPir:
    """Assigns a PIR.

    Args:
        assignee: technical name of the agent; None removes the assignment.
    """

    assignee: str | None


@pir_command("assignPir")
async def assign(pir: PirUnit, command: AssignPir) -> None:
    """Assigns a PIR to an agent, or removes the assignment."""
    pir.set(assignee=command.assignee)
    await pir.write(PirAction.ASSIGN, detail={"assignee": command.assignee})


@dataclass(frozen=True, slots=True)
class CommentPir:
    """Comments on a PIR.

    Args:
        text: may hold personal data.
    """

    text: str


@pir_command("commentPir")
async def comment(pir: PirUnit, command: CommentPir) -> None:
    """Adds a comment to the history of a PIR."""
    await pir.write(PirAction.COMMENT, comment=command.text)


async def check_airport(records: Reader, airport: str, field: str) -> None:
    """Checks that an airport exists.

    Args:
        field: argument that names the airport.

    Raises:
        NotFound: no airport has this code.
    """
    if airport not in await airports.by_code(records, [airport]):
        raise NotFound(field, f"{field} must be the IATA code of a known airport, not {airport}")
