"""The vault of masked values: a SQLite file of its own, encrypted value by value, with a key file beside it."""

from douane.adapters.vault.vault import FileVault

__all__ = ["FileVault"]
