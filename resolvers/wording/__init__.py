"""The words that passengers are told, in each language: texts only."""
