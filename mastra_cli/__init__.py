"""Mastra Engine for Python: a Postgres data layer for AI applications."""

from __future__ import annotations
