"""The airline's vocabulary: typed views over rows, enums, and values. One file a noun; no I/O."""
