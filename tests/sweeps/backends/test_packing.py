from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.backends.packing import NotEnoughMemoryError, balanced, check_memory, packs_for
from sweeps.folder.spec import JobSpec, merged


def spec(name, cost=1.0, wanted=("a",), memory_gb=0.0):
    return JobSpec(str(name), (), {}, tuple(wanted), cost, memory_gb)


costs = st.lists(st.floats(0.01, 1000), min_size=1, max_size=7)


@given(costs, st.integers(1, 4))
def test_packs_hold_every_order_once_and_are_within_4_3_of_the_best(costs, packs):
    specs = [spec(k, cost) for k, cost in enumerate(costs)]
    made = balanced(specs, packs)
    assert sorted(each.name for pack in made for each in pack) == sorted(each.name for each in specs)
    assert all(pack == sorted(pack, key=lambda each: int(each.name)) for pack in made)
    assert len(made) == min(packs, len(specs))
    assert all(made)
    loads = [[0.0] * packs for _ in range(packs ** len(specs))]
    for load, places in zip(loads, product(range(packs), repeat=len(specs)), strict=True):
        for cost, place in zip(costs, places, strict=True):
            load[place] += cost
    best = min(map(max, loads))
    assert max(sum(each.cost for each in pack) for pack in made) <= 4 / 3 * best * (1 + 1e-12)


@given(costs, st.integers(1, 4))
def test_no_pack_has_more_points_than_it_may(costs, points):
    specs = [spec(k, cost) for k, cost in enumerate(costs)]
    made = balanced(specs, packs_for(specs, points, minutes=1), points)
    assert sorted(each.name for pack in made for each in pack) == sorted(each.name for each in specs)
    assert max(map(len, made)) <= points


def test_packs_by_points_or_by_minutes():
    specs = [spec(k, 60.0) for k in range(10)]
    assert packs_for(specs, points=4, minutes=1) == 3
    assert packs_for(specs, points=None, minutes=2.5) == 4
    assert packs_for(specs, points=None, minutes=1e6) == 1


def test_a_job_too_large_for_the_memory_is_refused():
    specs = [spec("gamma=1", memory_gb=0.5), spec("gamma=2", memory_gb=12.34)]
    check_memory(specs, None)
    check_memory(specs, 12.5)
    with pytest.raises(NotEnoughMemoryError) as error:
        check_memory(specs, 8)
    assert str(error.value) == (
        "hydra.launcher.mem_gb = 8 is not enough: gamma=2 needs about 12.3 GB for its largest run. "
        "Allow more with hydra.launcher.mem_gb=.., or leave the largest width out"
    )


def test_an_old_order_stays_while_it_wants_what_no_new_one_does():
    old = [spec("1", wanted="ab"), spec("2", wanted="ab"), spec("3", wanted="a")]
    new = [spec("1", wanted="abc"), spec("2", wanted="bc")]
    assert merged(old, new) == [old[1], old[2], *new]
    assert merged(new, new) == new
    assert [JobSpec.read(each.plain()) for each in old] == old
