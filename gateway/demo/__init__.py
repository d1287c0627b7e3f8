"""The demo: its processes, commands, walkthrough and mocks of partners."""
