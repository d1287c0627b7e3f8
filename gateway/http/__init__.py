"""HTTP: GraphQL over HTTP, WebSocket and server-sent events, and the other routes."""
