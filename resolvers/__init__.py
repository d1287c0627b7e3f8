"""Business logic by noun, batch first; independent of GraphQL and HTTP."""
