"""Persisted queries: the document of a request, found by the id that the client sent, and the safelist of documents."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from http import HTTPStatus

from graphql import GraphQLError

from gateway.http.graphql_request import GraphQLRequest, RequestError
from gateway.http.observation import operation_name
from gateway.safelist import Safelist
from integrations.errors import OutsideError
from integrations.records.registered_operations import ClientVersion
from resolvers.actor import Actor, Role
from resolvers.installation import Stores
from resolvers.persisted_queries import PersistedQueries, digest_of
from resolvers.registered_operations import RegisteredOperations
from schema.runtime.documents import DocumentCache
from schema.runtime.errors import ErrorCode

logger = logging.getLogger("gateway.safelist")
# Apollo's headers, and those of other clients.
NAME_HEADERS = (b"apollographql-client-name", b"graphql-client-name")
VERSION_HEADERS = (b"apollographql-client-version", b"graphql-client-version")
MAX_NAME = 100
UNNAMED = ClientVersion("", "")
# Clients name themselves alike in every request.
CACHED_CLIENTS = 256
# An operation outside the safelist is logged once; so many are remembered.
MAX_LOGGED = 1_000


class PersistedDocuments:
    """Finds and keeps the documents of requests that have an id, and admits those that are registered.

    Args:
        documents: prepares documents; only valid ones are kept.
        registered: the registered operations.
        safelist: what happens to other operations. Administrators may run any.
    """

    def __init__(
        self, documents: DocumentCache, registered: RegisteredOperations, safelist: Safelist = Safelist.OFF
    ) -> None:
        self._documents = documents
        self._registered = registered
        self._safelist = safelist
        self._queries = PersistedQueries(registered)
        self._logged: set[tuple[ClientVersion, str]] = set()

    def concerns(self, request: GraphQLRequest) -> bool:
        """Returns whether ``document_of`` may change or reject a request: not the usual one, which has a document."""
        return request.digest is not None or request.document_id is not None or self._safelist is not Safelist.OFF

    async def document_of(
        self, request: GraphQLRequest, actor: Actor, client: ClientVersion, stores: Stores
    ) -> GraphQLRequest:
        """Returns the request with its document.

        Only actors with a credential add documents, so that others cannot fill the memory of Redis.

        Raises:
            RequestError: the id is not known, is not that of the document, or the document is not in the safelist.
        """
        digest = request.digest
        if request.document_id is not None:
            digest = self._registered.digest_of(client, request.document_id)
            if digest is None:
                raise RequestError(HTTPStatus.NOT_FOUND, ErrorCode.PERSISTED_QUERY_NOT_FOUND, "PersistedQueryNotFound")
        if digest is None:
            self._admit(request, actor, client, None)
            return request
        if not request.query:
            request = replace(request, query=await self._find(digest, stores))
        elif digest_of(request.query) != digest:
            message = "The hash is not the SHA-256 of 'query'."
            raise RequestError(HTTPStatus.BAD_REQUEST, ErrorCode.BAD_REQUEST, message)
        self._admit(request, actor, client, digest)
        if actor.role is not None and self._is_valid(request.query):
            await self._queries.add(stores, digest, request.query)
        return request

    async def _find(self, digest: str, stores: Stores) -> str:
        try:
            document = await self._queries.find(stores, digest)
        except OutsideError:
            message = "The store 'records' is unavailable"
            raise RequestError(HTTPStatus.SERVICE_UNAVAILABLE, ErrorCode.STORE_UNAVAILABLE, message) from None
        if document is None:
            # Apollo's status, code and message: its clients then send the document.
            raise RequestError(HTTPStatus.OK, ErrorCode.PERSISTED_QUERY_NOT_FOUND, "PersistedQueryNotFound")
        return document

    def _admit(self, request: GraphQLRequest, actor: Actor, client: ClientVersion, digest: str | None) -> None:
        """Checks that the safelist has the document of a request."""
        if self._safelist is Safelist.OFF or actor.role is Role.ADMIN:
            return
        digest = digest or digest_of(request.query)
        if self._registered.is_registered(client, digest):
            return
        if self._safelist is Safelist.LOG:
            self._log(client, request, digest)
        elif not self._registered.is_known:
            message = "The registered operations are not known yet: try again later."
            raise RequestError(HTTPStatus.SERVICE_UNAVAILABLE, ErrorCode.STORE_UNAVAILABLE, message)
        else:
            message = "This client and version have not registered the operation."
            raise RequestError(HTTPStatus.FORBIDDEN, ErrorCode.OPERATION_NOT_REGISTERED, message)

    def _log(self, client: ClientVersion, request: GraphQLRequest, digest: str) -> None:
        if (client, digest) not in self._logged and len(self._logged) < MAX_LOGGED:
            self._logged.add((client, digest))
            logger.warning(
                "not registered: client=%s version=%s operation=%s digest=%s",
                *(client.client or "-", client.version or "-", operation_name(request.operation_name), digest),
            )

    def _is_valid(self, document: str) -> bool:
        try:
            return not self._documents.of(document).errors
        except GraphQLError:
            return False


def client_of(headers: Mapping[bytes, bytes]) -> ClientVersion:
    """Returns the client and version that the headers of a request name; empty texts where they name none."""
    name = headers.get(NAME_HEADERS[0]) or headers.get(NAME_HEADERS[1])
    version = headers.get(VERSION_HEADERS[0]) or headers.get(VERSION_HEADERS[1])
    return UNNAMED if name is None and version is None else _decoded(name or b"", version or b"")


def named_client(name: object, version: object) -> ClientVersion:
    """Returns a client and version as a request names them; an empty text for what cannot be a name."""
    return ClientVersion(_name(name), _name(version))


@lru_cache(CACHED_CLIENTS)
def _decoded(name: bytes, version: bytes) -> ClientVersion:
    return named_client(name.decode("latin-1"), version.decode("latin-1"))


def _name(given: object) -> str:
    return given if isinstance(given, str) and len(given) <= MAX_NAME and given.isprintable() else ""
