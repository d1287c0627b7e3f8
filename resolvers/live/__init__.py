"""Live updates: the change feed of each airline and its subscribers.

One hub per process reads the change log once for all subscribers of an airline, fetches the changed records once, and
puts them into the bounded buffer of each subscriber. A subscriber that reconnects with a cursor, or whose buffer is
full, reads the log on its own until it has caught up. A process therefore never holds more than the buffers, and a
subscriber misses no change that the log still holds.
"""
