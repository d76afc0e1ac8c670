"""Meaning: what a text carries, where no pattern tells it.

Two heads read windows of text. The light one looks at character n-grams and reads every window; the full one looks at
a sentence embedding and reads those that the light one leaves in doubt. This package is pure: what embeds is handed
in, and so are the weights. It is imported by whoever reads for meaning, not by the gateway: it needs numpy.
"""
