import numpy as np
import pytest

from condense import data
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


def test_inputs_of_one_dimension_need_no_second_axis(tmp_path):
    path = write_npz(tmp_path / "line.npz", x=np.arange(3.0), y=np.ones(3))
    assert data.read_file(path).x.shape == (3, 1)


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
        ({**GOOD, "y": np.array([1, np.nan])}, "1 of 2 values of y are NaN or infinite"),
        ({**GOOD, "x": np.full((2, 2), np.inf)}, "4 of 4 values of x are NaN or infinite"),
        ({"x": np.empty((0, 2)), "y": np.empty(0)}, "no rows, or no columns, to train on"),
        ({**GOOD, "y": np.zeros(2)}, "the target y is zero everywhere"),
        ({**GOOD, "y": np.array(["a", "b"])}, "a value is not a number"),
    ],
)
def test_bad_arrays_are_refused_by_name(tmp_path, arrays, message):
    path = write_npz(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ValueError, match=message) as error:
        data.read_file(path)
    assert "bad.npz" in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.npz", None, "no such file \\(looked for /.*none.npz\\)"),
        ("my.txt", "1 2", "the file must end in .npz \\(arrays x, y\\) or .csv \\(a column y\\)"),
        ("half.npz", "PK", "not a readable .npz file"),
        ("no_y.csv", "a,b\n1,2\n", "has the columns a, b; expected a header line with a column y"),
        ("only_y.csv", "y\n1\n", "expected a header line with a column y and at least one input column"),
        ("empty.csv", "", "not a readable .csv file"),
        ("text.csv", "a,y\nfoo,1\n", "a value is not a number"),
        ("rows.csv", "a,y\n", "no rows, or no columns, to train on"),
    ],
)
def test_bad_files_are_refused_by_name(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_text(content)
    with pytest.raises(ValueError, match=message) as error:
        data.read_file(path)
    assert name in str(error.value)
