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


def test_no_digit_is_lost_in_80_columns_and_what_was_asked_for_is_shown(tmp_path):
    blocks = {f"rd_w{number}": 0.1234567 / number for number in range(1, 8)}
    row = {**ROW, **FLAGS, **blocks, "clusters_initial_exact": True, "share_z": 0.98765, "word": "fine", "steps": 12}
    console = Console(file=io.StringIO(), width=80)
    show(records.frame([{**row, "status": "converged"}]), tmp_path, console)
    lines = console.file.getvalue().splitlines()
    tables = lines[1:-1]
    assert max(map(len, tables)) <= 80
    assert sum(line.startswith("width  seed ") for line in tables) == 2
    words = {word for line in tables for word in line.split()}
    assert {f"{value:.4g}" for value in blocks.values()} | {"0.9877", "fine", ">=200", "converged", "12"} <= words
    assert {"RD_w1", "RD_w7", "share_z", "word", "clusters", "status"} <= words
