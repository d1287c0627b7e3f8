"""The error of a command that cannot run; in a module of its own, since each import adds to the time of a command."""


class CommandError(Exception):
    """A command cannot run, or did not finish; the message says why and what to do."""
