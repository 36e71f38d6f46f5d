"""Tests of the command line, a file a command."""
