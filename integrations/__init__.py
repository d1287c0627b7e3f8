"""Everything outside the process: stores, the servers this machine starts itself, and the records they exchange."""
