"""Tests of the forms in which vectors are written beside their own: each read as its own readers would."""
