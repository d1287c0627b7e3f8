"""Becomes a server process that ends with its parent and optionally runs as another user.

Run by path (``python -I -S child.py PARENT_PID SIGNAL UID GID PROGRAM ARGUMENT...``), so that nothing of the project is
imported: a fork of the gateway itself could inherit locks of its threads. ``-`` as UID and GID keeps the current user.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def become(parent: int, death_signal: int, uid: str, gid: str, command: list[str]) -> None:
    """Switches to uid and gid, asks the kernel (Linux) for death_signal when the parent dies, and executes command."""
    if uid != "-":
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if sys.platform == "linux":
        # After setuid, which clears it; it survives execv.
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit("the parent ended first")
    os.execv(command[0], command)  # noqa: S606 - the command is the project's own


if __name__ == "__main__":
    become(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5:])
