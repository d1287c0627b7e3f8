"""The partners as HTTP servers with state, for the demo and for tests. They fail on request."""
