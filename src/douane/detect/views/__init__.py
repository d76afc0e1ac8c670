"""Views: the same text as a reader would make it out, where the bytes say something else.

A gate is a probe of the one pass over the leaves. A gate that hit makes a view extract what lies around the hit, in
plain form; all extracts of a level are scanned in one further pass, and what is found in them is told at its place in
the original. Rows (data/detectors/views.toml) say which findings count in which view.
"""
