from hypothesis import given
from hypothesis import strategies as st

from boomtown.domain.branches import slug
from boomtown.domain.names import POOL, RESERVED, identity, lowest_free


def test_the_first_name_is_toast() -> None:
    assert lowest_free([]) == "Toast"


def test_the_pool_is_the_contracts_twenty_names_in_its_order() -> None:
    assert POOL[:5] == ("Toast", "Maple", "Birch", "Shadow", "Copper")
    assert len(POOL) == 20
    assert POOL[-1] == "Quartz"


def test_a_freed_name_is_taken_again_before_any_higher_one() -> None:
    assert lowest_free(["Toast", "Birch"]) == "Maple"


def test_past_the_pool_names_are_numbered_from_the_pool_size_on() -> None:
    assert lowest_free(POOL) == "Polecat-21"
    assert lowest_free([*POOL, "Polecat-21", "Polecat-23"]) == "Polecat-22"


def test_twenty_five_at_once_end_with_polecat_21_to_25() -> None:
    names: list[str] = []
    for _ in range(25):
        names.append(lowest_free(names))
    assert tuple(names[:20]) == POOL
    assert names[20:] == [f"Polecat-{n}" for n in range(21, 26)]


def test_a_pool_of_the_rigs_own_replaces_the_default() -> None:
    assert lowest_free(["ada"], ("Ada", "Grace")) == "Grace"
    assert lowest_free(["Ada", "Grace"], ("Ada", "Grace")) == "Polecat-3"


def test_names_that_would_share_a_branch_are_one_name() -> None:
    assert lowest_free(["foo bar"], ("Foo-Bar", "Baz")) == "Baz"
    assert lowest_free(["Polecat.2"], ("Polecat.2",)) == "Polecat-3"


def test_no_reserved_name_is_in_the_pool() -> None:
    assert not {name.casefold() for name in POOL} & RESERVED


def test_an_identity_names_rig_role_and_polecat() -> None:
    assert identity("shop", "Toast") == "shop/polecats/Toast"


taken_names = st.lists(st.sampled_from([*POOL, *(f"Polecat-{n}" for n in range(21, 30)), "stranger"]))


@given(taken_names)
def test_a_free_name_is_never_taken_and_is_the_lowest(taken: list[str]) -> None:
    name = lowest_free(taken)
    assert slug(name) not in {slug(other) for other in taken}
    order = [*POOL, *(f"Polecat-{n}" for n in range(21, 60))]
    assert all(earlier in taken for earlier in order[: order.index(name)])
