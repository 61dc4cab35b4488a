"""The procedures `gastown.*` of CONTRACT section 5, each a typed wrapper over one method of `Town`.

One registry, `gastown`: whatever serves or describes the procedures (the tRPC endpoint, REST, OpenAPI, the TypeScript
types) reads it. What a value may be beyond its type is said by `Town`, so that every way in has the same rules.
"""

from boomtown.api.procedures import beads, live, merges, rigs, town, users, workers  # noqa: F401 - they fill the registry
from boomtown.api.procedures.registry import Caller, gastown

__all__ = ["Caller", "gastown"]
