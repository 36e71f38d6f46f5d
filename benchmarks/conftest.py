"""What a benchmark run needs around it: equal threads, the machine in the header and the JSON, the table of ratios."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from benchmarks import ratios
from benchmarks.memory import keep_freed_memory


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--threads", type=positive_int, default=1, metavar="N", help="threads of each contender (default 1)"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Tables of 80 columns, where nobody asks for others."""
    if getattr(config.option, "benchmark_columns", ()) is None:
        config.option.benchmark_columns = ["median", "iqr", "rounds"]


def positive_int(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(f"{number} is below 1")
    return number


def _threads(config: pytest.Config) -> int:
    # The option is known only where this folder is named on the command line.
    return int(config.getoption("--threads", default=1))


@pytest.fixture(scope="session", autouse=True)
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    """The number of threads of NumPy's BLAS, and of torch, while the benchmarks run."""
    number, before = _threads(request.config), torch.get_num_threads()
    keep_freed_memory()
    with threadpool_limits(limits=number, user_api="blas"):
        torch.set_num_threads(number)
        yield number
        torch.set_num_threads(before)


def _blas() -> str:
    """The name of NumPy's BLAS; and a warning where its threads are out of reach."""
    found = [lib for lib in threadpool_info() if lib["user_api"] == "blas"]
    if found:
        return ", ".join(f"{lib['internal_api']} {lib['version']} ({lib.get('architecture', '?')})" for lib in found)
    name = np.show_config(mode="dicts")["Build Dependencies"]["blas"]["name"]
    return f"{name}, whose number of threads cannot be set from here"


def _versions(config: pytest.Config) -> dict[str, Any]:
    return {"numpy": np.__version__, "blas": _blas(), "torch": torch.__version__, "threads": _threads(config)}


def pytest_report_header(config: pytest.Config) -> str:
    cpu = config.hook.pytest_benchmark_generate_machine_info(config=config)["cpu"].get("brand_raw", "unknown")
    return ", ".join([f"cpu: {cpu}", *(f"{name}: {value}" for name, value in _versions(config).items())])


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    machine_info |= _versions(config)


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """The ratios of this run, below pytest-benchmark's own tables."""
    timed = [b for b in config._benchmarksession.benchmarks if b.stats and not b.has_error]  # type: ignore[attr-defined]
    lines = ratios.table((b.extra_info, b.stats.median) for b in timed)
    if lines:
        terminalreporter.section("reference / torch")
        for line in lines:
            terminalreporter.write_line(line)
