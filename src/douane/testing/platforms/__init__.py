"""Local servers that behave as each platform's public documents say, to test the upstream kinds on real sockets."""
