"""The bundle is a model description of bioimage.io: their own validator says so, offline."""

import dataclasses
import re
import zipfile
from dataclasses import replace

import cv2
import numpy as np
import pytest
import yaml
from bioimageio.spec import InvalidDescr, ValidationContext, load_description
from bioimageio.spec.generic.v0_3 import LicenseId
from hrpn_export import About, Person, bioimage, cover, export_bundle, open_bundle
from hrpn_export.archive import write_zip
from hrpn_export.manifest import Manifest, contract_fields, read_manifest
from hrpn_export.nickname import nickname_of
from pydantic import TypeAdapter
from support.bundles import ARTEFACTS, CONTRACT, evidence, exported, network

OFFLINE = ValidationContext(disable_cache=True)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args, **options):
        pytest.fail("the network was used")

    monkeypatch.setattr("socket.socket.connect", refuse)


def validated(path, context=OFFLINE):
    """The description, without an error; warnings are of what nobody stated."""
    with context:
        description = load_description(path)
    assert not isinstance(description, InvalidDescr), description.validation_summary.format()
    return description


def warnings_of(description):
    details = description.validation_summary.details
    return {".".join(map(str, w.loc)) for detail in details for w in detail.warnings}


def test_the_folder_and_the_zip_are_valid(tmp_path):
    folder = validated(exported() / "rdf.yaml")
    # an exporter cannot know a publication, nor has it pictures of pictures
    assert warnings_of(folder) <= {
        "cite", "authors", "inputs.0.sample_tensor", "outputs.0.sample_tensor",
    }  # fmt: skip
    packed = validated(write_zip(exported(), tmp_path / "b.zip"))
    assert packed.name == folder.name


def test_it_says_what_the_contract_says():
    description = validated(exported() / "rdf.yaml")
    (given,), (gives,) = description.inputs, description.outputs
    assert [axis.id for axis in given.axes] == ["batch", "y", "x", "channel"]
    assert given.axes[3].channel_names == ["vessels", "nuclei"]
    assert gives.axes[3].channel_names == ["qd"]
    assert (given.axes[1].unit, given.axes[1].scale) == ("micrometer", 0.5)
    assert (given.axes[1].size.min, given.axes[1].size.step) == (10, 2)
    assert gives.axes[1].halo == 4
    assert given.data.type == gives.data.type == "float32"
    assert given.data.range == (0.0, 255.0)
    assert description.license == "CC-BY-4.0"
    assert [author.name for author in description.authors] == ["Ada Example"]
    # the names of the tensors are those of the ONNX file and of the SavedModel's signature
    assert (given.id, gives.id) == ("grey_levels", "prediction")


def test_their_package_of_it_is_valid_as_well(tmp_path):
    from bioimageio.spec import save_bioimageio_package

    with OFFLINE:
        path = save_bioimageio_package(exported() / "rdf.yaml", output_path=tmp_path / "p.zip")
    assert validated(path).weights.onnx is not None


def test_weights_are_those_of_the_bundle_and_come_from_keras():
    weights = validated(exported() / "rdf.yaml").weights
    assert str(weights.onnx.source.path) == "onnx/fp32/model.onnx"
    assert weights.onnx.opset_version == 18
    assert weights.onnx.parent == "keras_v3"
    assert weights.keras_v3.backend[0] == "tensorflow"
    # some programs read no other
    zipped = weights.tensorflow_saved_model_bundle
    assert str(zipped.source.path) == bioimage.SAVED_MODEL
    assert zipped.parent == "keras_v3"


def test_it_has_a_nickname_of_its_own():
    description = validated(exported() / "rdf.yaml")
    assert re.fullmatch(r"[a-z]+-[a-z]+", str(description.id))
    assert description.id_emoji
    config = yaml.safe_load((exported() / "rdf.yaml").read_text(encoding="utf-8"))["config"]
    assert config["bioimageio"]["nickname"] == str(description.id)
    names = {nickname_of(bytes([i]), SAMPLE).text for i in range(50)}
    assert len(names) > 30
    assert nickname_of(b"", SAMPLE) != nickname_of(b"", SAMPLE + 1)


