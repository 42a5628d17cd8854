import inspect
import json
import math
import sys
from dataclasses import asdict

import numpy as np
import pytest
import yaml
from omegaconf import OmegaConf

from condense import registry, schema, simulate


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schema.Plane(gamma=float("nan")), "init.gamma = nan is not allowed: a finite number"),
        (lambda: schema.Plane(gamma_prime=float("inf")), "init.gamma_prime = inf is not allowed: a finite number"),
        (
            lambda: schema.Named("xaver"),
            "init.name = 'xaver' is not allowed: one of ntk, .*lecun, did you mean 'xavier'",
        ),
        (lambda: schema.SpelledOut(beta1="x^2"), "init.beta1: 'x\\^2' is not a positive number times a power of m"),
        (lambda: schema.Network(activation="tnah"), "network.activation = 'tnah' is not known, did you mean 'tanh'"),
        (
            lambda: schema.Network(name="two_layers"),
            "network.name = 'two_layers' is not known, did you mean 'two_layer'",
        ),
        (lambda: schema.Network(keep=0.0), "network.keep = 0.0 is not allowed: a number above 0, at most 1"),
        (lambda: schema.Network(keep=1.1), "network.keep = 1.1 is not allowed: a number above 0, at most 1"),
        (
            lambda: schema.Network(keep=0.9, _target_="mynet.Net"),
            "network.keep = 0.9 has no effect with network mynet.Net, being of network=two_layer alone: leave it out",
        ),
        (
            lambda: schema.Network(keep=0.9, name="residual"),
            "network.keep = 0.9 has no effect with network residual, being of network=two_layer alone: leave it out",
        ),
        (
            lambda: schema.Network(name="residual", activation="tanh"),
            "network.activation = 'tanh' has no effect with network = residual, whose layers have network.kwargs.activ",
        ),
        (
            lambda: schema.Config(network=schema.Network(keep=0.9)),
            "network.keep = 0.9 is not allowed: 1 under flow=exponential, which needs the exact gradient; "
            "with dropout take flow=adam, or flow=descent flow.rule=fixed flow.rate=0.1",
        ),
        (
            lambda: schema.Config(network=schema.Network(keep=0.9), flow=schema.Descent()),
            "network.keep = 0.9 is not allowed: 1 under flow.rule=halving, which judges a step by the loss; with drop",
        ),
        (lambda: schema.Network(_target_="net"), "network._target_ = 'net' is not known"),
        (lambda: schema.Network(kwargs=3), "network.kwargs = 3 is not allowed: arguments by name, such as"),
        (lambda: schema.Data(name="mnits"), "data.name = 'mnits' is not known, did you mean 'mnist'"),
        (
            lambda: schema.Data(samples=9),
            "data.samples = 9 has no effect with data.name = 'parabola', all of who",
        ),
        (lambda: schema.Exponential(rtol=0), "flow.rtol = 0 is not allowed: a number above 0, at most 0.5"),
        (lambda: schema.Exponential(stop=-1), "flow.stop = -1 is not allowed: a finite number, 0 or above"),
        (lambda: schema.Exponential(max_steps=0), "flow.max_steps = 0 is not allowed: an integer, 1 or above"),
        (lambda: schema.Exponential(horizon=0), "flow.horizon = 0 is not allowed: a number above 0"),
        (
            lambda: schema.Descent(rule="fixed"),
            "flow.rate = None is not allowed: .* rule=halving finds a rate by itself",
        ),
        (lambda: schema.Descent(rule="half"), "flow.rule = 'half' is not allowed: fixed or halving"),
        (lambda: schema.Descent(loss="l1"), "flow.loss = 'l1' is not allowed: mse, .* or half_mse"),
        (lambda: schema.Descent(growth=3.0), "flow.growth = 3.0 is not allowed: a factor from 1 to below 2"),
        (lambda: schema.Adam(beta1=1.0), "flow.beta1 = 1.0 is not allowed: a number from 0 to below 1"),
        (lambda: schema.Measure(observables=["cluster"]), "measure.observables = 'cluster' is not known, did you mean"),
        (lambda: schema.Measure(threshold=1.0), "measure.threshold = 1.0 is not allowed: a cosine above 0, below 1"),
        (
            lambda: schema.Measure(reduction=0.0),
            "measure.reduction = 0.0 is not allowed: a relative change above 0, below",
        ),
        (lambda: schema.Measure(fraction=0.0), "measure.fraction = 0.0 is not allowed: a share above 0, below 1"),
        (
            lambda: schema.Measure(level=90.0),
            "measure.level = 90.0 is not allowed: a confidence level",
        ),
        (lambda: schema.Measure(centres=0), "measure.centres = 0 is not allowed: an integer, 1 or above"),
        (
            lambda: schema.Config(widths=[]),
            "widths = \\[\\] is not allowed: a list of at least one integer, 1 or above",
        ),
        (lambda: schema.Config(widths=[0]), "widths = \\[0\\] is not allowed"),
        (lambda: schema.Config(seeds=[]), "seeds = \\[\\] is not allowed: a list of at least one integer, 0 or above"),
        (lambda: schema.Config(seeds=[1, 1]), "seeds = \\[1, 1\\] is not allowed: each value once"),
        (lambda: schema.Config(dtype="float16"), "dtype = 'float16' is not allowed: float64 or float32"),
    ],
)
def test_what_is_not_allowed_is_told_with_what_is(make, message):
    with pytest.raises(ValueError, match=message):
        make()


