# Two commands are all a newcomer needs: `make demo` and `make test`. Each makes .venv first.
PYTHON ?= python3
# The CPU build is half the download; on a machine with an NVIDIA GPU: make TENSORFLOW=tensorflow[and-cuda]
TENSORFLOW ?= tensorflow-cpu
BIN := .venv/bin
DEMO ?= demo
STUDY ?= study
REAL ?=
MINUTES ?=
BENCHMARK ?= $(DEMO)/benchmark
# What the tutorials run on: tiny or full.
TUTORIAL ?= tiny
# Tests of a fraction of a second.
FAST := not slow and not nightly
# Options of pytest, e.g. PYTEST="-n 2 --dist loadfile"
PYTEST ?=

# The container engine that answers, if any; ENGINE=... names another.
ENGINE ?= $(firstword $(foreach name,docker podman,$(shell $(name) info >/dev/null 2>&1 && echo $(name))))

.PHONY: lowest other-python napari demo weights benchmark bioimage kills fuzz test test-fast spatialdata check docs tutorials format clean study vendor docker

demo: .venv/installed
	rm -rf $(DEMO)
	$(BIN)/hrpn-tf demo --out $(DEMO)

# The comparison of docs/results/study.md; days on two cores, in pieces. Run again, it resumes.
# REAL=FOLDER adds the real fields, MINUTES=60 stops after an hour.
study: .venv/installed
	$(BIN)/python benchmarks/experiments/study run --out $(STUDY) $(if $(REAL),--real $(REAL)) \
		$(if $(MINUTES),--max-minutes $(MINUTES))
	$(BIN)/python benchmarks/experiments/study report --pictures $(STUDY)/report

# The weights that come with the package, trained on simulated slides; hours on two cores for each.
# Run again, it resumes. WEIGHTS="--name hrpn-s-sim" makes one of them.
WEIGHTS ?=
weights: .venv/installed
	$(BIN)/python benchmarks/experiments/weights.py --out build/weights $(WEIGHTS)

# The plan "quick" on the network of the demo. BENCHMARK=FOLDER names another folder: a report that is
# there is never replaced.
benchmark: .venv/installed
	test -d $(DEMO)/run || $(MAKE) demo
	test -d $(DEMO)/bundle || $(BIN)/hrpn-tf export $(DEMO)/run --out $(DEMO)/bundle
	$(BIN)/hrpn-tf benchmark $(DEMO)/bundle --plan quick --out $(BENCHMARK)
	@echo "Open the page $(BENCHMARK)/report.html"

# Kills the commands at random moments and compares the results; KILLS=20 for a quick look.
KILLS ?= 200
kills: .venv/installed
	$(BIN)/python benchmarks/experiments/kills.py --kills $(KILLS) --seed 0

# Reads damaged files of every kind as the commands do; FUZZ=200 for a quick look.
FUZZ ?= 2000
fuzz: .venv/installed
	$(BIN)/python benchmarks/experiments/fuzz --files $(FUZZ) --seed 0 --out build/fuzz

# The tools of bioimage.io, freshly installed, on a bundle: BUNDLE=FOLDER or BUNDLE=FILE.zip.
bioimage: .venv/installed
	$(BIN)/uv venv --quiet --clear build/bioimage
	$(BIN)/uv pip install --quiet --python build/bioimage/bin/python \
		"bioimageio.core==0.11.0" "pydantic<2.14" onnxruntime
	build/bioimage/bin/bioimageio test --weight-format onnx $(BUNDLE)

test: .venv/installed
	$(BIN)/pytest $(PYTEST)

test-fast: .venv/installed
	$(BIN)/pytest -m "$(FAST)" -n 2 --dist loadfile --no-loadscope-reorder

# The plugin in a real window of napari, which lies beside the environment with all that it brings
# (700 MB). Pictures of the window, to be looked at, go to build/napari.
napari: .venv/napari/installed
	@command -v Xvfb >/dev/null || { echo "Xvfb is missing (Debian: xvfb libgl1-mesa-dri libegl1" \
		"libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0 libxkbcommon-x11-0)" >&2; exit 1; }
	PYTHONPATH=.venv/napari HRPN_PICTURES=build/napari \
		$(BIN)/pytest --disable-warnings tests/napari_plugin $(PYTEST)

