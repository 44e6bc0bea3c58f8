"""The study of the networks: a toy of it is run; what it decides and tests is checked by hand."""

import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from experiments.study import commands, experiment
from experiments.study.choice import NotYetError, choose
from experiments.study.commands import CommandFailedError, Deadline, OutOfTimeError, Spent
from experiments.study.costs import latency_ratio, measure_costs
from experiments.study.design import read_design
from experiments.study.gap import read_gaps
from experiments.study.pieces import members
from experiments.study.record import read_record
from experiments.study.slide_errors import Sums, pooled, published, slide_errors
from experiments.study.trainings import Settings, Trained
from support.command import hrpn_tf
from support.run_folder import write_slides
from support.study_records import toy_design
from support.tiny_training import tiny_presets

RULE = {"improvement": 0.01, "doublings": 9, "hours": 1.0, "cores": 2}


class Trainer:
    """Pretends to train: an error for each learning rate, loss and number of steps."""

    def __init__(self, errors: dict[int, float], seconds: float = 1.0) -> None:
        self.errors, self.seconds, self.asked = errors, seconds, list[Settings]()

    def __call__(self, settings: Settings) -> Trained:
        self.asked.append(settings)
        if settings.learning_rate == 9:
            raise CommandFailedError("the loss became infinite")
        error = self.errors[settings.steps] * (1.0 if settings.learning_rate == 0.3 else 1.2)
        error *= 0.9 if settings.loss == "mae" else 1.0
        point = {"pixels": 1.0, "core_seconds": self.seconds * settings.steps}
        return Trained(settings, error, (point,))


def test_a_training_is_doubled_until_it_helps_by_less_than_a_hundredth() -> None:
    train = Trainer({10: 5.0, 20: 4.0, 40: 3.98, 80: 0.0})
    choice = choose([0.1, 0.3, 0.9], ["mse", "mae"], 10, RULE, train)
    tried = [(each.learning_rate, each.loss, each.steps) for each in train.asked]
    assert tried == [
        (0.1, "mse", 10), (0.3, "mse", 10), (0.9, "mse", 10), (0.3, "mae", 10),
        (0.3, "mae", 20), (0.3, "mae", 40),
    ]  # fmt: skip
    assert choice.ended == "converged"
    assert choice.best.settings.steps == 40
    assert choice.gain == pytest.approx(0.005)
    assert choice.core_seconds == 40 + 20 + 40


def test_a_training_that_would_take_too_long_is_not_begun() -> None:
    train = Trainer({10: 5.0, 20: 4.0, 40: 3.0}, seconds=200)
    choice = choose([0.3], ["mse"], 10, RULE, train)
    assert [each.steps for each in train.asked] == [10, 20]  # 40 steps are more than 7200 s
    assert choice.ended == "limit"


def test_other_work_on_the_machine_decides_nothing() -> None:
    """The fastest training tells how long the next one would take."""

    class Disturbed(Trainer):
        def __call__(self, settings: Settings) -> Trained:
            self.seconds = 1000.0 if settings.steps == 20 else 50.0
            return super().__call__(settings)

    train = Disturbed({10: 5.0, 20: 4.0, 40: 3.99})
    assert choose([0.3], ["mse"], 10, RULE, train).ended == "converged"


def test_no_network_sees_more_pixels_than_the_rule_allows() -> None:
    train = Trainer({10: 5.0, 20: 4.0, 40: 3.0, 80: 2.0})
    choice = choose([0.3], ["mse"], 10, {**RULE, "doublings": 2}, train)
    assert (choice.ended, choice.best.settings.steps) == ("longest", 40)


def test_a_learning_rate_that_is_too_high_is_left_out_and_named() -> None:
    choice = choose([9, 0.3], ["mse"], 10, RULE, Trainer({10: 5.0, 20: 5.0}))
    assert [each.learning_rate for each in choice.failed] == [9]
    assert choice.best.settings.learning_rate == 0.3
    with pytest.raises(CommandFailedError, match="no training of the grid"):
        choose([9], ["mse"], 10, RULE, Trainer({}))


@pytest.mark.parametrize(
    ("rates", "tried"),
    [
        ([0.1, 0.03333], [0.1, 0.03333, 0.3, 0.9]),
        ([0.9, 2.7], [0.9, 2.7, 0.3, 0.1]),
        ([0.3, 3], [0.3, 3, 0.03]),
        ([0.01, 0.1], [0.01, 0.1, 1]),
    ],
)
def test_the_series_of_learning_rates_goes_on_where_its_end_is_the_best(
    rates: list[float], tried: list[float]
) -> None:
    class Nearer(Trainer):
        def __call__(self, settings: Settings) -> Trained:
            found = super().__call__(settings)
            return replace(found, error=1 + abs(np.log(settings.learning_rate / 0.3)))

    train = Nearer({10: 5.0, 20: 5.0})
    choose(rates, ["mse"], 10, RULE, train)
    asked = [each.learning_rate for each in train.asked if each.steps == 10]
    assert asked == pytest.approx(tried, rel=2e-3)


