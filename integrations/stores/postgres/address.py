"""What a PostgreSQL URL, as a provider hands it out, means for asyncpg."""

import re
import ssl
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

# Words for libpq or for an ORM. asyncpg would send them to the server as settings, which then refuses the connection;
# Neon's own URLs end in channel_binding=require.
CLIENT_WORDS = {
    "application_name",
    "channel_binding",
    "connect_timeout",
    "connection_limit",
    "gssencmode",
    "keepalives",
    "keepalives_count",
    "keepalives_idle",
    "keepalives_interval",
    "pgbouncer",
    "pool_timeout",
    "tcp_user_timeout",
}
TLS_WORDS = {"sslmode", "sslrootcert", "sslcert", "sslkey"}


@dataclass(frozen=True, slots=True)
class Address:
    """One server, ready for ``asyncpg.connect(dsn, ssl=tls)``.

    Attributes:
        dsn: the URL without what asyncpg or the server would choke on; holds the password.
        tls: a verifying context, or False for a plain connection.
        pooled: a transaction pooler stands in between (Neon's ``-pooler`` hosts): no prepared statements, no LISTEN.
    """

    dsn: str = field(repr=False)
    tls: ssl.SSLContext | Literal[False]
    pooled: bool

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a ``postgresql://`` URL.

        TLS follows ``sslmode``: ``disable`` means none; ``require`` and ``verify-full`` both verify certificate and
        name (libpq's ``require`` would trust anybody), ``verify-ca`` the certificate only. Without it a loopback
        address goes plain and every other one is verified. ``sslrootcert`` names a file of authorities.

        Raises:
            ValueError: no PostgreSQL URL, or an ``sslmode`` that would hide a downgrade. Never repeats the password.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"postgresql", "postgres"}:
            raise ValueError("a PostgreSQL URL starts with postgresql://")
        words = dict(parse_qsl(parts.query))
        kept = {word: value for word, value in words.items() if word not in CLIENT_WORDS | TLS_WORDS}
        return cls(
            dsn=urlunsplit(parts._replace(query=urlencode(kept))),
            tls=_tls(words, is_local=_is_local(parts.hostname or words.get("host", ""))),
            pooled="-pooler" in (parts.hostname or "").partition(".")[0],
        )

    def direct(self) -> "Address":
        """The same database without the pooler, for LISTEN and migrations."""
        user, at, host = urlsplit(self.dsn).netloc.rpartition("@")
        netloc = user + at + re.sub(r"-pooler(?=[.:]|$)", "", host, count=1)
        return Address(urlunsplit(urlsplit(self.dsn)._replace(netloc=netloc)), self.tls, pooled=False)


def _is_local(host: str) -> bool:
    """A socket folder or the loopback interface."""
    if host in {"", "localhost"} or host.startswith("/"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _tls(words: dict[str, str], *, is_local: bool) -> ssl.SSLContext | Literal[False]:
    mode = words.get("sslmode", "disable" if is_local else "verify-full")
    if mode == "disable":
        return False
    if mode not in {"require", "verify-ca", "verify-full"}:
        raise ValueError(f"sslmode={mode} would hide a downgrade to plain text: use disable, require or verify-full")
    authorities = words.get("sslrootcert", "system")
    context = ssl.create_default_context(cafile=None if authorities == "system" else authorities)
    context.check_hostname = mode != "verify-ca"
    context.set_alpn_protocols(["postgresql"])
    if "sslcert" in words:
        context.load_cert_chain(words["sslcert"], words.get("sslkey"))
    return context
