"""The partners as real HTTP servers with a memory: for the demo and for tests, and they misbehave on request."""
