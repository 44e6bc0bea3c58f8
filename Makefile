# Two commands are all a newcomer needs: `make demo` and `make test`. Each makes .venv first.
PYTHON ?= python3
# The CPU build is half the download; on a machine with an NVIDIA GPU: make TENSORFLOW=tensorflow[and-cuda]
TENSORFLOW ?= tensorflow-cpu
BIN := .venv/bin
DEMO ?= demo
STUDY ?= study
REAL ?=
# Options of pytest, e.g. PYTEST="-n 2 --dist loadfile"
PYTEST ?=
RUNTIMES := tests/benchmarks tests/export tests/workflows

.PHONY: demo test test-fast check format clean study vendor

demo: .venv/installed
	rm -rf $(DEMO)
	$(BIN)/hrpn-tf simulate --config demo --out $(DEMO)/slides
	$(BIN)/hrpn-tf prepare $(DEMO)/slides/slides.csv --config demo --out $(DEMO)/patches
	$(BIN)/hrpn-tf fit $(DEMO)/patches --config demo --out $(DEMO)/run
	$(BIN)/hrpn-tf predict --run $(DEMO)/run
	$(BIN)/hrpn-tf evaluate --run $(DEMO)/run
	@echo "Open the table $(DEMO)/run/evaluation/metrics.md" \
		"and the picture $$(ls $(DEMO)/run/evaluation/*.png | head -n 1)"

# The comparison of docs/study.md; hours on two cores. Run again, it goes on where it stopped.
# REAL=FOLDER adds the real fields.
study: .venv/installed
	$(BIN)/python benchmarks/study.py --out $(STUDY) $(if $(REAL),--real $(REAL))

# In two parts: twice a process that had run the tests of the exported formats ended when a later test
# sent it a signal. Which library it is was not found yet.
test: .venv/installed
	$(BIN)/pytest $(PYTEST) $(addprefix --ignore=,$(RUNTIMES))
	$(BIN)/pytest $(PYTEST) $(RUNTIMES)

test-fast: .venv/installed
	$(BIN)/pytest -m "not slow"

check: .venv/installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/installed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The override keeps the solver from adding the full TensorFlow beside the chosen build of it.
.venv/installed: setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet uv
	echo "tensorflow; python_version < '3'" > .venv/override.txt
	$(BIN)/uv pip install --quiet --python $(BIN)/python --override .venv/override.txt \
		"$(TENSORFLOW)>=2.21,<2.22" --editable ".[dev]"
	touch $@

# The viewer library of the report, from the npm registry; its files are part of the repository.
vendor: .venv/installed
	$(BIN)/python -m hrpn_tf.evaluation.report.vendor

clean:
	rm -rf .venv build dist *.egg-info
