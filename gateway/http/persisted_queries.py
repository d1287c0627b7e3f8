"""Persisted queries: the document of a request, found by the hash that the client sent."""

from dataclasses import replace
from http import HTTPStatus

from graphql import GraphQLError

from gateway.http.graphql_request import GraphQLRequest, RequestError
from resolvers.actor import Actor
from resolvers.installation import Stores
from resolvers.persisted_queries import PersistedQueries, digest_of
from schema.runtime.documents import DocumentCache
from schema.runtime.errors import ErrorCode


class PersistedDocuments:
    """Finds and keeps the documents of requests that have a hash.

    Args:
        documents: prepares documents; only valid ones are kept.
    """

    def __init__(self, documents: DocumentCache) -> None:
        self._documents = documents
        self._queries = PersistedQueries()

    async def document_of(self, request: GraphQLRequest, actor: Actor, stores: Stores) -> GraphQLRequest:
        """Returns the request with its document.

        Only actors with a credential add documents, so that others cannot fill the memory of Redis.

        Raises:
            RequestError: the hash is not known, or is not that of the document.
        """
        digest = request.digest
        if digest is None:
            return request
        if not request.query:
            document = await self._queries.find(stores.redis, digest)
            if document is None:
                # Apollo's status, code and message: its clients then send the document.
                raise RequestError(HTTPStatus.OK, ErrorCode.PERSISTED_QUERY_NOT_FOUND, "PersistedQueryNotFound")
            return replace(request, query=document)
        if digest_of(request.query) != digest:
            message = "The hash is not the SHA-256 of 'query'."
            raise RequestError(HTTPStatus.BAD_REQUEST, ErrorCode.BAD_REQUEST, message)
        if actor.role is not None and self._is_valid(request.query):
            await self._queries.add(stores.redis, digest, request.query)
        return request

    def _is_valid(self, document: str) -> bool:
        try:
            return not self._documents.of(document).errors
        except GraphQLError:
            return False
