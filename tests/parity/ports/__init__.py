"""Tests of the running of ports, and the ports that they run."""