def test_a_round_ends_where_the_next_training_would_be_too_long_for_it() -> None:
    train = Trainer({10: 5.0, 20: 4.0, 40: 3.0})
    with pytest.raises(NotYetError, match="goes on with 40 steps"):
        choose([0.3], ["mse"], 10, RULE, train, longest=20)
    assert [each.steps for each in train.asked] == [10, 20]


def test_a_longer_training_that_is_worse_is_not_taken() -> None:
    choice = choose([0.3], ["mse"], 10, RULE, Trainer({10: 5.0, 20: 5.5}))
    assert (choice.ended, choice.best.settings.steps) == ("converged", 10)


def test_the_most_informative_pieces_come_first() -> None:
    names = [piece.name for piece in read_design().pieces()]
    first = [f"{d}/{n}-0" for d in ("simulated", "dextran")
             for n in ("hrpn-m", "ganda-unet", "hrpn-published", "hrpn-s")]  # fmt: skip
    assert names[: len(first)] == first
    assert names.index("dextran/hrpn-published-2") < names.index("simulated/ganda-0")
    assert len(names) == len(set(names)) == 2 * (3 * 5 + 3)


def test_an_ensemble_is_made_of_the_seeds_that_the_design_names() -> None:
    design = read_design()
    extras = design.values["extras"]
    ours, theirs = ([(name, seed) for seed in (0, 1, 2)] for name in ("hrpn-m", "ganda-unet"))
    assert members(design, extras["hrpn-m-ensemble"]) == ours
    assert members(design, extras["hrpn-m-pair"]) == ours[:2]
    assert members(design, extras["both-ensemble"]) == [*ours, *theirs]
    assert members(design, extras["hrpn-m-symmetries"]) == []


def test_groups_of_the_subsets_differ_and_every_field_is_left_out_once() -> None:
    design = read_design(switched=["leave-one-out"])
    for data in design.data:
        assert not set(data.validation) & set(data.test)
    folds = [data for data in design.data if data.is_fold]
    assert sorted(data.test[0] for data in folds) == [f"field-0{i}" for i in range(1, 8)]
    simulated = design.data[0]
    assert (len(simulated.validation), len(simulated.test)) == (4, 10)
    with pytest.raises(ValueError, match="--with nothing: there are"):
        read_design(switched=["nothing"])


def test_slides_add_up_to_one_image() -> None:
    random = np.random.default_rng(0)
    true, pred = random.normal(5, 2, (2, 40, 30)), random.normal(5, 3, (2, 40, 30))
    both = pooled([Sums.of(true[0, :9], pred[0, :9]), Sums.of(true[1], pred[1])])
    whole = Sums.of(np.concatenate([true[0, :9], true[1]]), np.concatenate([pred[0, :9], pred[1]]))
    for name, value in vars(whole).items():
        assert getattr(both, name) == pytest.approx(value), name
    assert whole.r2 == pytest.approx(1 - whole.mse / whole.var_true)
    assert whole.bias == pytest.approx(whole.mean_pred - whole.mean_true)


def test_published_metrics_are_those_of_scikit_learn() -> None:
    from sklearn.metrics import r2_score

    random = np.random.default_rng(0)
    true = random.integers(0, 40, (30, 20)).astype(np.uint8)
    true[:, 3] = 7
    pred = true + random.normal(0, 9, true.shape)
    shown = np.clip(pred, 0, 255).astype(np.uint8)
    found = published(true, pred)
    assert found["r2_per_column"] == pytest.approx(r2_score(true, shown))
    errors = (true.astype(int) - shown) ** 2
    assert found["mse"] == errors.mean()
    assert found["mse_wrapped"] == (errors % 256).mean()


def test_blurring_the_error_into_boxes_is_seen() -> None:
    random = np.random.default_rng(0)
    true = random.gamma(0.2, 20, (256, 256)).astype(np.uint8)
    boxes = np.kron(random.normal(size=(16, 16)), np.ones((16, 16)))
    excess = slide_errors(true, true + boxes, None)["axis_excess"]
    assert excess["truth"] == pytest.approx(1, abs=0.1)
    assert excess["error"] > 1.2


def test_a_command_is_timed_fails_by_name_and_is_not_begun_too_late() -> None:
    spent = Spent()
    with pytest.raises(CommandFailedError, match="hrpn-tf fitt ended with exit code 2"):
        commands.call(["fitt"], Deadline(), spent)
    assert 0.05 < spent.core_seconds < 60
    with pytest.raises(OutOfTimeError):
        commands.call(["--version"], Deadline.after(-1), spent)


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fields")
    random = np.random.default_rng(0)

    def image(number: int) -> np.ndarray:
        inputs = random.integers(1, 200, (96, 64, 2))
        target = (inputs[..., :1] + np.roll(inputs[..., :1], 1, axis=0)) // 4
        return np.concatenate([inputs, target], axis=-1).astype(np.uint8)

    write_slides(folder, "abc", image)
    return folder


