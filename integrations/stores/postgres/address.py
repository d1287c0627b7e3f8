"""Address of a PostgreSQL server and its standbys, parsed from a provider's URL for asyncpg."""

import re
import ssl
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from integrations.hosts import hosts_of

# Parameters for libpq or for an ORM. asyncpg would send them to the server as settings, and the server would reject the
# connection. Neon's own URLs end in channel_binding=require.
CLIENT_PARAMETERS = {
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
TLS_PARAMETERS = {"sslmode", "sslrootcert", "sslcert", "sslkey"}


@dataclass(frozen=True, slots=True)
class Address:
    """One server, or several of which one is the primary, each ready for ``asyncpg.connect(dsn, ssl=tls)``.

    Attributes:
        dsns: the URL of each host, without parameters that asyncpg or the server rejects; hold the password.
        tls: a verifying context, or False for a plain connection.
        pooled: whether a transaction pooler stands in between, which allows no prepared statements and no LISTEN.
    """

    dsns: tuple[str, ...] = field(repr=False)
    tls: ssl.SSLContext | Literal[False]
    pooled: bool

    @classmethod
    def parse(cls, url: str, *, pooled: bool = False, writes: bool = True) -> Self:
        """Parse a ``postgresql://`` URL.

        A transaction pooler is known by Neon's ``-pooler`` host, by ``pgbouncer=true`` in the URL, or by ``pooled``.

        TLS follows ``sslmode``. ``disable`` means none. ``require`` and ``verify-full`` both verify certificate and
        name (libpq's ``require`` would trust any server), ``verify-ca`` only the certificate. Without ``sslmode`` a
        loopback address is plain, and every other one is verified. ``sslrootcert`` names a file of authorities.

        Several hosts stand in one URL, separated by commas. If ``writes``, a connection is one to the host that accepts
        writes, unless ``target_session_attrs`` says otherwise.

        Raises:
            ValueError: the URL is no PostgreSQL URL, or its ``sslmode`` would hide a downgrade. The message never
                repeats the password.
        """
        parts = urlsplit(url)
        if parts.scheme not in {"postgresql", "postgres"}:
            raise ValueError("the PostgreSQL URL must start with postgresql://")
        parameters = dict(parse_qsl(parts.query))
        names = [name for name, _ in hosts_of(url)]
        if writes and len(names) > 1:
            parameters.setdefault("target_session_attrs", "read-write")
        kept = {name: value for name, value in parameters.items() if name not in CLIENT_PARAMETERS | TLS_PARAMETERS}
        account, at, hosts = parts.netloc.rpartition("@")
        return cls(
            dsns=tuple(
                urlunsplit(parts._replace(netloc=f"{account}{at}{host}", query=urlencode(kept)))
                for host in hosts.split(",")
            ),
            tls=_tls(parameters, is_local=all(_is_local(name or parameters.get("host", "")) for name in names)),
            pooled=pooled
            or any("-pooler" in name.partition(".")[0] for name in names)
            or parameters.get("pgbouncer", "").lower() in {"true", "1", "yes", "on"},
        )

    def direct(self) -> "Address":
        """Return the address of the same database without Neon's pooler, for LISTEN and migrations.

        The address behind any other pooler is not known: it stays as it is.
        """
        dsns = tuple(map(_without_pooler, self.dsns))
        return self if dsns == self.dsns else Address(dsns, self.tls, pooled=False)


def _without_pooler(dsn: str) -> str:
    parts = urlsplit(dsn)
    user, at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=user + at + re.sub(r"-pooler(?=[.:]|$)", "", host, count=1)))


def _is_local(host: str) -> bool:
    """Return whether a host is a socket folder or the loopback interface."""
    if host in {"", "localhost"} or host.startswith("/"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _tls(parameters: dict[str, str], *, is_local: bool) -> ssl.SSLContext | Literal[False]:
    mode = parameters.get("sslmode", "disable" if is_local else "verify-full")
    if mode == "disable":
        return False
    if mode not in {"require", "verify-ca", "verify-full"}:
        raise ValueError(
            f"sslmode must be disable, require, verify-ca or verify-full, not {mode}: it would hide a downgrade"
        )
    authorities = parameters.get("sslrootcert", "system")
    context = ssl.create_default_context(cafile=None if authorities == "system" else authorities)
    context.check_hostname = mode != "verify-ca"
    context.set_alpn_protocols(["postgresql"])
    if "sslcert" in parameters:
        context.load_cert_chain(parameters["sslcert"], parameters.get("sslkey"))
    return context
