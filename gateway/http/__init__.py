"""HTTP: GraphQL over HTTP, WebSocket and server-sent events, and all other routes."""
