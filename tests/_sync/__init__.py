# Generated from the _async twin by `nox -s sync`: edit that one.