@pytest.fixture(scope="module", autouse=True)
def in_this_process() -> Iterator[list[list[str]]]:
    """``hrpn-tf`` runs here, where the tiny networks are known; gives the commands."""
    called: list[list[str]] = []
    original = commands.call

    def call(arguments: list[str], deadline: Deadline, spent: Spent) -> None:
        if arguments[0] not in ("prepare", "fit", "predict"):
            return original(arguments, deadline, spent)
        deadline.left()
        called.append(arguments)
        spent.core_seconds += 1.0
        ended = hrpn_tf(*arguments)
        if ended.exit_code:
            raise CommandFailedError(ended.err)
        return None

    before = signal.getsignal(signal.SIGTERM)
    with tiny_presets(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(commands, "call", call)
        yield called
    signal.signal(signal.SIGTERM, before)


def test_a_toy_study(
    fields: Path, tmp_path: Path, in_this_process: list[list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Stopped at once, then run to the end, then run again; and a network made from another."""
    records, out = tmp_path / "records", tmp_path / "out"
    where = ["--config", str(toy_design(tmp_path)), "--results", str(records), "--out", str(out)]
    run = ["run", *where, "--real", str(fields), "--only", "dextran/tiny"]
    for more in (["--max-minutes", "0"], [], ["--with", "tiny-tiled"]):
        with pytest.raises(SystemExit) as stop:
            experiment.main([*run, *more])
        assert stop.value.code == 0, capsys.readouterr().err
    fits = [each for each in in_this_process if each[0] == "fit"]
    first, other = (read_record(records / f"dextran-tiny-{seed}.json") for seed in (0, 1))
    chosen = first.values["chosen"]
    ladder = first.values["ladder"]
    assert [each["steps"] for each in ladder] == [2, 4]
    assert 2 <= len(first.values["grid"]) <= 4  # learning rates; two, and two more at an end
    assert len(fits) == len(first.values["grid"]) + 2  # the longer training, the other seed
    assert (first.seed, other.seed) == (0, 1)
    assert other.values["chosen"]["steps"] == chosen["steps"]
    assert other.values["chosen"]["as"] == "dextran, seed 0"
    assert chosen["pixels"] == chosen["steps"] * 4 * 32**2
    assert chosen["core_seconds"] == pytest.approx(1.0)
    assert list(first.slides) == ["c"]
    assert first.slides["c"]["raw"]["pixels"] == 96 * 64
    assert first.explained is None
    tiled = read_record(records / "dextran-tiny-tiled-0.json")
    assert tiled.pooled().mse == pytest.approx(first.pooled().mse, rel=1e-5)
    assert tiled.values["cost_factor"] == 1
    assert (out / "dextran" / "samples" / "tiny-0.png").stat().st_size > 5000
    capsys.readouterr()
    experiment.main(["list", *where])
    listed = capsys.readouterr().out.splitlines()
    assert listed == [
        "finished dextran/tiny-0",
        "finished dextran/tiny-1",
        "missing  dextran/other-0",
    ]
    json.dumps(replace(first).values, allow_nan=False)
    experiment.main(["gap", *where])
    measured = read_gaps(records)
    assert list(measured) == ["dextran/tiny-0", "dextran/tiny-1"]  # those whose runs are there
    assert measured["dextran/tiny-0"]["test"]["mse"] == pytest.approx(first.pooled().mse, rel=1e-5)
    assert {each["pixels"] for each in measured["dextran/tiny-0"].values()} == {96 * 64}


def test_costs_are_measured_in_turn(tmp_path: Path) -> None:
    design = read_design(toy_design(tmp_path))
    values = json.loads(measure_costs(design, tmp_path / "records", 32, 3).read_text("utf-8"))
    assert list(values["presets"]) == ["plain", "tiny"]
    for cost in values["presets"].values():
        assert {name: len(times) for name, times in cost["latency_ms"].items()} == {
            "keras": 3, "onnxruntime": 3,
        }  # fmt: skip
    assert values["presets"]["tiny"]["parameters"] == 305
    known = {"presets": {n: {"latency_ms": {"keras": t}} for n, t in
                         (("a", [1.0, 9.0, 2.0]), ("b", [2.0, 3.0, 8.0]))}}  # fmt: skip
    assert latency_ratio(known, "a", ["b"], "keras") == 0.5  # of 0.5, 3 and 0.25
    assert latency_ratio(known, "a", ["a", "b"], "keras") == pytest.approx(2 / 3)