IDLE = [
    (schema.Network, {"_target_": "mynet.Net"}, {"name": "residual", "activation": "tanh", "bias": False, "keep": 0.5}),
    (schema.Network, {"name": "residual"}, {"activation": "tanh", "bias": False, "keep": 0.5}),
    (schema.Network, {}, {"kwargs": {"hidden": 3}}),
    (schema.Data, {"path": "my.csv"}, {"name": "digits", "samples": 9, "seed": 1}),
    (schema.Data, {"name": "two_ramps"}, {"samples": 9, "seed": 1}),
    (schema.Data, {"name": "four_ramps"}, {"seed": 1}),
    (schema.Exponential, {"stop": 0}, {"relative": True}),
    (schema.Descent, {"rule": "fixed", "rate": 0.1}, {"growth": 1.5}),
    (schema.Descent, {}, {"loss": "mse"}),
    (schema.Adam, {"stop": 0}, {"relative": True}),
    (
        schema.Measure,
        {"observables": ["relative_change", "alignment"]},
        {"threshold": 0.9, "fraction": 0.9, "clusters_max": 9, "centres": 9, "reduction": 0.1},
    ),
    (schema.Measure, {}, {"reduction": 0.1}),
    (schema.Snapshots, {}, {"weights": False, "widths": [20], "seeds": [0]}),
    (schema.Snapshots, {"steps": [0], "weights": False}, {"widths": [20], "seeds": [0]}),
    (schema.Virtual, {}, {"neurons": [200, 100]}),
]


@pytest.mark.parametrize(
    ("group", "beside", "key", "value"),
    [(group, beside, key, value) for group, beside, idle in IDLE for key, value in idle.items()],
)
def test_a_setting_without_effect_is_refused_and_its_default_is_not(group, beside, key, value):
    with pytest.raises(ValueError, match=rf"\w+\.{key} = .* has no effect (with|beside|without) .*: leave it out"):
        group(**beside, **{key: value})
    default = getattr(group(**beside), key)
    assert getattr(group(**beside, **{key: default}), key) == default


def test_the_message_of_a_setting_without_effect_names_both_keys():
    with pytest.raises(ValueError, match=r"data.seed = 3 has no effect beside data.path = 'my.csv', which goes with"):
        schema.Data(path="my.csv", seed=3)
    with pytest.raises(ValueError, match=r"measure.reduction = 0.1 has no .* measure.observables = \['clusters'\]"):
        schema.Measure(observables=["clusters"], reduction=0.1)


def test_an_observable_of_your_own_sees_all_settings():
    schema.Measure(observables=["mymodule.count"], threshold=0.9, reduction=0.1)


def test_the_data_sets_that_take_a_seed_or_a_number_of_samples_are_those_of_the_rules():
    for name in registry.REGISTRY["data"]:
        assert tuple(inspect.signature(registry.resolve("data", name)).parameters) == registry.DATA[name]


