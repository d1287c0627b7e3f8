"""The types of the schema, one file a noun: declarations over records, which are the values behind them."""
