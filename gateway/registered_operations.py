"""``python -m gateway operations``: registers the operations of a client's build, and lists who uses what."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from graphql import GraphQLError, GraphQLSchema, parse
from strawberry.schema.exceptions import CannotGetOperationTypeError

from gateway.errors import CommandError
from gateway.http.graphql_request import DIGEST, MAX_DOCUMENT_ID
from integrations.records.registered_operations import ClientVersion, NewOperation
from integrations.stores.postgres import operation_uses, registered_operations
from integrations.stores.postgres.manager import PostgresManager
from schema.runtime.documents import DocumentCache
from schema.runtime.signatures import selected_fields

APOLLO_FORMAT = "apollo-persisted-query-manifest"
MAX_MANIFEST = 16_777_216
MAX_OPERATIONS = 5_000
# Further faults are only counted.
MAX_LINES = 20
FORMS = "a manifest is a JSON object of documents by id (Relay, graphql-codegen), or Apollo's"


async def register(postgres: PostgresManager, documents: DocumentCache, path: str, of: ClientVersion) -> str:
    """Registers the operations of a manifest, all or none; repeatable. Returns a summary.

    Args:
        documents: prepares documents by the limits of requests.
        path: file of the manifest.
        of: the client and the version that was built.

    Raises:
        CommandError: the manifest cannot be used; the message lists its faults.
        OutsideError: PostgreSQL is unavailable.
    """
    operations = read_manifest(_content(path), documents)
    if others := await registered_operations.insert(postgres, of, operations):
        raise CommandError(
            f"{of.client} {of.version} has registered other documents under {len(others)} of these ids, such as "
            f"{others[0]}. Register them under another version, or remove this one first."
        )
    return f"{len(operations):,} operations of {of.client} {of.version} are registered"


async def remove(postgres: PostgresManager, of: ClientVersion) -> str:
    """Removes the operations of a client's version. Returns a summary.

    Raises:
        CommandError: it has none.
        OutsideError: PostgreSQL is unavailable.
    """
    removed = await registered_operations.delete(postgres, of)
    if not removed:
        raise CommandError(f"{of.client} {of.version} has no registered operations.")
    return f"{removed:,} operations of {of.client} {of.version} are removed"


async def listing(postgres: PostgresManager) -> list[str]:
    """Returns a line for each version of each client.

    Raises:
        OutsideError: PostgreSQL is unavailable.
    """
    lines = [
        f"{one.of.client} {one.of.version}: {one.operations:,} operations, "
        f"registered {one.registered_at:%Y-%m-%d %H:%M} UTC"
        for one in await registered_operations.versions(postgres)
    ]
    return lines or ["No operations are registered."]


async def uses(postgres: PostgresManager, schema: GraphQLSchema, days: int, field: str | None) -> list[str]:
    """Returns a line for each operation that a client's version ran, the latest first.

    Args:
        days: number of days, today included.
        field: only operations that name it, in the form of ``selected_fields``; None for all.

    Raises:
        CommandError: the schema has no such field.
        OutsideError: PostgreSQL is unavailable.
    """
    if field is not None:
        check_name(schema, field)
    lines = []
    for use in await operation_uses.of_days(postgres, days):
        if field is None or field in selected_fields(schema, parse(use.document)):
            client = f"{use.of.client or 'unnamed client'} {use.of.version}".strip()
            lines.append(f"{client}: {use.operation or 'unnamed operation'}, {use.uses:,} uses, last on {use.last_day}")
    return lines or [f"No client has used {field or 'any operation'} in {days} days."]


def check_name(schema: GraphQLSchema, name: str) -> None:
    """Checks that a schema has a field, argument or enum value, named as by ``selected_fields``.

    Raises:
        CommandError: it has none of this name.
    """
    type_name, _, rest = name.partition(".")
    member, _, argument = rest.removesuffix(":)").partition("(")
    owner = schema.get_type(type_name)
    members = getattr(owner, "fields", None) or getattr(owner, "values", None) or {}
    if member not in members or (argument and argument not in getattr(members[member], "args", {})):
        raise CommandError(
            f"The schema has no {name}. Name a field as Bag.weightKg, or Query.bag(by:), or an enum value."
        )


def read_manifest(data: bytes, documents: DocumentCache) -> list[NewOperation]:
    """Returns the operations of a manifest.

    Raises:
        CommandError: it has another form, or invalid documents; the message lists its faults.
    """
    try:
        manifest = json.loads(data, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        raise CommandError(f"The manifest is not valid JSON; {FORMS}.") from None
    given = _documents_in(manifest)
    if not 0 < len(given) <= MAX_OPERATIONS:
        raise CommandError(f"A manifest must have 1 to {MAX_OPERATIONS:,} operations, not {len(given):,}.")
    operations, faults = list[NewOperation](), list[str]()
    for operation_id, document in given:
        try:
            operations.append(_operation(operation_id, document, documents))
        except ValueError as error:
            faults.append(f"{operation_id[:MAX_DOCUMENT_ID]}: {error}")
    if faults:
        further = [f"and {len(faults) - MAX_LINES:,} more"] if len(faults) > MAX_LINES else []
        raise CommandError("\n  ".join(["Nothing was registered.", *faults[:MAX_LINES], *further]))
    return operations


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; Python's parser would keep the last of several documents under one id.

    Raises:
        CommandError: it has a key twice.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        raise CommandError("The manifest has an id twice.")
    return found


def _documents_in(manifest: Any) -> Sequence[tuple[str, str]]:
    """Ids and documents of a manifest."""
    pairs: Sequence[tuple[Any, Any]]
    if isinstance(manifest, dict) and manifest.get("format") == APOLLO_FORMAT:
        entries = manifest.get("operations")
        if manifest.get("version") != 1 or not isinstance(entries, list):
            raise CommandError("The manifest of Apollo must have the version 1 and a list of operations.")
        pairs = [(one.get("id"), one.get("body")) for one in entries if isinstance(one, Mapping)]
        complete = len(pairs) == len(entries)
    elif isinstance(manifest, dict):
        pairs, complete = list(manifest.items()), True
    else:
        raise CommandError(f"The manifest has another form; {FORMS}.")
    if not complete or not all(isinstance(part, str) for pair in pairs for part in pair):
        raise CommandError(f"An operation of the manifest has no id or no document in text; {FORMS}.")
    if len({operation_id for operation_id, _ in pairs}) < len(pairs):
        raise CommandError("The manifest has an id twice.")
    return pairs


def _operation(operation_id: str, document: str, documents: DocumentCache) -> NewOperation:
    """One operation.

    Raises:
        ValueError: it cannot be registered; the message says why.
    """
    if not 0 < len(operation_id) <= MAX_DOCUMENT_ID or not operation_id.isprintable():
        raise ValueError(f"an id must have 1 to {MAX_DOCUMENT_ID} printable characters")
    try:
        prepared = documents.of(document)
        if prepared.errors:
            raise prepared.errors[0]
        name = prepared.operation(None).name
    except GraphQLError as error:
        raise ValueError(f"invalid: {error.message}") from None
    except CannotGetOperationTypeError:
        raise ValueError("the document has no operation") from None
    operation = NewOperation(operation_id, name or "-", document)
    if DIGEST.fullmatch(operation_id) and operation.digest.hex() != operation_id:
        raise ValueError("the id is not the SHA-256 of the document")
    return operation


def _content(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_MANIFEST + 1)
    except OSError as error:
        raise CommandError(f"{path}: {error.strerror}") from None
    if len(data) > MAX_MANIFEST:
        raise CommandError(f"{path}: a manifest must have at most {MAX_MANIFEST:,} bytes.")
    return data