# SpatialData takes 370 MB and older releases of pandas and Dask, so it has an environment of its own,
# in which what `analyse --spatialdata` writes is read back.
spatialdata: .venv/installed
	$(PYTHON) -m venv build/spatialdata
	$(BIN)/uv pip install --quiet --python build/spatialdata/bin/python \
		--override .venv/override.txt "$(TENSORFLOW)>=2.21,<2.22" --editable ".[simulate,spatialdata]" \
		hypothesis pytest pytest-timeout
	build/spatialdata/bin/python -m pytest tests/workflows/analyse/test_spatialdata.py

# The fast tests with the oldest versions that setup.cfg allows. LOWEST=tests/slides for some of them.
LOWEST ?= tests
lowest: .venv/installed
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python build/lowest
	$(BIN)/uv pip install --quiet --python build/lowest/bin/python --resolution lowest-direct \
		--override .venv/override.txt "$(TENSORFLOW)>=2.21,<2.22" --editable ".[dev]"
	build/lowest/bin/python -m pytest -m "$(FAST)" -n 2 --dist loadfile $(LOWEST)

# The fast tests with another Python: make other-python OTHER_PYTHON=python3.12 OTHER_TESTS=tests/slides
OTHER_PYTHON ?= python3.13
OTHER_TESTS ?= tests
other-python: .venv/installed
	$(BIN)/uv venv --quiet --clear --python $(OTHER_PYTHON) build/other-python
	$(BIN)/uv pip install --quiet --python build/other-python/bin/python \
		--override .venv/override.txt "$(TENSORFLOW)>=2.21,<2.22" --editable ".[dev]"
	build/other-python/bin/python -m pytest -m "$(FAST)" -n 2 --dist loadfile $(OTHER_TESTS)

# The versions of the environment for prediction alone, the newest that requirements/predict.in allows.
.PHONY: requirements/predict.txt
requirements/predict.txt: .venv/installed
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header \
		--override requirements/left-out.txt --output-file $@ --upgrade requirements/predict.in

check: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint docker/*.Dockerfile

# Executed on very small slides, and with their results part of the pages of `make docs`;
# TUTORIAL=full runs them as they are written, about 20 minutes on two cores.
tutorials: .venv/installed
	rm -rf build/tutorials
	mkdir -p build/tutorials
	for source in docs/tutorials/*.py; do $(BIN)/jupytext --quiet --to ipynb \
		--output build/tutorials/$$(basename $$source .py).ipynb $$source || exit 1; done
	HRPN_TUTORIAL=$(TUTORIAL) $(BIN)/pytest --nbmake -n 2 --overwrite --nbmake-timeout 7200 \
		-o timeout=0 --durations 4 build/tutorials

# Into build/site; a warning, a dead link or a file loaded from another server is an error.
docs: .venv/installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "Open the page build/site/index.html"

format: .venv/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The override keeps the solver from adding the full TensorFlow beside another build of it.
OVERRIDE = $(if $(filter tensorflow tensorflow[%,$(TENSORFLOW)),,tensorflow; python_version < '3')
# Where Python may not keep what it compiles, uv does it now: else every start of TensorFlow would.
COMPILE = $(if $(PYTHONDONTWRITEBYTECODE),--compile-bytecode)
.venv/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet uv
	echo "$(OVERRIDE)" > .venv/override.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --override .venv/override.txt $(COMPILE) \
		"$(TENSORFLOW)>=2.21,<2.22" --editable ".[dev]"
	touch $@

# In a folder of its own: napari and Qt would slow every test, and Keras every window.
.venv/napari/installed: .venv/installed
	$(BIN)/uv pip freeze --quiet --python $(BIN)/python --exclude-editable > .venv/constraints.txt
	$(BIN)/python -c "from importlib.metadata import requires; print(*(one.split(';')[0] for one in \
		requires('hrpn-tf') if one.endswith('extra == \"napari\"')), sep='\n')" > .venv/napari.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --target .venv/napari \
		--constraint .venv/constraints.txt --requirement .venv/napari.txt
	touch $@

# The JavaScript libraries of the pages, from the npm registry; their files are part of the repository.
vendor: .venv/installed
	$(BIN)/python -m hrpn_export.viewer.vendor

# The images of docker/README.md, named after the version.
docker: docker-train docker-inference

docker-%:
	@test -n "$(ENGINE)" || { echo "no image built: neither docker nor podman answers" >&2; exit 1; }
	$(ENGINE) build --file docker/$*.Dockerfile \
		--tag hrpn-tf-$*:$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' hrpn_tf/_version.py) .

clean:
	rm -rf .venv build dist *.egg-info
