import pytest

from integrations.stores.redis.address import RedisAddress
from integrations.stores.redis.cluster import RedisClusterManager, redis_manager
from integrations.stores.redis.manager import RedisManager


def test_one_server_is_the_default() -> None:
    address = RedisAddress.parse("redis://app:p%40ss@cache.example.com:6380/2")
    assert (address.is_cluster, address.nodes) == (False, (("cache.example.com", 6380),))
    assert address.url == "redis://app:p%40ss@cache.example.com:6380/2"
    assert type(redis_manager("redis://cache.example.com")) is RedisManager
    assert type(redis_manager("unix:///run/redis.sock")) is RedisManager


def test_a_cluster_may_have_several_nodes() -> None:
    url = "rediss://app:p%40ss@one:7000,two,[::1]:7002/0?cluster=true&ssl_ca_certs=/ca.pem"
    address = RedisAddress.parse(url)
    assert address.nodes == (("one", 7000), ("two", 6379), ("::1", 7002))
    assert address.options == {"username": "app", "password": "p@ss", "ssl": True, "ssl_ca_certs": "/ca.pem"}
    assert "p@ss" not in repr(address)
    assert "cluster" not in address.url
    assert type(redis_manager(url)) is RedisClusterManager


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("redis://:secret@one,two/0", "cluster=true"),
        ("redis://:secret@one/1?cluster=true", "no databases"),
        ("unix://:secret@/run/redis.sock?cluster=true", "no socket"),
        ("redis://:secret@one:7000,two:70000?cluster=true", "each host may have a port"),
        ("redis://:secret@one:port", "each host may have a port"),
    ],
)
def test_what_no_cluster_has_is_rejected(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        RedisAddress.parse(url)
    assert "secret" not in str(caught.value)
