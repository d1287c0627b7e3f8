"""Records that all layers share: typed views over rows, enums and values. One file a noun; no I/O."""
