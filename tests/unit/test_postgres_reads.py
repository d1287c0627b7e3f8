import pytest

from integrations.stores.postgres.manager import is_read


@pytest.mark.parametrize(
    "sql", ["SELECT 1", "\n  select id FROM bags", "WITH b AS (SELECT 1) SELECT * FROM b", "SHOW server_version"]
)
def test_a_read_may_be_sent_again(sql: str) -> None:
    assert is_read(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO bags DEFAULT VALUES RETURNING id",
        "WITH b AS (DELETE FROM bags RETURNING id) SELECT * FROM b",
        "SELECT id FROM outbox FOR UPDATE SKIP LOCKED",
        "SELECT id FROM outbox FOR SHARE",
        "SELECT nextval('bags_id_seq')",
        "SELECT pg_advisory_lock(1)",
        "SELECT pg_notify('outbox', '')",
        "CALL something()",
    ],
)
def test_anything_with_an_effect_may_not(sql: str) -> None:
    assert not is_read(sql)
