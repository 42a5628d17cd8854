"""The notebooks in examples/: executed as they stand, and kept with their output."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.ipynb"))


def shown(notebook):
    """What each cell of code shows: the kinds of its outputs."""
    kinds = {"execute_result": "value", "display_data": "picture"}
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [[kinds[output.output_type] for output in cell.outputs] for cell in cells]


def test_there_is_one_for_each_reference_notebook():
    assert {path.stem for path in EXAMPLES} == {"condensation", "initial_condensation"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_what_it_is_kept_with(path, tmp_path):
    kept = nbformat.read(path, as_version=4)
    nbformat.validate(kept)
    again = nbformat.read(path, as_version=4)
    NotebookClient(again, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert shown(again) == shown(kept)
    assert sum("picture" in kinds for kinds in shown(kept)) >= 1
