"""The weight program in whole numbers, for biases that cancel beyond double precision.

The inputs are doubles, which are fractions, and are taken as exact. The units are powers of two in
which the diagonal of ``M = diag(1/N) + G`` is near 1. In these units each number is a whole number
of steps of ``2**-512``, so a product is wrong by at most a step or two. Programs are refused if
their smallest eigenvalue is below ``2**-128`` in these units, or if the units differ by more than
``2**128``. For all others the error of these steps does not matter.
"""

from fractions import Fraction

import numpy as np

# Elimination takes two seconds for so many, and eight times as long for twice as many.
MAX_SOURCES = 300
_BITS = 512
_LEAST_EIGENVALUE = 1 << (_BITS - 128)
_MOST_APART = 128
_NOTHING = 1 << (_BITS - 200)
_MAX_PIVOTS = 1000
_MAX_ROUNDS = 1000
# All wrong sources change sides at once. If they get no fewer in so many steps, one alone does.
_PATIENCE = 10
_AT_ZERO, _FREE, _AT_CAP = 0, 1, 2


class WholeProgram:
    """``min (N0 + u'Mu) / (N0 + 1'u)^2`` over ``0 <= u <= caps``, u the weights times the rows.

    Use it only if `is_convex` holds. Without caps, ``M u = 1`` for the sources in use, and the
    minimum does not depend on ``N0``.

    Parameters
    ----------
    discrepancy : ndarray of shape (n_sources, n_sources)
        ``G``.
    n_samples : ndarray of shape (n_sources,)
        ``N``.
    """

    def __init__(self, discrepancy, n_samples):
        diagonal = discrepancy.diagonal() + 1 / n_samples
        # M becomes matrix = 2^-e M 2^-e, and u becomes x = 2^(e + s) u with s the least e.
        self.exponents = np.round(np.log2(diagonal) / 2).astype(int).tolist()
        self.least = min(self.exponents)
        self.n_samples = [Fraction(n) for n in n_samples.tolist()]
        self.matrix = [
            [_whole(Fraction(value), -e - f) for value, f in zip(row, self.exponents, strict=True)]
            for row, e in zip(discrepancy.tolist(), self.exponents, strict=True)
        ]
        for i, (n, e) in enumerate(zip(self.n_samples, self.exponents, strict=True)):
            self.matrix[i][i] += _whole(1 / n, -2 * e)
        self.goal = [_whole(Fraction(1), self.least - e) for e in self.exponents]

    def is_convex(self):
        """Whether M is positive definite, with the error of the steps taken into account."""
        if max(self.exponents) - self.least > _MOST_APART:
            return False
        # An entry lacks two steps at most, and elimination takes another three for each source.
        lowered = _LEAST_EIGENVALUE + 5 * len(self.matrix) ** 2
        return _eliminate(self.matrix, lowered) is not None

    def minimum(self, used, n_target=None, max_weight=None):
        """Weights, and the fraction by which their objective exceeds its minimum.

        Parameters
        ----------
        used : ndarray of shape (n_sources,)
            The sources that the result is expected to use.
        n_target, max_weight
            As in `solve_source_weights`. Both are None if there is no bound.

        Returns
        -------
        weights : ndarray of shape (n_sources,) or None
            None if the sets of sources at their bounds do not converge.
        gap : float
        """
        target, caps = 0, None
        if max_weight is not None:
            target = _whole(Fraction(n_target), 2 * self.least)
            caps = self._rows([max_weight] * len(self.goal))
        x = self._stationary(np.where(used, _FREE, _AT_ZERO), target, caps)
        if x is None:
            return None, np.inf
        weights = [
            float(Fraction(v, 1 << _BITS) * Fraction(2) ** (-e - self.least) / n)
            for v, e, n in zip(x, self.exponents, self.n_samples, strict=True)
        ]
        weights = np.clip(weights, 0, max_weight)
        value = self._objective(self._rows(weights), target)
        return weights, max(0.0, float((value - self._objective(x, target)) / value))

    def _rows(self, weights):
        """``x`` of these weights."""
        return [
            _whole(Fraction(float(w)) * n, e + self.least)
            for w, n, e in zip(weights, self.n_samples, self.exponents, strict=True)
        ]

    def _objective(self, x, target):
        image = self._image(x)
        return Fraction(target + _dot(x, image), (target + _dot(self.goal, x)) ** 2)

    def _image(self, x):
        return [_dot(row, x) for row in self.matrix]

    def _stationary(self, sides, target, caps):
        """``x`` at the minimum, by the one ``rho`` in (0, 1] with ``rho = _rho(...)``.

        ``N0 + u'Mu - rho (N0 + 1'u)`` is above 0 at ``rho = 0`` and has one root up to 1, since the
        program is convex. Between a bound below and one above, the root for the sources' present
        sides is tried first, the middle where that is outside.
        """
        low, rho, high = 0, 1 << _BITS, 1 << _BITS
        for _ in range(_MAX_ROUNDS):
            x, sides, stationary = self._settle(sides, rho, target, caps)
            if x is None or caps is None or abs(stationary - rho) <= _NOTHING:
                return x
            image = self._image(x)
            excess = target + _dot(x, image) - _product(rho, target + _dot(self.goal, x))
            low, high = (rho, high) if excess > 0 else (low, rho)
            rho = stationary if low < stationary < high else (low + high) // 2
        return None

    def _settle(self, sides, rho, target, caps):
        """Minimum of ``u'Mu / 2 - rho 1'u`` over the box, which source is where, and `_rho`.

        All sources on a wrong side change it, or only the first of them: the former is fast, the
        latter ends after finitely many steps for every positive definite matrix (Murty).
        """
        n = len(self.goal)
        fewest, patience = n + 1, _PATIENCE
        for _ in range(_MAX_PIVOTS):
            x, stationary = self._on_sides(sides, rho, target, caps)
            slope = [a - _product(rho, g) for a, g in zip(self._image(x), self.goal, strict=True)]
            right = [self._right_side(i, sides[i], x, slope, caps) for i in range(n)]
            wrong = np.flatnonzero(right != sides)
            if not len(wrong):
                return x, sides, stationary
            patience = _PATIENCE if len(wrong) < fewest else patience - 1
            fewest = min(fewest, len(wrong))
            changed = wrong if patience > 0 else wrong[:1]
            sides = sides.copy()
            sides[changed] = np.array(right)[changed]
        return None, sides, None

    @staticmethod
    def _right_side(i, side, x, slope, caps):
        if side == _FREE:
            if x[i] < -_NOTHING:
                return _AT_ZERO
            return _AT_CAP if caps is not None and x[i] > caps[i] + _NOTHING else _FREE
        inward = -slope[i] if side == _AT_ZERO else slope[i]
        return _FREE if inward > _NOTHING else side

    def _on_sides(self, sides, rho, target, caps):
        """``x`` for the given sides, and the ``rho`` that is stationary for them.

        The formulas are those of `bounded_pivots`.
        """
        n = len(self.goal)
        free = [i for i in range(n) if sides[i] == _FREE]
        x = [caps[i] if sides[i] == _AT_CAP else 0 for i in range(n)]
        load = self._image(x)
        rows = _eliminate([[self.matrix[i][j] for j in free] for i in free], 0)
        goal = [self.goal[i] for i in free]
        per_rho = _solve(rows, goal)
        held = _solve(rows, [load[i] for i in free])
        # x_C'M_CF y is the load of the free sources times y.
        own = _dot(x, load) - _dot([load[i] for i in free], held)
        room = target + _dot(self.goal, x) - _dot(goal, held)
        for i, a, b in zip(free, per_rho, held, strict=True):
            x[i] = _product(rho, a) - b
        return x, ((target + own) << _BITS) // room if room > 0 else -1


