# Written by hand; its _sync twin is generated from it by `nox -s sync`.
"""The conformance suite, written once in async."""