@pytest.mark.parametrize("artefacts", [[], [("saved_model", "fp32")], [("onnx", "fp32")]])
def test_any_choice_of_formats_is_valid(tmp_path, artefacts):
    model = network()
    export_bundle(
        model, CONTRACT, tmp_path / "b", artefacts=artefacts, evidence=evidence(model),
        about=About("t.1"),
    )  # fmt: skip
    weights = validated(tmp_path / "b/rdf.yaml").weights
    assert (weights.onnx is not None) == (("onnx", "fp32") in artefacts)
    assert weights.keras_v3 is not None
    zipped = weights.tensorflow_saved_model_bundle
    assert (zipped is not None) == (("saved_model", "fp32") in artefacts)
    if zipped is not None:
        with zipfile.ZipFile(tmp_path / "b" / bioimage.SAVED_MODEL) as archive:
            assert {"saved_model.pb", "variables/variables.index"} <= set(archive.namelist())
    open_bundle(tmp_path / "b")


SAMPLE = np.full((1, 32, 32, 2), 100.0, np.float32)


def written(
    folder, about=None, contract=CONTRACT, sample=SAMPLE, expected=None, context=OFFLINE, **changes
):
    """A description beside the sample's weights."""
    expected = sample[..., : len(contract.outputs)] if expected is None else expected
    for name in ("onnx", "keras", "README.md"):
        (folder / name).symlink_to(exported() / name)
    values = read_manifest(exported()).model_dump() | {"contract": contract_fields(contract)}
    values["artefacts"] = [a for a in values["artefacts"] if a["format"] != "saved_model"]
    manifest = Manifest.model_validate(values | changes)
    bioimage.inside, before = (lambda root, name: root / name), bioimage.inside
    try:
        bioimage.write(folder, manifest, about or About("tiny"), sample, expected)
    finally:
        bioimage.inside = before
    return validated(folder / "rdf.yaml", context)


@pytest.mark.parametrize(
    ("name", "described"),
    [("a", "model a"), ("v1.2=x@y", "v1-2-x-y"), ("n" * 200, "n" * 64), ("a_b+c-d", "a_b+c-d")],
)
def test_any_name_is_within_their_limits(tmp_path, name, described):
    assert written(tmp_path, name=name).name == described


@pytest.mark.parametrize(
    "licence", ["LicenseRef-not-stated", "LicenseRef-of-our-institute", "Apache 2", "no\nidea"]
)
def test_a_licence_they_do_not_know_is_a_file(tmp_path, licence):
    description = written(tmp_path, licence=licence)
    text = (tmp_path / "LICENSE.txt").read_text()
    assert str(description.license.source.path) == "LICENSE.txt"
    assert ("not stated" in text) == (licence == "LicenseRef-not-stated")


@pytest.mark.parametrize("licence", sorted(bioimage.LICENCES))
def test_a_licence_that_is_written_by_name_is_one_of_theirs(licence):
    TypeAdapter(LicenseId).validate_python(licence)


@pytest.mark.parametrize(
    "changes",
    [
        {"pixel_size_um": None},
        {"receptive_field": None, "tile_exact": False},
        {"receptive_field": 283, "stride_multiple": 16},
        {"receptive_field": 1, "stride_multiple": 1},
        {"inputs": ("Gefäße", "CD31 / DAPI (1:100)"), "outputs": ("量子点", "b")},
        {"grey_max": 65535.0, "pixel_size_um": 1e-3},
        {"grey_max": 1.0},
    ],
)
def test_any_contract_is_valid(tmp_path, changes):
    description = written(tmp_path, contract=replace(CONTRACT, **changes), outputs=[])
    halo = getattr(description.outputs[0].axes[1], "halo", None)
    exact = changes.get("tile_exact", True) and changes.get("receptive_field") != 1
    assert (halo is not None) == exact


@pytest.mark.parametrize("value", [0.0, -3.0, np.nan, 1e-9])
def test_an_example_that_tests_nothing_is_not_named(tmp_path, value):
    description = written(tmp_path, expected=np.full((1, 32, 32, 1), value, np.float32))
    assert description.outputs[0].test_tensor is None
    assert (tmp_path / "test_output.npy").exists()


def test_a_dim_example_has_a_tolerance_that_they_allow(tmp_path):
    written(tmp_path, expected=np.full((1, 32, 32, 1), 0.01, np.float32))


