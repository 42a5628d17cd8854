from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.order import Order, merged
from sweeps.packing import NotEnoughMemoryError, balanced, check_memory, packs_for


def order(name, cost=1.0, wanted=("a",), memory_gb=0.0):
    return Order(str(name), (), {}, tuple(wanted), cost, memory_gb)


costs = st.lists(st.floats(0.01, 1000), min_size=1, max_size=7)


@given(costs, st.integers(1, 4))
def test_packs_hold_every_order_once_and_are_within_4_3_of_the_best(costs, packs):
    orders = [order(k, cost) for k, cost in enumerate(costs)]
    made = balanced(orders, packs)
    assert sorted(each.name for pack in made for each in pack) == sorted(each.name for each in orders)
    assert all(pack == sorted(pack, key=lambda each: int(each.name)) for pack in made)
    assert len(made) == min(packs, len(orders))
    assert all(made)
    loads = [[0.0] * packs for _ in range(packs ** len(orders))]
    for load, places in zip(loads, product(range(packs), repeat=len(orders)), strict=True):
        for cost, place in zip(costs, places, strict=True):
            load[place] += cost
    best = min(map(max, loads))
    assert max(sum(each.cost for each in pack) for pack in made) <= 4 / 3 * best * (1 + 1e-12)


@given(costs, st.integers(1, 4))
def test_no_pack_has_more_points_than_it_may(costs, points):
    orders = [order(k, cost) for k, cost in enumerate(costs)]
    made = balanced(orders, packs_for(orders, points, minutes=1), points)
    assert sorted(each.name for pack in made for each in pack) == sorted(each.name for each in orders)
    assert max(map(len, made)) <= points


def test_packs_by_points_or_by_minutes():
    orders = [order(k, 60.0) for k in range(10)]
    assert packs_for(orders, points=4, minutes=1) == 3
    assert packs_for(orders, points=None, minutes=2.5) == 4
    assert packs_for(orders, points=None, minutes=1e6) == 1


def test_a_job_too_large_for_the_memory_is_refused():
    orders = [order("gamma=1", memory_gb=0.5), order("gamma=2", memory_gb=12.34)]
    check_memory(orders, None)
    check_memory(orders, 12.5)
    with pytest.raises(NotEnoughMemoryError) as error:
        check_memory(orders, 8)
    assert str(error.value) == (
        "hydra.launcher.mem_gb = 8 is not enough: gamma=2 needs about 12.3 GB for its largest run. "
        "Allow more with hydra.launcher.mem_gb=.., or leave the largest width out"
    )


def test_an_old_order_stays_while_it_wants_what_no_new_one_does():
    old = [order("1", wanted="ab"), order("2", wanted="ab"), order("3", wanted="a")]
    new = [order("1", wanted="abc"), order("2", wanted="bc")]
    assert merged(old, new) == [old[1], old[2], *new]
    assert merged(new, new) == new
    assert [Order.read(each.plain()) for each in old] == old
