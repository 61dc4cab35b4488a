import re
import uuid

from hypothesis import given
from hypothesis import strategies as st

from boomtown.domain.branches import branch_name, prefix, slug

BEAD = "3f2a9c1e-0000-4000-8000-000000000001"


def test_a_branch_is_polecat_slug_prefix() -> None:
    assert branch_name("Toast", "3f2a9c") == "polecat/toast/3f2a9c"


def test_runs_of_other_characters_become_one_dash_and_none_at_the_ends() -> None:
    assert slug("  Hé llo--World! ") == "h-llo-world"
    assert slug("Polecat-21") == "polecat-21"


def test_a_prefix_is_the_first_six_characters() -> None:
    assert prefix(BEAD, []) == "3f2a9c"
    assert prefix(BEAD, [BEAD, "aaaaaaaa-0000-4000-8000-000000000001"]) == "3f2a9c"


def test_a_prefix_grows_until_no_other_bead_begins_alike() -> None:
    assert prefix(BEAD, ["3f2a9c00-0000-4000-8000-000000000001"]) == "3f2a9c1"
    assert prefix(BEAD, ["3f2a9c1e-0000-4000-8000-0000000000ff"]) == BEAD[: len(BEAD) - 1]


@given(st.text())
def test_a_slug_has_only_letters_digits_and_single_dashes(name: str) -> None:
    assert re.fullmatch(r"([a-z0-9]+(-[a-z0-9]+)*)?", slug(name))
    assert slug(slug(name)) == slug(name)


# Ids over a small alphabet, so that they often begin alike.
close_ids = st.lists(st.text("01", min_size=32, max_size=32), min_size=2, max_size=6, unique=True)


@given(close_ids)
def test_the_newest_beads_prefix_fits_no_other_bead(raw: list[str]) -> None:
    newest, *others = [str(uuid.UUID(hex=text)) for text in raw]
    found = prefix(newest, others)
    assert newest.startswith(found)
    assert not any(other.startswith(found) for other in others)
    assert len(found) >= 6
