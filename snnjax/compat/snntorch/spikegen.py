"""snntorch's spike generators and targets (`snntorch.spikegen`), by their names there.

Data may have any shape, batch and all, and time is put in front of it. Where they draw at random they take a `key`.
Values that cannot be encoded raise a `ValueError`; under a JAX transformation, where no values are known, they are NaN.
`num_steps=False` is what the library writes for "not given".
"""

from ._latency import latency as latency
from ._latency import latency_code as latency_code
from ._latency import latency_code_linear as latency_code_linear
from ._latency import latency_code_log as latency_code_log
from ._latency import latency_interpolate as latency_interpolate
from ._rate import delta as delta
from ._rate import rate as rate
from ._rate import rate_conv as rate_conv
from ._targets import from_one_hot as from_one_hot
from ._targets import rate_interpolate as rate_interpolate
from ._targets import target_rate_code as target_rate_code
from ._targets import targets_convert as targets_convert
from ._targets import targets_latency as targets_latency
from ._targets import targets_rate as targets_rate
from ._targets import to_one_hot as to_one_hot
from ._targets import to_one_hot_inverse as to_one_hot_inverse
