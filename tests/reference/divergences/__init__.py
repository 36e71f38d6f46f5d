"""Tests of the divergences. SPEC 8."""
