"""Putting values back into the answers to a masked request: `text` piece by piece, `answers` field by field."""
