"""The demo: processes, commands, walkthrough and mocks of the partners."""
