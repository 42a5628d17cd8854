import decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from condense import data, schema
from condense.data import Dataset


def write_npz(path, **arrays):
    np.savez(path, **arrays)
    return path


GOOD = {"x": np.array([[1.0, 2.0], [3.0, 4.0]]), "y": np.array([1.0, -1.0])}


def test_parabola_is_the_four_points():
    parabola = data.parabola()
    assert parabola.x.shape == (4, 1)
    np.testing.assert_allclose(parabola.x[:, 0], [-1 / 2, -1 / 6, 1 / 6, 1 / 2])
    np.testing.assert_allclose(parabola.y, parabola.x[:, 0] ** 2)


@pytest.mark.parametrize(("load", "pixels", "samples"), [(data.digits, 64, 50), (data.mnist, 784, 45)])
def test_images_are_class_balanced_and_seeded(load, pixels, samples):
    images = load(samples, seed=1)
    assert images.x.shape == (samples, pixels)
    assert images.x.min() == 0
    assert 0.9 < images.x.max() <= 1
    counts = np.bincount(images.y.astype(int), minlength=10)
    assert counts.max() - counts.min() <= 1
    assert len(np.unique(images.x, axis=0)) == samples
    assert load(samples, seed=1).digest == images.digest != load(samples, seed=2).digest


def test_too_many_images_are_refused():
    with pytest.raises(ValueError, match="data.samples = 5001: mnist has 5000 images, so 1 to 5000 are allowed"):
        data.mnist(samples=5001)


def test_npz_and_csv_hold_the_same_data(tmp_path):
    (tmp_path / "my.csv").write_text("a,b,y\n1,2,1\n3,4,-1\n")
    npz, csv = (data.read_file(path) for path in (write_npz(tmp_path / "my data.npz", **GOOD), tmp_path / "my.csv"))
    assert npz.digest == csv.digest == Dataset(**GOOD).digest
    assert (npz.name, csv.name) == ("my data.npz", "my.csv")


def test_content_keeps_its_hash(tmp_path):
    """Runs on disk are found by it."""
    text = "a,b,y\n0.1,1e-7,True\n-2.345678901234567890,3,False\n\n 12345678901234567890, 4 ,True\n"
    (tmp_path / "my.csv").write_text(text)
    assert data.read_file(tmp_path / "my.csv").digest == "2b037a254065118e"
    assert data.parabola().digest == "f6e7e3d29b5ba291"


def test_one_dimension_may_have_a_second_axis_or_not(tmp_path):
    path = write_npz(tmp_path / "line.npz", x=np.arange(3.0), y=np.ones((3, 1)))
    line = data.read_file(path)
    assert line.x.shape == (3, 1)
    assert line.y.shape == (3,)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": GOOD["x"]}, "no array y; it holds x, expected x of shape \\(n, d\\) and y of shape \\(n,\\)"),
        ({"a": GOOD["x"]}, "no array x and y; it holds a"),
        (
            {**GOOD, "y": np.ones((2, 3))},
            "y has shape \\(2, 3\\); targets are scalars, one a row: shape \\(2,\\), so choose",
        ),
        ({**GOOD, "y": np.ones(3)}, "x has shape \\(2, 2\\) and y \\(3,\\); allowed are \\(n, d\\) and \\(n,\\)"),
        ({**GOOD, "y": np.array([1, np.nan])}, "1 of 2 values of y are NaN or infinite, the first is y\\[1\\] = nan"),
        ({**GOOD, "x": np.array([[1, 2], [3, np.inf]])}, "1 of 4 .* the first is x\\[1, 1\\] = inf"),
        ({**GOOD, "x": GOOD["x"] + 1j}, "x has values of type complex128; allowed are real numbers, x.real say"),
        ({"x": np.array(1.0), "y": np.array(2.0)}, "x has shape \\(\\) and y \\(\\): one number is no data"),
        ({**GOOD, "x": np.ones((2, 1, 1))}, "x has shape \\(2, 1, 1\\); allowed is \\(n, d\\): x.reshape"),
        ({"x": np.empty((0, 2)), "y": np.empty(0)}, "no rows, or no columns, to train on"),
        ({**GOOD, "y": np.zeros(2)}, "the target y is zero everywhere"),
        ({**GOOD, "y": np.array(["a", "b"])}, "a value is not a number"),
    ],
)
def test_bad_arrays_are_refused_by_name(tmp_path, arrays, message):
    path = write_npz(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ValueError, match=message) as error:
        data.read_file(path).check_scalar()
    assert "bad.npz" in str(error.value)


