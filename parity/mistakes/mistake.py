"""What a mistake is, and how it is planted.

A mistake is a piece of the text of one function and what stands there instead. It is planted by giving the function the
code of the changed text; the sources, and everything that refers to the function, stay as they are.
"""

import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from types import FunctionType

DTYPES = ("float64", "float32")


@dataclass(frozen=True)
class Mistake:
    """`right` in the function `where` (module:name) becomes `wrong`.

    says: what it is. met: public issues in which it, or its like, was reported; empty where none is known to us.
    float64, float32: why it does not show in that dtype, and is not looked for there; empty where it must be caught.
    """

    name: str
    where: str
    right: str
    wrong: str
    says: str
    met: str = ""
    float64: str = ""
    float32: str = ""

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The dtypes in which it must be caught."""
        return tuple(dtype for dtype in DTYPES if not getattr(self, dtype))

    @property
    def keeps(self) -> bool:
        """Whether it carries something from one call to the next, in the `__dict__` of its function."""
        return "__dict__" in self.wrong

    def concerns(self, cell: str) -> bool:
        """Whether it can show with a cell: what stands in the file of one, with that cell alone."""
        module = self.where.partition(":")[0]
        return not module.startswith("cells.") or module == f"cells.{cell}"

    def function(self) -> FunctionType:
        """The function of the reference that it is planted in."""
        module, _, path = self.where.partition(":")
        found: object = import_module(f"reference.{module}")
        for name in path.split("."):
            found = getattr(found, name)
        assert isinstance(found, FunctionType)
        return found


@contextmanager
def planted(mistake: Mistake) -> Iterator[None]:
    """While inside, the reference makes the mistake. Raises ValueError if the text is not there exactly once."""
    function = mistake.function()
    source = textwrap.dedent(inspect.getsource(function))
    if source.count(mistake.right) != 1:
        raise ValueError(f"{mistake.name}: expected {mistake.right!r} once in {mistake.where}, not {source}")
    right_code = function.__code__
    changed: dict[str, FunctionType] = {}
    text = source.replace(mistake.right, mistake.wrong)
    exec(compile(text, f"<{mistake.name}>", "exec"), function.__globals__, changed)
    function.__code__ = changed[function.__name__].__code__
    try:
        yield
    finally:
        function.__code__ = right_code
        function.__dict__.clear()  # where a mistake keeps what it carries from call to call
