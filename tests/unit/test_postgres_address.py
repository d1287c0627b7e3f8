import ssl
from urllib.parse import parse_qs, urlsplit

import pytest

from integrations.stores.postgres.address import Address

NEON = (
    "postgresql://owner:p%40ss@ep-quiet-sea-a1b2-pooler.us-east-2.aws.neon.tech/bags"
    "?sslmode=require&channel_binding=require"
)


def test_a_url_as_neon_supplies_it() -> None:
    address = Address.parse(NEON)
    assert address.dsns[0] == "postgresql://owner:p%40ss@ep-quiet-sea-a1b2-pooler.us-east-2.aws.neon.tech/bags"
    assert address.pooled
    assert isinstance(address.tls, ssl.SSLContext)
    assert address.tls.verify_mode is ssl.CERT_REQUIRED
    assert address.tls.check_hostname


def test_the_direct_host_of_a_pooled_one() -> None:
    direct = Address.parse(NEON.replace("p%40ss", "x-pooler.y")).direct()
    assert direct.dsns[0] == "postgresql://owner:x-pooler.y@ep-quiet-sea-a1b2.us-east-2.aws.neon.tech/bags"
    assert not direct.pooled


def test_a_direct_host_is_its_own_direct_host() -> None:
    address = Address.parse("postgresql://u@db.example.com:6432/bags")
    assert not address.pooled
    assert address.direct() == address


@pytest.mark.parametrize("value", ["true", "True", "1", "yes"])
def test_another_pooler_is_known_by_its_parameter(value: str) -> None:
    address = Address.parse(f"postgresql://u:p@pgbouncer.example.com:6432/bags?pgbouncer={value}&sslmode=require")
    assert address.pooled
    assert address.dsns[0] == "postgresql://u:p@pgbouncer.example.com:6432/bags"
    assert address.direct() == address, "the host behind it is not known"


def test_another_pooler_is_known_by_the_setting() -> None:
    assert Address.parse("postgresql://u:p@127.0.0.1:6432/bags", pooled=True).pooled
    assert not Address.parse("postgresql://u:p@127.0.0.1:6432/bags?pgbouncer=false").pooled


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:5433", "[::1]:5433", ""])
def test_loopback_needs_no_tls(host: str) -> None:
    assert Address.parse(f"postgresql://u:p@{host}/bags").tls is False


def test_another_host_is_verified_by_default() -> None:
    tls = Address.parse("postgresql://u:p@db.example.com/bags").tls
    assert isinstance(tls, ssl.SSLContext)
    assert tls.verify_mode is ssl.CERT_REQUIRED


def test_tls_can_be_switched_off_and_the_name_left_unchecked() -> None:
    assert Address.parse("postgresql://u:p@db.internal/bags?sslmode=disable").tls is False
    tls = Address.parse("postgresql://u:p@db.internal/bags?sslmode=verify-ca").tls
    assert isinstance(tls, ssl.SSLContext)
    assert tls.verify_mode is ssl.CERT_REQUIRED
    assert not tls.check_hostname


@pytest.mark.parametrize(
    "url", ["mysql://u:secret@db/bags", "postgresql://u:secret@db.example.com/bags?sslmode=prefer"]
)
def test_a_bad_url_is_rejected_without_repeating_the_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"postgresql://|sslmode") as caught:
        Address.parse(url)
    assert "secret" not in str(caught.value)


def test_only_parameters_for_the_server_reach_the_server() -> None:
    url = (
        "postgresql://u:p@h.example.com/bags?connect_timeout=15&pgbouncer=true&options=endpoint%3Dep-x&sslmode=require"
    )
    assert parse_qs(urlsplit(Address.parse(url).dsns[0]).query) == {"options": ["endpoint=ep-x"]}


def test_the_password_is_not_in_the_representation() -> None:
    assert "p%40ss" not in repr(Address.parse(NEON))


def test_of_several_hosts_the_one_that_accepts_writes_is_meant() -> None:
    url = "postgresql://app:p%40ss@one.example.com:5433,two.example.com/bags?sslmode=require"
    account = "postgresql://app:p%40ss@"
    assert Address.parse(url).dsns == (
        f"{account}one.example.com:5433/bags?target_session_attrs=read-write",
        f"{account}two.example.com/bags?target_session_attrs=read-write",
    )
    assert Address.parse(url, writes=False).dsns == (
        f"{account}one.example.com:5433/bags",
        f"{account}two.example.com/bags",
    )
    assert (
        Address.parse(f"{url}&target_session_attrs=any").dsns[1]
        == f"{account}two.example.com/bags?target_session_attrs=any"
    )


def test_one_remote_host_of_several_is_verified() -> None:
    assert Address.parse("postgresql://app@127.0.0.1:5433,[::1]:5434/bags").tls is False
    assert isinstance(Address.parse("postgresql://app@127.0.0.1,two.example.com/bags").tls, ssl.SSLContext)


def test_the_direct_hosts_of_several_pooled_ones() -> None:
    direct = Address.parse(
        "postgresql://u:a-pooler.b@x-pooler.neon.tech,y-pooler.neon.tech:1/bags", writes=False
    ).direct()
    assert direct.dsns == ("postgresql://u:a-pooler.b@x.neon.tech/bags", "postgresql://u:a-pooler.b@y.neon.tech:1/bags")