def test_every_known_name_can_be_resolved():
    for kind, names in registry.REGISTRY.items():
        for name in names:
            assert callable(registry.resolve(kind, name))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "cuda:99"}, "device = 'cuda:99': torch finds no CUDA device here; use device=cpu"),
        ({"device": "gpu"}, "device = 'gpu' is not a device of torch; allowed are cpu, cuda, cuda:0 and so on"),
        ({"network": "mynet.Net"}, "network._target_ = 'mynet.Net': the module 'mynet' cannot be imported"),
        ({"network": "torch.Net"}, "network._target_ = 'torch.Net': the module 'torch' has no 'Net'"),
        ({"activation": "torch.nothing"}, "network.activation = 'torch.nothing': the module 'torch' has no 'nothing'"),
        ({"flow": "adma"}, "flow = 'adma' is not known, did you mean 'adam'"),
        ({"flow": "torch.optim"}, "flow = 'torch.optim' is not known, did you mean 'torch'"),
        ({"gamma": b"1"}, "gamma = b'1' is not allowed"),
        ({"data": "parabla"}, "data.name = 'parabla' is not known, did you mean 'parabola'"),
        ({"device": "mps"}, "device = 'mps' is not allowed: cpu, cuda, cuda:0 and so on"),
        ({"device": "meta"}, "device = 'meta' is not allowed: cpu, cuda"),
        ({"device": "xpu"}, "device = 'xpu' is not allowed: cpu, cuda"),
        ({"device": None}, "device = None is not allowed: a text"),
        ({"widths": None}, "widths = None is not allowed: integers alone, such as"),
        ({"widths": [[20]]}, r"widths = \[20\] is not allowed: integers alone, such as"),
        ({"seeds": "a"}, "seeds = 'a' is not allowed: integers alone, such as"),
        ({"gamma": "x"}, "init.gamma = 'x' is not allowed: a number"),
        ({"gamma": None}, "init.gamma = None is not allowed: a number"),
        ({"gamma": 10**400}, "init.gamma = 10+ is not allowed: a number that floating point can hold"),
        ({"gamma_prime": True}, "init.gamma_prime = True is not allowed: a number"),
        ({"gamma": []}, r"gamma = \[\] is not allowed: at least one"),
        ({"init": 5}, "init = 5 is not allowed: ntk, .* a condense.schema.Plane, Named or SpelledOut"),
        ({"init": "he", "gamma": [1, 2]}, r"gamma = \[1, 2\] has no effect beside init = 'he': leave one of them out"),
        ({"init": "he", "gamma_prime": 0.2}, r"gamma_prime = \[0.2\] has no effect beside init = 'he'"),
        ({"antisymmetric": "no"}, "antisymmetric = 'no' is not allowed: True, False or None"),
        ({"network": 3}, "network = 3 is not allowed: 'two_layer', .* an object with scales, init and forward"),
        ({"network": int}, "network = <class 'int'> is not allowed"),
        (
            {"network": schema.Network(), "activation": "tanh"},
            "activation = 'tanh' has no effect beside network = Netw",
        ),
        (
            {"network": "residual", "activation": "tanh"},
            "network.activation = 'tanh' has no effect with network = resid",
        ),
        (
            {"network": "mynet.Net", "activation": "tanh"},
            "network.activation = 'tanh' has no effect with network mynet",
        ),
        ({"activation": math.tanh}, "network.activation = <built-in function tanh> is not allowed: a text"),
        ({"flow": 3}, "flow = 3 is not allowed: 'exponential', 'descent', 'adam', 'torch', or a condense.schema.Exp"),
        ({"flow": schema.Flow}, "flow = <class .*Flow'> is not allowed"),
        ({"measure": "clusters"}, "measure = 'clusters' is not allowed: a condense.schema.Measure"),
        ({"folder": 3}, "folder = 3 is not allowed: the path of a folder, or None"),
        ({"compiled": "no"}, "compiled = 'no' is not allowed: true or false"),
        ({"dtype": 64}, "dtype = '64' is not allowed: float64 or float32"),
    ],
)
def test_the_python_door_refuses_before_anything_runs(options, message):
    with pytest.raises(ValueError, match=message):
        simulate(**{"widths": [10], "seeds": [0], **options})


