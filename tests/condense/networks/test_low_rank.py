"""Matrices of few rows against dense ones."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from condense.networks.batched import select, where
from condense.networks.low_rank import LowRank, norm

COPIES, M = 2, 9


def rows(generator, runs, k):
    return torch.randn(runs, COPIES, k, M, generator=generator, dtype=torch.float64)


def dense(low):
    return torch.matmul(low.p.mT, low.q)


def grown(seed, runs, counts):
    """Return a matrix of few rows that has taken some steps, and the dense one."""
    generator = torch.Generator().manual_seed(seed)
    low = LowRank.zero(runs, COPIES, M, like=torch.zeros(1, dtype=torch.float64))
    whole = dense(low)
    for k in counts:
        p, q = rows(generator, runs, k), rows(generator, runs, k)
        low, whole = low.plus(p, q), whole + torch.matmul(p.mT, q)
    return low, whole


@given(st.integers(0, 99), st.integers(1, 3), st.lists(st.integers(1, 4), max_size=4))
@settings(deadline=None)
def test_sums_products_and_norms_are_those_of_the_dense_matrix(seed, runs, counts):
    low, whole = grown(seed, runs, counts)
    h = rows(torch.Generator().manual_seed(seed + 1), runs, 3)
    close = {"rtol": 1e-9, "atol": 1e-9}
    torch.testing.assert_close(dense(low), whole, **close)
    torch.testing.assert_close(low.times(h), torch.einsum("rcij,rcnj->rcni", whole, h), **close)
    torch.testing.assert_close(low.transposed_times(h), torch.einsum("rcij,rcni->rcnj", whole, h), **close)
    torch.testing.assert_close(low.squares(), whole.square().sum(dim=(2, 3)), **close)
    torch.testing.assert_close(low.norm(), whole.flatten(1).norm(dim=1), **close)
    torch.testing.assert_close(norm(low.p, low.q), low.norm(), **close)
    torch.testing.assert_close(low.pp, torch.matmul(low.p, low.p.mT), **close)
    torch.testing.assert_close(low.qq, torch.matmul(low.q, low.q.mT), **close)
    if counts:  # the power iteration comes near where two singular values are alike
        top = torch.linalg.svdvals(whole)[..., 0]
        assert ((low.spectral() <= top * (1 + 1e-9)) & (low.spectral() >= 0.97 * top)).all()


def test_runs_go_on_from_their_own_rows():
    low, whole = grown(3, 3, [2, 2])
    accepted = torch.tensor([True, False, True])
    generator = torch.Generator().manual_seed(5)
    p, q = rows(generator, 3, 2), rows(generator, 3, 2)
    step = torch.where(accepted[:, None, None, None], torch.matmul(p.mT, q), 0.0)
    merged = where(accepted, low.plus(p, q), low)
    assert merged.used.tolist() == [6, 4, 6]
    again = merged.plus(p, q)
    assert again.used.tolist() == [8, 6, 8]
    torch.testing.assert_close(dense(again), whole + step + torch.matmul(p.mT, q))
    one = select(again, torch.tensor([False, True, False]))
    assert (one.used.tolist(), one.rows) == ([6], 6)
    torch.testing.assert_close(dense(one), dense(again)[1:2])


@given(st.integers(0, 99))
@settings(deadline=None)
def test_compression_leaves_out_small_singular_values_of_the_chosen_runs_alone(seed):
    low, whole = grown(seed, 2, [3])
    generator = torch.Generator().manual_seed(seed + 7)
    low = low.plus(1e-5 * rows(generator, 2, 4), 1e-5 * rows(generator, 2, 4))
    whole = dense(low)
    short = low.compressed(torch.tensor([True, False]), 1e-6)
    assert short.used.tolist() == [3, 7]
    assert short.rank.tolist() == [3, 0]
    torch.testing.assert_close(dense(short), whole, rtol=0, atol=1e-8)
    torch.testing.assert_close(dense(short)[1], whole[1], rtol=0, atol=0)
    torch.testing.assert_close(short.squares(), whole.square().sum(dim=(2, 3)), rtol=1e-6, atol=0)


def test_nothing_is_long_before_it_has_too_many_rows():
    low, _ = grown(0, 1, [4] * 16)
    assert low.used.item() == 64
    assert not low.long.item()
    low, _ = grown(0, 1, [4] * 17)
    assert low.long.item()
    short = low.compressed(low.long, 1e-12)
    assert short.rank.item() == M
    assert not short.long.item()