FRAME = pd.DataFrame({"y": GOOD["y"], "a": GOOD["x"][:, 0], "b": GOOD["x"][:, 1]})


@pytest.mark.parametrize(
    "given",
    [
        (GOOD["x"], GOOD["y"]),
        [GOOD["x"].tolist(), list(GOOD["y"])],
        GOOD,
        {"x": torch.tensor(GOOD["x"], requires_grad=True), "y": torch.tensor(GOOD["y"]).bfloat16()[:, None]},
        (GOOD["x"].astype(np.int8), [decimal.Decimal(1), -1]),
        FRAME,
        FRAME.convert_dtypes(),
        (FRAME[["a", "b"]], FRAME.y),
        Dataset(**GOOD),
    ],
)
def test_what_is_meant_by_an_argument(given):
    assert data.choice(given).digest == Dataset(**GOOD).digest


def test_texts_and_paths_are_names_or_files():
    assert data.choice("digits") == schema.Data(name="digits")
    assert data.choice("my.csv") == data.choice(Path("my.csv")) == schema.Data(path="my.csv")
    assert data.choice("some/where") == schema.Data(path="some/where")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "data is None; allowed are the name of a data set, the path of a file, \\(x, y\\)"),
        ([GOOD["x"]] * 3, "data is a list of length 3; allowed"),
        (np.ones((3, 2)), "data is one array of shape \\(3, 2\\), of which it is not known what is the target"),
        (torch.ones(3), "data is one array of shape \\(3,\\)"),
        (b"my.npz", "data is of type bytes"),
        (pd.DataFrame, "data is the class DataFrame; allowed are the name of a data set"),
        ({"X": 1, "y": 2}, "data has the keys X, y; allowed are x"),
        ((GOOD["x"], None), "x has shape \\(2, 2\\) and y \\(\\)"),
        (([10**400, 1], [1, 2]), "arrays: x: a value is not a number \\(int too large"),
        (([[1, 2], [3]], [1, 2]), "arrays: x is not an array of numbers"),
        ((np.array(["2020", "2021"], "M8[Y]"), [1, 2]), "x has values of type datetime64.*allowed are real numbers"),
        ((np.ma.masked_greater(GOOD["x"], 2), GOOD["y"]), "x has masked values"),
        ((torch.tensor(GOOD["x"] + 1j), GOOD["y"]), "x has values of type complex128"),
        ((FRAME.a, FRAME.y[::-1]), "data: x and y have different indices"),
        (FRAME.rename(columns={"y": "t"}), "data: has the columns t, a, b; expected a column y"),
        (FRAME.set_index("a"), "data: the index a has a name, and no index becomes an input"),
        (FRAME[["a", "y", "y"]], "data: has the columns a, y, y: y repeats a name"),
        (FRAME.reset_index(), "data: the column index seems to number the rows"),
        (FRAME.assign(a=["1", "2"]), "data: the column a holds (str|object); allowed are real numbers"),
        (FRAME.assign(a=pd.to_datetime(["2020", "2021"])), "data: the column a holds datetime64"),
        (FRAME.assign(a=FRAME.a * 1j), "data: the column a holds complex128"),
        (FRAME.replace(3.0, np.nan), "data: the column a is nan at index 1, and NaN or infinite in 1 of 2 rows"),
    ],
)
def test_what_is_not_clear_is_refused(given, message):
    with pytest.raises(ValueError, match=message):
        data.choice(given)
