"""The recurrent cells, one file each: `step`, `step_backward`, and a typed trace."""
