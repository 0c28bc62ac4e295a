"""Training: one step, one evaluation, and a loop around them, each short enough to paste and change.

A loss is a function of one example, `loss(model, example, key) -> (value, metrics)`, where `metrics` is a dictionary
of scalars (or of dictionaries of scalars) that are averaged. `Classify` is one; write your own for anything else.
"""

from ._classify import Classify as Classify
from ._fit import fit as fit
from ._run import Fitted as Fitted
from ._run import restore as restore
from ._slope import choose_slope as choose_slope
from ._slope import with_slope as with_slope
from ._step import batch_loss as batch_loss
from ._step import evaluate as evaluate
from ._step import make_step as make_step
from ._step import update as update
