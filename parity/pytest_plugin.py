"""A plugin of pytest: `pytest --bptt adapter.py` has a test for each vector and dtype that the adapter claims.

adapter.py defines `forward`, maybe `vjp` (`parity.adapter`), and `CLAIMS`: the keys of a port.toml, or the path of one.
"""

from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("bptt").addoption(
        "--bptt", metavar="ADAPTER", action="append", default=[], help="check this adapter on the test vectors"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Without other arguments, the adapters alone."""
    adapters = config.getoption("bptt")
    if adapters:
        given = config.args if config.args_source == pytest.Config.ArgsSource.ARGS else []
        config.args = [*given, *adapters]


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> "Adapter | None":
    named = [Path(path).resolve() for path in parent.config.getoption("bptt")]
    return Adapter.from_parent(parent, path=file_path) if file_path.resolve() in named else None


class Adapter(pytest.File):
    """The vectors that an adapter claims. A known failure is one that must fail."""

    def collect(self) -> Iterator["VectorItem"]:
        from parity import adapter, vectors
        from parity.ports import in_process

        spec = spec_from_file_location(f"bptt_{self.path.stem}", self.path)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        claims = module.CLAIMS
        port = in_process.port(self.path.parent / claims if isinstance(claims, (str, Path)) else claims)
        answer = adapter.network(module.forward, getattr(module, "vjp", None))
        for dtype in port.dtypes:
            for vector in vectors.frozen():
                if not port.lacks(vector.case, dtype):
                    name = f"{vector.case.id}-{dtype}"
                    yield VectorItem.from_parent(self, name=name, asked=(port, answer, vector, dtype))


class VectorItem(pytest.Item):
    """One vector in one dtype."""

    def __init__(self, *, asked: tuple[Any, ...], **options: Any) -> None:
        super().__init__(**options)
        self._asked = asked

    def runtest(self) -> None:
        from parity.ports import in_process
        from parity.ports.verdict import KNOWN
        from parity.report.check import line

        outcome = in_process.judge(*self._asked)
        if outcome.verdict == KNOWN:
            pytest.xfail(outcome.detail)
        if outcome.verdict == "too sensitive":
            pytest.skip(outcome.detail)
        if outcome.verdict != "pass":
            raise Wrong(line(outcome), outcome.complaints)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, Wrong):
            return "\n".join(text for text in reversed(excinfo.value.args) if text)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, self.name


class Wrong(AssertionError):
    """The line of a vector that went wrong, and what the adapter complained of."""
