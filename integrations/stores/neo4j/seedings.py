"""Reset of a demo's graph in Neo4j."""

from integrations.stores.neo4j.manager import Neo4jManager

# In this order, since deleting a place or party with all of its events is too much for one transaction.
DELETE_EVENTS = "MATCH (e:Event) WITH e LIMIT $limit DETACH DELETE e RETURN count(*) AS deleted"
DELETE_BAGS = "MATCH (b:Bag) WITH b LIMIT $limit DETACH DELETE b RETURN count(*) AS deleted"
DELETE_NODES = "MATCH (n) WITH n LIMIT $limit DETACH DELETE n RETURN count(*) AS deleted"

TIMEOUT_SECONDS = 60.0
BATCH = 5_000


async def delete_nodes(graph: Neo4jManager) -> int:
    """Delete a batch of nodes of any airline from the graph; return how many, 0 where the graph is empty."""
    for cypher, name in (
        (DELETE_EVENTS, "DELETE_EVENTS"),
        (DELETE_BAGS, "DELETE_BAGS"),
        (DELETE_NODES, "DELETE_NODES"),
    ):
        rows = await graph.execute_write(cypher, {"limit": BATCH}, name=name, timeout=TIMEOUT_SECONDS)
        if deleted := int(rows[0]["deleted"]):
            return deleted
    return 0
