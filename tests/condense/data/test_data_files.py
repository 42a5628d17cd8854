"""Files as people have them: the numbers that were meant, or a refusal that names file, line and column."""

import gzip
import pickle

import numpy as np
import pandas as pd
import pytest

from condense import data
from condense.data import Dataset

MEANT = Dataset(np.array([[0.5, 1.0], [2.0, -3e-7]]), np.array([1.0, -1.0]))

TABLE = "a,b,y\n0.5,1,1\n2,-3e-7,-1\n"


@pytest.mark.parametrize(
    "content",
    [
        TABLE,
        TABLE.replace(",", ";"),
        TABLE.replace(",", "\t"),
        TABLE.replace(",", ", "),
        TABLE.replace(",", "  "),
        TABLE.replace("\n", "\r\n"),
        TABLE.replace("\n", "\r").replace("a,", "a;a,"),
        "\ufeff" + TABLE,
        "\n" + TABLE.replace("\n", "\n\n") + " \n",
        TABLE.replace("a,", '"the ""a"", in cm",').replace("2,", '"2",'),
        "y;b,c;a\n1;1;0.5\n-1;-3e-7;2\n",
    ],
)
def test_text_tables_are_read_by_the_separator_of_their_header(tmp_path, content):
    path = tmp_path / "my.csv"
    path.write_bytes(content.encode())
    read = data.read_file(path)
    order = [0, 1] if content[0] != "y" else [1, 0]
    assert Dataset(read.x[:, order], read.y).digest == MEANT.digest


def test_other_endings_hold_the_same(tmp_path):
    (tmp_path / "my.csv.gz").write_bytes(gzip.compress(TABLE.encode(), mtime=0))
    (tmp_path / "my.tsv").write_text(TABLE.replace(",", "\t"))
    (tmp_path / "MY.CSV").write_text(TABLE)
    pd.DataFrame({"a": MEANT.x[:, 0], "b": MEANT.x[:, 1], "y": MEANT.y}).to_parquet(tmp_path / "my.parquet")
    for path in tmp_path.iterdir():
        assert data.read_file(path).digest == MEANT.digest, path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty; expected a header line with a column y"),
        ("a,b\n1,2\n", "has the columns a, b; expected a column y and at least one other, an input$"),
        ("x,Y\n1,2\n", "has the columns x, Y; .*; rename Y to y if it is the target"),
        ("0,1\n1,2\n", "has the columns 0, 1; .*; these are numbers, so names are missing: a first line such as x,y"),
        ("y\n1\n", "has the columns y; expected a column y and at least one other"),
        ("a,y\n", "no rows, or no columns, to train on"),
        ("x,y,y\n0,1,2\n", "has the columns x, y, y: y repeats a name"),
        ("x,y,y.1\n0,1,2\n", "has the columns x, y, y.1: y.1 repeats a name"),
        ("x,y,\n0,1,\n", "column 3 has no name; an index perhaps.*or a separator too many at the end"),
        (",x,y\n0,1,2\n", "column 1 has no name; an index perhaps.*write the file with to_csv\\(..., index=False\\)"),
        ("id,x,y\n4,.5,1\n2,.7,2\n", "the column id seems to number the rows, and would become an input"),
        ("x,y\n7,0,1\n8,1,2\n", "line 2 has 3 fields and the header 2: x, y"),
        ("x,y\n0,1\n\n1\n", "line 4 has 1 fields and the header 2"),
        ("x,y\n0;1\n", "line 2 has 1 fields and the header 2"),
        ("x,y\n0,1\n\n1,nan\n", "line 4, column y: 'nan' is not a finite number$"),
        ("x,y\n0,1\n,inf\n", "line 3, column x: '' is not a finite number, and 1 more"),
        ("x,y\nfoo,1\n", "line 2, column x: 'foo' is not a finite number"),
        ("x,y\n1+2j,1\n", "line 2, column x: '1\\+2j' is not a finite number"),
        ("x,y\n1" + 400 * "0" + ",1\n", "line 2, column x: '10+ is not a finite number"),
        ("x;y\n0,5;1\n", "line 2, column x: '0,5' is not a finite number; decimals have a point here.*decimal=','"),
        ("x,a;y;b,y\n0\n", "line 1 is separated by commas or semicolons\\?"),
        ('x,y\n"0,1\n', "line 2 cannot be read"),
        (b"caf\xe9,y\n0,1\n", "line 1 is not UTF-8 \\(byte 0xe9\\); save the file as UTF-8"),
        ("x,y\n0,1\n".encode("utf-16"), "line 1 is not UTF-8"),
    ],
)
def test_what_is_not_clear_in_a_text_table_is_refused_with_its_place(tmp_path, content, message):
    path = tmp_path / "my.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message) as error:
        data.read_file(path)
    assert "my.csv" in str(error.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.npz", None, "no such file \\(looked for /.*none.npz\\)"),
        (f"{'a' * 300}.npz", None, "cannot be read \\(File name too long\\)"),
        ("my.txt", b"1 2", "the file must end in .npz \\(arrays x, y\\), or in .csv, .csv.gz, .tsv or .parquet"),
        ("my.npz.gz", b"", "the file must end in .npz"),
        ("my.npy", b"", "a .npy file holds one array, of which it is not known what is the target: np.savez"),
        ("my.pt", b"", "a .pt file may hold a pickle, which runs code when it is read: np.savez"),
        ("half.npz", b"PK", "not a readable .npz file"),
        ("pickle.npz", pickle.dumps({"x": [1.0], "y": [1.0]}), "not a readable .npz file"),
        ("half.parquet", b"PAR1", "not a readable .parquet file"),
        ("half.csv.gz", gzip.compress(b"x,y\n1,2\n", mtime=0)[:-9], "not a readable .gz file"),
        ("plain.csv.gz", b"x,y\n1,2\n", "not a readable .gz file"),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, name, content, message):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=message) as error:
        data.read_file(path)
    assert name in str(error.value)


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "my.csv").mkdir()
    with pytest.raises(ValueError, match="my.csv': a folder; give a file in it"):
        data.read_file(tmp_path / "my.csv")


class Bomb:
    def __reduce__(self):
        return exec, ("raise SystemExit('unpickled')",)


def test_no_pickle_is_opened(tmp_path):
    """Arrays of objects beside x and y are left alone; as x or y they are refused."""
    np.savez(tmp_path / "my.npz", x=MEANT.x, y=MEANT.y, notes=np.array([Bomb()], dtype=object))
    assert data.read_file(tmp_path / "my.npz").digest == MEANT.digest
    np.savez(tmp_path / "my.npz", x=np.array([Bomb(), Bomb()], dtype=object), y=MEANT.y)
    with pytest.raises(ValueError, match="my.npz': not a readable .npz file with arrays of numbers \\(Object arrays"):
        data.read_file(tmp_path / "my.npz")
