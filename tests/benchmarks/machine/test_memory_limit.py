"""A cell that wants more memory than there is becomes a row, and the machine lives on."""

import re

import pytest
from hrpn_benchmarks.launch import measure_apart
from hrpn_benchmarks.machine import memory_limit
from hrpn_benchmarks.machine.memory_limit import ended_by_kernel, out_of_memory
from support.instruments import cell
from support.places import TESTS


def failure(**changes: object) -> str:
    return str(measure_apart(cell(**{"bundle": "", "side": 8, **changes}), 60).failure)


@pytest.fixture(autouse=True)
def _workers_find_the_instruments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))


def test_an_array_that_is_too_large_is_a_row_that_says_so() -> None:
    assert re.fullmatch(
        r"out of memory: Unable to allocate 9\.09 TiB.*; [\d.]+ GB were available",
        failure(peer="support.instruments:numpy_glutton"),
    )


def test_many_arrays_are_refused_before_the_machine_is_full() -> None:
    line = failure(peer="support.instruments:slow_glutton")
    assert line.startswith("out of memory: Unable to allocate 954. MiB")


def test_a_runtime_that_aborts_without_memory_is_recognised() -> None:
    line = failure(peer="support.instruments:aborting_glutton")
    assert line.startswith("out of memory: terminate called")
    assert "std::bad_alloc" in line


def test_a_kill_is_not_put_down_to_memory_if_the_kernel_ended_nobody() -> None:
    line = failure(peer="support.instruments:killed")
    assert line.startswith("ended by SIGKILL")


def test_a_kill_by_the_kernel_is_told_from_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory_limit, "kernel_kills", lambda: 4)
    assert ended_by_kernel(3, 2_000_000_000) == (
        "out of memory: ended by the kernel; 2.0 GB were available"
    )
    assert "not by the kernel" in ended_by_kernel(4, None)
    monkeypatch.setattr(memory_limit, "kernel_kills", lambda: None)
    assert ended_by_kernel(None, None) == "ended by SIGKILL (out of memory?)"


@pytest.mark.parametrize(
    "line",
    [
        "MemoryError",
        "RuntimeException: [ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc",
        "BFCArena: Failed to allocate memory for requested buffer of size 17179869184",
        "ResourceExhaustedError: OOM when allocating tensor with shape[1,32768,32768,16]",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB",
        "OSError: [Errno 12] Cannot allocate memory",
    ],
)
def test_the_words_of_the_runtimes_are_known(line: str) -> None:
    assert str(out_of_memory(f"loading\n{line}\nAborted", 10**9)).endswith("1.0 GB were available")


def test_other_failures_are_not_put_down_to_memory() -> None:
    assert out_of_memory("ValueError: a memory format that nobody knows", 10**9) is None
    assert out_of_memory("", None) is None
