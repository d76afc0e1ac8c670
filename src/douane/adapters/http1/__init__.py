"""The way out: an HTTP/1.1 client that dials checked addresses only and takes nothing that is not cleared."""

from douane.adapters.http1.upstream import Http1Upstream

__all__ = ["Http1Upstream"]
