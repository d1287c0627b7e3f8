def test_x(postgres_url, redis_url, neo4j_credentials):
    pass