@pytest.mark.parametrize(("size", "field", "side"), [(32, 9, 32), (32, 63, 66), (8, 283, 286)])
def test_the_example_is_as_large_as_the_smallest_input(size, field, side):
    patches = np.random.default_rng(0).uniform(0, 255, (3, size, size, 2))
    contract = replace(CONTRACT, receptive_field=field)
    image = bioimage.example(patches, contract)
    assert image.shape == (1, side, side, 2)
    assert image.dtype == np.float32


def test_authors_citation_and_description(tmp_path):
    cite = [{"text": "A paper.", "doi": "10.1234/x.y"}, {"text": "no doi"}, "text", {"doi": "x"}]
    about = About("tiny", authors=("A/B\nC", "D"), description="d" * 900, provenance={"cite": cite})
    description = written(tmp_path, about)
    assert [author.name for author in description.authors] == ["A-B C", "D"]
    assert [str(entry.doi) for entry in description.cite] == ["10.1234/x.y"]
    assert len(description.description) == 512


def test_nothing_is_left_to_edit_before_an_upload(tmp_path):
    person = Person("Ada Example", "A University", "ada@example.org", "ada", "0000-0002-1825-0097")
    about = About(
        "tiny",
        licence="CC-BY-4.0",
        authors=(person, "B. Example"),
        maintainers=(person,),
        tags=("nanoparticles", "tumour", "keras"),
        cite=({"text": "A paper.", "doi": "10.1234/x.y"},),
        repository="https://github.com/example/example",
    )
    # their validator asks GitHub for persons and repositories
    description = written(
        tmp_path, about, context=ValidationContext(perform_io_checks=False, disable_cache=True)
    )
    assert warnings_of(description) <= {"inputs.0.sample_tensor", "outputs.0.sample_tensor"}
    author = description.authors[0]
    assert (author.name, author.affiliation, author.github_user) == (
        "Ada Example", "A University", "ada",
    )  # fmt: skip
    assert str(author.orcid) == "0000-0002-1825-0097"
    assert description.maintainers[0].github_user == "ada"
    assert description.tags[-2:] == ["nanoparticles", "tumour"]
    assert str(description.git_repo).rstrip("/") == "https://github.com/example/example"


def test_a_cover_is_drawn_or_copied(tmp_path):
    drawn = tmp_path / "drawn"
    drawn.mkdir()
    written(drawn)
    left, right = np.mgrid[:40, :90] * 1.0  # brighter downwards; the prediction to the right
    cover.draw_cover(drawn / cover.FILE, np.stack([left] * 2, axis=-1), right[..., None])
    picture = cv2.imread(str(drawn / cover.FILE)).astype(int)
    assert picture.shape == (cover.SIDE, 2 * cover.SIDE, 3)
    inputs, predicted = np.split(picture.sum(axis=-1), 2, axis=1)
    assert inputs[-5].mean() > inputs[5].mean() + 100
    assert predicted[:, -5].mean() > predicted[:, 5].mean() + 100
    own = tmp_path / "own.PNG"
    own.write_bytes((drawn / cover.FILE).read_bytes())
    copied = tmp_path / "copied"
    copied.mkdir()
    description = written(copied, dataclasses.replace(About("tiny"), covers=(own,)))
    assert [str(one.source.path) for one in description.covers] == ["cover-1.png"]
    cover.draw_cover(tmp_path / "flat.png", np.zeros((9, 9, 4)), np.full((9, 9, 1), np.nan))
    assert (tmp_path / "flat.png").stat().st_size < 500_000


def test_text_of_a_stranger_stays_text(tmp_path):
    nasty = "x: !!python/object/apply:os.system ['true']\n- &a *a\x07"
    description = written(tmp_path, dataclasses.replace(About("tiny"), description=nasty))
    assert description.description.strip().startswith("x: !!python")


def test_two_equal_exports_are_described_by_equal_bytes(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
        written(tmp_path / name)
    for file in ("rdf.yaml", "test_input.npy", "test_output.npy"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert "timestamp" not in yaml.safe_load((tmp_path / "a/rdf.yaml").read_text())


def test_the_sample_has_all_formats():
    assert {"saved_model", "onnx"} == {format for format, _ in ARTEFACTS}
