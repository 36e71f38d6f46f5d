"""The recurrent cells, one file each: `steps`, `steps_backward`, and a typed trace."""
