"""What people may do with a bead in which status."""

from __future__ import annotations

from typing import Any, cast

import pytest

from boomtown.domain.errors import ConflictError
from boomtown.rig import beadwork


@pytest.mark.parametrize("status", ["open", "in_progress", "in_review", "closed"])
def test_only_what_failed_or_was_cancelled_is_retried(status: str) -> None:
    """One in review would be open again with an unfinished merge, one at work with a live run."""
    nothing_is_stored = cast("Any", None)
    with pytest.raises(ConflictError, match="neither failed nor cancelled"):
        beadwork.retry(nothing_is_stored, {"type": "issue", "status": status, "title": "Mend the fence"})
