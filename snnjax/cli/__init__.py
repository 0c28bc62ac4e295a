"""The command line: `snnjax train`, `snnjax evaluate`, `snnjax info`."""

from ._main import main as main
