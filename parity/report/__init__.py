"""How results are shown: on the terminal, as JSON and JUnit, on a page."""

from parity.report.results import versions
from parity.report.terminal import console, progress, say

__all__ = ["console", "progress", "say", "versions"]