def exact_square(x, matrix):
    """``x' matrix x`` of doubles, rounded once."""
    exact = [Fraction(v) for v in x.tolist()]
    image = [
        sum(Fraction(entry) * v for entry, v in zip(row, exact, strict=True) if entry and v)
        for row in matrix.tolist()
    ]
    return float(sum(v * entry for v, entry in zip(exact, image, strict=True)))


def _whole(value, exponent):
    """``value * 2**exponent`` in whole steps."""
    numerator, denominator = value.as_integer_ratio()
    bits = _BITS + exponent
    if bits < 0:
        return numerator // (denominator << -bits)
    return (numerator << bits) // denominator


def _product(a, b):
    return (a * b) >> _BITS


def _dot(x, y):
    return sum(a * b for a, b in zip(x, y, strict=True)) >> _BITS


def _eliminate(matrix, lowered):
    """Gauss's triangle of ``matrix - lowered I``, row by row, or None unless positive definite.

    Only the triangle above the diagonal is read.
    """
    rows = [row[i:] for i, row in enumerate(matrix)]
    for row in rows:
        row[0] -= lowered
    for k, row in enumerate(rows):
        if row[0] <= 0:
            return None
        for i in range(1, len(row)):
            factor = (row[i] << _BITS) // row[0]
            pairs = zip(rows[k + i], row[i:], strict=True)
            rows[k + i] = [below - ((factor * value) >> _BITS) for below, value in pairs]
    return rows


def _solve(rows, right):
    right = list(right)
    for k, row in enumerate(rows):
        factor = (right[k] << _BITS) // row[0]
        for i in range(1, len(row)):
            right[k + i] -= _product(factor, row[i])
    x = [0] * len(rows)
    for k in reversed(range(len(rows))):
        known = sum(a * b for a, b in zip(rows[k][1:], x[k + 1 :], strict=True))
        x[k] = ((right[k] << _BITS) - known) // rows[k][0]
    return x
