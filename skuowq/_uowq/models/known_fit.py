"""A fit of all rows, and the information near it for whatever weights the sources have."""

from dataclasses import dataclass

import numpy as np

from skuowq.fisher.checked import DomainInformation, InformationByDomain

# Every domain's information is kept by itself up to so many numbers.
_MAX_NUMBERS = 2**23
# Between the traces of a source's information at two fits; beyond it is formed again.
_MAX_RATIO = 3.0


@dataclass(frozen=True)
class KnownFit:
    """A fit, and the Fisher information near it.

    Attributes
    ----------
    theta : ndarray of shape (n_design_columns, n_contrasts) or None
        None before the first fit.
    by_domain : InformationByDomain or None
        None where it would be too large.
    of_mixture : DomainInformation or None
        With the weights of the fit, where `by_domain` is None. None where even that is too large.
    """

    theta: np.ndarray | None = None
    by_domain: InformationByDomain | None = None
    of_mixture: DomainInformation | None = None

    @property
    def has_curvature(self):
        """Whether there is any information."""
        return self.by_domain is not None or self.of_mixture is not None

    def curvature(self, domain_weights):
        """Information of a row of the mixture with these weights, the target's first; or None.

        Where domains are not known apart, it is that with the weights of the fit.
        """
        if self.by_domain is None:
            return self.of_mixture
        return self.by_domain.mixed(domain_weights)

    def curvature_at(self, look, domain_weights):
        """Information of a row of the mixture at another fit, without forming the sources' again.

        The target's is exact. A source's is that at the known fit, scaled to the trace it has at
        the other one: what changes most between two fits is how sure they are.

        Parameters
        ----------
        look : Look
            At the other fit.
        domain_weights : ndarray of shape (n_domains,)

        Returns
        -------
        information : DomainInformation or None
            None where the known fit is too far, or domains are not known apart.
        """
        if self.by_domain is None:
            return None
        trace = look.traces()
        known = np.trace(self.by_domain.own, axis1=1, axis2=2)
        near = (trace < _MAX_RATIO * known) & (known < _MAX_RATIO * trace)
        if not near[1:][domain_weights[1:] > 0].all():
            return None
        scale = np.divide(trace, known, out=np.ones(len(known)), where=near)
        return self.by_domain.mixed(domain_weights, scale, look.information_of_target())


def known_fit(look, domain_weights):
    """Look at the information at a fit.

    Parameters
    ----------
    look : Look
    domain_weights : ndarray of shape (n_domains,)

    Returns
    -------
    known : KnownFit
    """
    if len(domain_weights) * look.problem.n_parameters**2 > _MAX_NUMBERS:
        return KnownFit(look.theta, of_mixture=look.information(domain_weights))
    return KnownFit(look.theta, by_domain=look.information_by_domain())
