"""Golden traces of other libraries: `python -m tests.goldens DIR [--lib NAME]` runs a folder of them."""