def test_a_config_survives_plain_containers():
    config = schema.Config(
        init=schema.SpelledOut("m", "2*m**-0.5", "1", antisymmetric=False),
        network=schema.Network(_target_="mynet.Net", kwargs={"hidden": 3}),
        flow=schema.Descent(rate=0.1),
        measure=schema.Measure(observables=["relative_change"]),
        widths=[10],
        seeds=[3],
        dtype="float32",
    )
    assert schema.Config.of(json.loads(json.dumps(asdict(config)))) == config
    assert schema.Config.of(yaml.safe_load(OmegaConf.to_yaml(OmegaConf.create(asdict(config))))) == config
    assert schema.Config.of({}) == schema.Config()


@pytest.mark.parametrize(
    ("group", "options", "message"),
    [
        (schema.Exponential, {"rtol": "a"}, "flow.rtol = 'a' is not allowed: a number"),
        (schema.Adam, {"max_steps": 1.5}, "flow.max_steps = 1.5 is not allowed: an integer"),
        (schema.Snapshots, {"losses": ["a"]}, "snapshots.losses = 'a' is not allowed: a number"),
        (schema.Snapshots, {"seeds": 3}, r"snapshots.seeds = 3 is not allowed: a list, such as snapshots.seeds=\[3\]"),
        (schema.Measure, {"observables": "clusters"}, "measure.observables = 'clusters' is not allowed: a list"),
        (schema.Network, {"bias": "no"}, "network.bias = 'no' is not allowed: true or false"),
        (schema.Data, {"name": None}, "data.name = None is not allowed: a text"),
        (schema.Named, {"antisymmetric": "no"}, "init.antisymmetric = 'no' is not allowed: true or false"),
        (schema.SpelledOut, {"alpha": None}, "init.alpha: 'None' is not a positive number times a power of m"),
        (
            schema.Config,
            {"init": 5},
            "init = 5 is not allowed: a condense.schema.Plane or ThreeLayer or Named or SpelledOut",
        ),
        (schema.Config, {"flow": None}, "flow = None is not allowed: a condense.schema.Exponential or Descent or Adam"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused_from_python_too(group, options, message):
    with pytest.raises(ValueError, match=message):
        group(**options)


def test_numbers_of_numpy_are_numbers_and_integers_stay_integers():
    assert schema.Exponential(rtol=np.float32(0.5), max_steps=np.int64(7)) == schema.Exponential(rtol=0.5, max_steps=7)
    assert isinstance(schema.Exponential(stop=0).stop, int)  # 0 and 0.0 are other keys
    assert schema.Virtual(widths=np.array([1e3, 1e6])).widths == [1e3, 1e6]


@pytest.mark.parametrize("horizon", [math.inf, ".inf", "inf", "Infinity"])
def test_infinity_may_be_spelled(horizon):
    assert schema.Config.of({"flow": {"horizon": horizon}}).flow.horizon == math.inf


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"init": {"antisymmetric": False}}, schema.Plane),
        ({"init": {"name": "he"}}, schema.Named),
        ({"init": {"alpha": "m"}}, schema.SpelledOut),
        ({"flow": {"stop": 1e-3}}, schema.Exponential),
        ({"flow": {"name": "descent"}}, schema.Descent),
        ({"flow": {"name": "adam", "rate": 0.1, "loss": "mse"}}, schema.Adam),
        ({"flow": {"rate": 0.1, "rule": "fixed"}}, schema.Descent),
    ],
)
def test_the_kind_of_a_group_is_told_by_its_keys(values, kind):
    [group] = values
    assert type(getattr(schema.Config.of(values), group)) is kind


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"flow": {"rtoll": 0.1}}, "flow.rtoll is not a key of the config, did you mean 'rtol'\\?; allowed: stop,"),
        ({"init": {"gamma": 1.0, "foo": 1}}, "init.foo is not a key of the config; allowed: gamma, gamma_prime, anti"),
        ({"foo": 1}, "foo is not a key of the config, did you mean 'flow'\\?; allowed: init, network,"),
        ({"init": 3}, "init = 3 is not allowed: a group of keys"),
        ({"init": {"gamma": "x"}}, "init.gamma = 'x' is not allowed: a number"),
        ({"init": {"gamma": True}}, "init.gamma = True is not allowed: a number"),
        ({"init": {"antisymmetric": "yes"}}, "init.antisymmetric = 'yes' is not allowed: true or false"),
        ({"flow": {"max_steps": 1.5}}, "flow.max_steps = 1.5 is not allowed: an integer"),
        ({"data": {"path": ["x"]}}, "data.path = \\['x'\\] is not allowed: a text"),
        ({"widths": 100}, "widths = 100 is not allowed: a list, such as widths=\\[100\\]"),
        ({"widths": [10.5]}, "widths = 10.5 is not allowed: integers alone"),
        ({"flow": {"name": "adam", "rtol": 0.1}}, "flow.name = 'adam' is not allowed: 'exponential' with these opt"),
    ],
)
def test_plain_containers_are_checked_for_keys_and_types(values, message):
    with pytest.raises(ValueError, match=message):
        schema.Config.of(values)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package of the user's with modules below modules, and some that cannot be imported."""
    (tmp_path / "mypkg" / "deep").mkdir(parents=True)
    (tmp_path / "mypkg" / "__init__.py").write_text("")
    (tmp_path / "mypkg" / "deep" / "__init__.py").write_text("class Outer:\n    class Inner: pass\n")
    (tmp_path / "mypkg" / "deep" / "nets.py").write_text("class Net: pass\n")
    (tmp_path / "mypkg" / "typo.py").write_text("x = 1\nclass Net\n")
    (tmp_path / "mypkg" / "raising.py").write_text("x = 1\n\n1 / 0\n")
    (tmp_path / "mypkg" / "needing.py").write_text("import notthere\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in [name for name in sys.modules if name.partition(".")[0] == "mypkg"]:
        del sys.modules[name]


@pytest.mark.parametrize("kind", ["network", "activation", "observable"])
@pytest.mark.parametrize("path", ["mypkg.deep.nets.Net", "mypkg.deep.Outer", "mypkg.deep.Outer.Inner"])
def test_a_dotted_path_may_have_any_number_of_parts(package, kind, path):
    assert registry.resolve(kind, path).__qualname__ == path.partition("deep.")[2].removeprefix("nets.")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("mypkg.typo.Net", r"typo.py, line 2, raises SyntaxError when it is imported: expected ':'"),
        ("mypkg.raising.Net", r"raising.py, line 3, raises ZeroDivisionError when it is imported: division by zero"),
        ("mypkg.needing.Net", r"the module 'mypkg.needing' cannot be imported \(No module named 'notthere'\)"),
        ("mypkg.deep.nets.Nett", "the module 'mypkg.deep.nets' has no 'Nett'"),
        ("mypkg.deep.1.Net", "is not known"),
        ("mypkg..Net", "is not known"),
    ],
)
def test_a_dotted_path_that_leads_nowhere_says_why(package, path, message):
    with pytest.raises(ValueError, match=message):
        registry.resolve("network", path, "network._target_")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"widths": [10**400]}, "widths = 10+ is not allowed: an integer below 2\\^63"),
        ({"widths": [20, 10**13]}, "is not allowed: at most 1e\\+12 neurons, wider ones as virtual.widths"),
        ({"virtual": {"widths": [1e3], "neurons": [10**13, 10]}}, "virtual.neurons = .*: at most 1e\\+12 neurons"),
        ({"seeds": [2**63]}, "seeds = 9223372036854775808 is not allowed: an integer below 2\\^63"),
        ({"snapshots": {"steps": [2**63]}}, "snapshots.steps = 9223372036854775808 is not allowed"),
        ({"flow": {"max_steps": 10**400}}, "flow.max_steps = 10+ is not allowed: an integer below 2\\^63"),
        ({"flow": {"stop": 10**400}}, "flow.stop = 10+ is not allowed: a number that floating point can hold"),
        ({"init": {"gamma": 10**400}}, "init.gamma = 10+ is not allowed: a number that floating point can hold"),
        ({"virtual": {"widths": [10**400]}}, "virtual.widths = 10+ is not allowed: a number that floating point"),
        ({"data": {"name": "sines_1d", "samples": 10**9}}, "data.samples = 10+ is not allowed: an integer from 1 to"),
        (
            {"data": {"name": "sines_3d", "samples": -1}},
            "data.samples = -1 is not allowed: an integer from 1 to 1000000",
        ),
    ],
)
def test_numbers_beyond_all_count_are_refused_by_key(values, message):
    with pytest.raises(ValueError, match=message):
        schema.Config.of(values)
