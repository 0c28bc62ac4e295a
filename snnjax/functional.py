"""The neurons as pure functions: `(params, state, x) -> (state, out)`, elementwise, one step."""

from typing import TYPE_CHECKING

from ._lazy import lazily as _lazily
from ._neuron import alif as alif
from ._neuron import cuba_lif as cuba_lif
from ._neuron import integrate_and_fire as integrate_and_fire
from ._neuron import li as li
from ._neuron import lif as lif

if TYPE_CHECKING:
    from ._neuron.adaptive_current import ad_lif as ad_lif
    from ._neuron.adaptive_quadratic import adaptive_quadratic as adaptive_quadratic
    from ._neuron.adex import adex as adex
    from ._neuron.alpha_current import cuba_lif_alpha as cuba_lif_alpha
    from ._neuron.conductance_based import coba_lif as coba_lif
    from ._neuron.double_exponential_current import cuba_lif_double_exponential as cuba_lif_double_exponential
    from ._neuron.exponential_integrate_and_fire import exponential_integrate_and_fire as exponential_integrate_and_fire
    from ._neuron.fitzhugh_nagumo import fitzhugh_nagumo as fitzhugh_nagumo
    from ._neuron.generalised import generalised as generalised
    from ._neuron.hindmarsh_rose import hindmarsh_rose as hindmarsh_rose
    from ._neuron.hodgkin_huxley import hodgkin_huxley as hodgkin_huxley
    from ._neuron.izhikevich import izhikevich as izhikevich
    from ._neuron.morris_lecar import morris_lecar as morris_lecar
    from ._neuron.quadratic import quadratic as quadratic
    from ._neuron.resonate_and_fire import balanced_resonate_and_fire as balanced_resonate_and_fire
    from ._neuron.resonate_and_fire import resonate_and_fire as resonate_and_fire
    from ._neuron.sigma_delta import sigma_delta as sigma_delta
    from ._neuron.spike_response import spike_response as spike_response
    from ._neuron.wang_buzsaki import wang_buzsaki as wang_buzsaki

__getattr__, __dir__ = _lazily(
    __name__,
    {
        "ad_lif": "._neuron.adaptive_current",
        "adaptive_quadratic": "._neuron.adaptive_quadratic",
        "adex": "._neuron.adex",
        "cuba_lif_alpha": "._neuron.alpha_current",
        "coba_lif": "._neuron.conductance_based",
        "cuba_lif_double_exponential": "._neuron.double_exponential_current",
        "exponential_integrate_and_fire": "._neuron.exponential_integrate_and_fire",
        "fitzhugh_nagumo": "._neuron.fitzhugh_nagumo",
        "generalised": "._neuron.generalised",
        "hindmarsh_rose": "._neuron.hindmarsh_rose",
        "hodgkin_huxley": "._neuron.hodgkin_huxley",
        "izhikevich": "._neuron.izhikevich",
        "morris_lecar": "._neuron.morris_lecar",
        "quadratic": "._neuron.quadratic",
        "balanced_resonate_and_fire": "._neuron.resonate_and_fire",
        "resonate_and_fire": "._neuron.resonate_and_fire",
        "sigma_delta": "._neuron.sigma_delta",
        "spike_response": "._neuron.spike_response",
        "wang_buzsaki": "._neuron.wang_buzsaki",
    },
)
