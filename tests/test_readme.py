"""What the README and the docs tell a user to type is run here as it stands."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.fixture
def mine(tmp_path):
    """A user's folder with the network of the README in it."""
    (tmp_path / "mynet.py").write_text(blocks("python")[0])
    (tmp_path / "myobs.py").write_text(blocks("python")[2])
    return tmp_path


def shell(folder, script):
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    return subprocess.run(
        ["bash", "-ec", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def test_a_network_and_a_data_set_in_ten_lines_each(mine):
    script = blocks("sh")[0]
    done = shell(mine, script)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("converged") == 9
    assert all(len([line for line in block.splitlines() if line]) <= 10 for block in (blocks("python")[0], script))


def test_a_number_of_ones_own_is_logged_and_drawn(mine):
    done = shell(mine, blocks("sh")[1])
    assert done.returncode == 0, done.stderr
    assert (mine / "multirun" / "sharp" / "analysis" / "sharpness_over_gamma,width.png").exists()


def test_a_module_in_ten_lines(mine):
    module, script = blocks("python")[3], blocks("sh")[2]
    (mine / "mymodule.py").write_text(module)
    done = shell(mine, script)
    assert done.returncode == 0, done.stderr
    assert "36 trained" in done.stdout
    assert len([line for line in (module + script).splitlines() if line]) <= 10
    folder = mine / "multirun" / "modules" / "analysis"
    accuracy, clusters = (
        pd.read_csv(folder / f"{value}_over_gamma,flow.kwargs.lr.csv").pivot_table(
            index="gamma", columns="flow.kwargs.lr", values="value"
        )
        for value in ("accuracy_test", "clusters_0.weight")
    )
    assert accuracy.shape == clusters.shape == (4, 3)
    assert accuracy.ge(0.8).all(axis=None)
    assert clusters.loc[0.5].eq(50).all()  # no two of 50 neurons are alike, and fewer where they start small
    assert clusters.loc[2.0].le(49).all()
    assert {path.name for path in folder.glob("*.png")} == {
        f"{value}_over_gamma,flow.kwargs.lr.png" for value in ("accuracy_test", "clusters_0.weight")
    }


def test_the_python_example(mine):
    done = shell(mine, f"python -c {shlex.quote(blocks('python')[1] + 'print(len(runs), runs.converged.all())')}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["27", "True"]


def test_every_command_of_the_readme_runs(mine):
    commands = re.findall(r"^    python -m condense (.*?)(?: +#.*)?$", README.replace("\\\n", ""), re.MULTILINE)
    assert len(commands) == 9
    for command in commands:
        less = ["widths=[20]", "flow.max_steps=2"]
        if "boundary" in command:
            less = ["hydra.sweeper.plan=true", "hydra.sweep.dir=line"]
        elif "experiment=three_layer" in command:
            less += ["init.gamma3=1.5", "init.gamma2=0.0"]
        elif "experiment" in command:
            less += ["init.gamma=1.0", "init.gamma_prime=0.0"]
        if "infinite" in command:
            less += ["virtual.widths=[1000]", "virtual.neurons=[20,10]"]
        done = shell(mine, f"python -m condense {command} {' '.join(less)}")
        assert done.returncode == 0, (command, done.stderr)


def test_the_sweep_over_any_keys_is_drawn_as_it_says(mine):
    lines = re.findall(r"^    (python -m [^#\n]*multirun/rates[^#\n]*)", README.replace("\\\n", ""), re.MULTILINE)
    assert len(lines) == 3
    sweep, *draw = lines
    for command in (f"{sweep} widths=[20,40] seeds=[0,1] flow.max_steps=900", *draw):
        done = shell(mine, command)
        assert done.returncode == 0, (command, done.stderr)
    names = {path.name for path in (mine / "multirun" / "rates" / "analysis").glob("*.png")}
    assert names == {
        *(f"{value}_over_gamma,flow.rate.png" for value in ("S_w", "rd_w", "clusters")),
        *(f"{value}_over_flow.rate,width.png" for value in ("steps", "mse_final")),
    }


ROWS = re.findall(r"^\| \w+ \| (.*) \|$", README, re.MULTILINE)

SETTINGS = [setting for row in ROWS for setting in re.findall(r"`([\w./]+=[^`]*)`", row)]


def test_the_table_has_settings():
    assert len(SETTINGS) >= 12


@pytest.mark.parametrize("setting", [one for one in SETTINGS if "my" not in one and "cuda" not in one])
def test_a_setting_in_the_table_is_allowed(mine, setting):
    done = shell(mine, f"python -m condense widths=[20] seeds=[0] flow.max_steps=2 {setting}")
    assert done.returncode == 0, done.stderr


PAGES = [path for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("*/README.md")) if path.is_file()]


@pytest.mark.parametrize("page", sorted(str(path.relative_to(ROOT)) for path in PAGES))
def test_links_lead_somewhere(page):
    path = ROOT / page
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text()):
        assert (path.parent / target).exists(), target


def test_every_experiment_is_in_the_gallery():
    shown = re.findall(r"^\| (\w+) \| [^|]+ \| [\d,]* ?\| [^|]+ \|[^|]*\|$", README, re.MULTILINE)
    assert sorted(shown) == sorted(path.stem for path in (ROOT / "conf" / "experiment").glob("*.yaml"))


def test_files_that_pages_name_are_there():
    named = {
        (path.name, name)
        for path in PAGES
        if path.name != "CHANGELOG.md"
        for name in re.findall(
            r"\b(?:tests|condense|sweeps|analysis|hydra_plugins|studies)/[\w./]*\.py", path.read_text()
        )
    }
    assert len(named) > 10
    assert sorted((page, name) for page, name in named if not (ROOT / name).exists()) == []


@pytest.mark.parametrize("page", sorted(str(path.relative_to(ROOT)) for path in PAGES))
def test_prose_has_short_lines(page):
    """Of at most 100 characters; tables, pictures, headings and code are as they are."""
    text = re.sub(r"^```.*?^```", "", (ROOT / page).read_text(), flags=re.DOTALL | re.MULTILINE)
    prose = [line for line in text.splitlines() if not line.startswith(("|", "!", "#", "    "))]
    assert [line for line in prose if len(line) > 100] == []
