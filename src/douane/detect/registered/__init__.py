"""What a tenant registers as its own: names (dictionaries) and documents (fingerprints), kept as keyed hashes only.

Both read a text as words in one normal form (`words`), hash with the tenant's key (`seal`), and are looked for by a
`Watch`, which knows whose requests each of them counts for. Where the files lie is left to `douane.config`, how they
are written, to `douane.control`.
"""
