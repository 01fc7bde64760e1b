"""The guard on deletes by absence: is this more than a source loses on an ordinary day?"""

from __future__ import annotations

from mastra_cli.errors import MassDeletionRefused

_FEW = 10
_SHARE = 0.1


def refuse_mass_deletion(*, live: int, would_delete: int, received: int, allowed: bool) -> None:
    """Raise when the input is empty, or when more than 10 records and 10 % of the live ones would go."""
    empty = received == 0 and live > 0
    many = would_delete > _FEW and would_delete > live * _SHARE
    if not allowed and (empty or many):
        raise MassDeletionRefused(
            f"the sync brought {received:,} records and would have deleted {would_delete:,} of {live:,}",
            live=live,
            would_delete=would_delete,
            received=received,
            hint="look whether the source is complete; allow_mass_delete=True deletes them all the same",
        )
