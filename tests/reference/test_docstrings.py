"""Every public name of `reference` says what it is, and the examples in the docstrings run."""

import doctest
import inspect
from collections.abc import Iterator
from functools import cached_property
from importlib import import_module
from pkgutil import walk_packages
from types import ModuleType

import pytest

import reference

MODULES = [reference, *(import_module(m.name) for m in walk_packages(reference.__path__, "reference."))]
WITH_EXAMPLES = {"reference.ctc", "reference.gru", "reference.lstm", "reference.network", "reference.rnn"}

each_module = pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__)


def public_names(module: ModuleType) -> Iterator[tuple[str, object]]:
    """Functions, classes, and what the classes define, of the module itself."""
    for name, member in vars(module).items():
        if name.startswith("_") or getattr(member, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(member) or inspect.isclass(member):
            yield name, member
        if inspect.isclass(member) and not getattr(member, "_is_protocol", False):
            for attribute, value in vars(member).items():
                if not attribute.startswith("_") and (
                    inspect.isfunction(value) or isinstance(value, property | cached_property)
                ):
                    yield f"{name}.{attribute}", value


PUBLIC = {f"{m.__name__}.{name}": value for m in MODULES for name, value in public_names(m)}


@each_module
def test_the_examples_run(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.failed == 0
    assert (result.attempted > 0) == (module.__name__ in WITH_EXAMPLES)


@each_module
def test_a_module_has_a_docstring(module: ModuleType) -> None:
    assert module.__doc__


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_has_a_docstring_of_its_own(name: str) -> None:
    """A dataclass without one is given its signature by Python: that does not count."""
    value = PUBLIC[name]
    assert value.__doc__
    assert not (inspect.isclass(value) and value.__doc__.startswith(f"{value.__name__}("))


def test_functions_classes_methods_and_properties_are_all_looked_at() -> None:
    assert {
        "reference.arrays.affine",
        "reference.rnn.RNN",
        "reference.lstm.LSTM.cell",
        "reference.recurrent.Recurrent.backward",
        "reference.network.Network.shapes",
        "reference.cells.rnn.Rnn.steps_backward",
    } <= set(PUBLIC)
