"""`skuowq.rules`: parameters of all kinds, and what each rule makes of contrasts."""

import numpy as np
from fuzz_harness import fuzz, outcome
from fuzz_strategies import gram_matrices, with_bad
from hypothesis import strategies as st

from skuowq import rules

ARGUMENTS = ("n_updates", "parameters", "update_every", "source_estimators", "discrepancy")
updates = with_bad(st.integers(0, 5), [-1, 1.5, "many", None])
parameters = with_bad(st.sampled_from(["head", "all"]), ["heads", None, 3])


@st.composite
def given_rules(draw):
    """What `discrepancy=` takes, now and then a wrong one, and whether it is right."""
    kind = draw(st.sampled_from(["name", "array", "reml", "plugin", "debiased"]))
    if kind == "name":
        return draw(with_bad(st.sampled_from(sorted(rules.RULES)), ["REML", ""]))
    if kind == "array":
        G = draw(gram_matrices(2))
        return rules.Given(G) if draw(st.booleans()) else G
    if kind == "reml":
        return rules.Reml(draw(updates))
    estimators = draw(st.sampled_from([None, None, [], "nets"]))
    if kind == "debiased":
        return rules.Debiased(draw(parameters), estimators)
    every = draw(with_bad(st.sampled_from([None, None, 1, 3]), [0, "often"]))
    return rules.PlugIn(draw(updates), draw(parameters), every, estimators)


@fuzz(
    "rules.RULES",
    "rules.Rule",
    "rules.Reml",
    "rules.PlugIn",
    "rules.Debiased",
    "rules.Given",
    "rules.Sizes",
    "rules.as_rule",
    given=given_rules(),
    S=gram_matrices(2, st.floats(-6, 4)),
    share=st.sampled_from([1.0, 0.5]),
    d=st.integers(1, 100),
)
def test_rules(given, S, share, d):
    rule = outcome(lambda: rules.as_rule(given), ARGUMENTS)
    if rule is None:
        return
    assert isinstance(rule, rules.Rule)
    S = np.diag(S) if np.ndim(S) == 1 else S
    sizes = rules.Sizes(20.0, np.array([100.0, 50.0]), np.array([1.0, 0.5]), share)
    rule = outcome(lambda: rule.of_sources(np.array([True, True])), ARGUMENTS)
    candidates, belief = rule.candidates(S, sizes, float(d))
    assert abs(sum(belief) - 1) < 1e-9
    for G in candidates:
        assert np.isfinite(G).all()
        assert np.linalg.eigvalsh(G).min() >= -1e-9 * max(1.0, np.abs(G).max())
    errors = rule.std_error(candidates[0], sizes, float(d))
    assert errors.shape == (2,)
    assert (errors >= 0).all()
    assert rule.of_sources(np.array([True, False])).n_updates == rule.n_updates
