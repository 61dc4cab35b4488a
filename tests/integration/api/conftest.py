from __future__ import annotations

from collections.abc import Iterator

import pytest
from serving import served
from standins import Standins


@pytest.fixture(scope="module")
def served_standins(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Standins]:
    made = Standins(tmp_path_factory.mktemp("standins") / "home")
    with served(made.app) as url:
        made.url = url
        yield made


@pytest.fixture
def standins(served_standins: Standins) -> Standins:
    """The application over stand-ins, served; they know nothing of earlier tests."""
    served_standins.forget()
    return served_standins
