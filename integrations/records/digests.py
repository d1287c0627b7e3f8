"""Ids that are derived from content."""

from uuid import UUID

from asyncpg.pgproto import pgproto


def digest_id(digest: bytes) -> UUID:
    """The id that is the first 16 bytes of a digest.

    It is of the class that PostgreSQL's driver returns, which makes, hashes and sends ids in C.
    """
    return pgproto.UUID(digest[:16])
