"""Peers that Douane is measured against: one file each, which says how it is installed and how it is started.

Each module has `NAME`, `VERSION`, `installed(home)`, `install(home)` and `launch(home, port, upstream) -> Launch`.
Everything goes below `bench/out/peers/NAME`; nothing touches the machine's own packages.
"""
