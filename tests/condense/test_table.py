import io

from rich.console import Console

from condense import records
from condense.table import show

ROW = {"key": "a", "width": 10.0, "neurons": 10, "rd_w": 0.1, "clusters": 3, "clusters_initial": 200, "mse_final": 0.0}
FLAGS = {"clusters_capped": False, "clusters_initial_capped": True, "clusters_exact": True}


def printed(tmp_path, **columns):
    console = Console(file=io.StringIO(), width=200)
    show(records.frame([{**ROW, **columns}]), tmp_path, console)
    return console.file.getvalue()


def test_counts_are_written_as_what_they_are(tmp_path):
    assert ">=200 -> 3 " in printed(tmp_path, **FLAGS, clusters_initial_exact=True)
    assert ">=200 -> ~3 " in printed(tmp_path, **{**FLAGS, "clusters_exact": False}, clusters_initial_exact=False)
    assert "~200 -> ~3 " in printed(tmp_path), "records that do not tell"
