# Generated from the _async twin by `nox -s sync`: edit that one.
"""The conformance suite, written once in async."""
