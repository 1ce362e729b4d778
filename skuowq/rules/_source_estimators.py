"""Networks of the sources that a rule is given."""

from __future__ import annotations

from itertools import compress


def check_source_estimators(rule):
    """Refuse networks that the rule would not look at."""
    if rule.source_estimators is not None and rule.parameters != "all":
        raise ValueError(
            f"source_estimators are for parameters='all', and parameters is {rule.parameters!r}: "
            f"leave them out, or pass {type(rule).__name__}(parameters='all', ...)"
        )


def estimators_of(source_estimators, kept):
    """Those of the sources that take part; a list of another length is refused where it is used."""
    if source_estimators is None or len(source_estimators) != len(kept):
        return source_estimators
    return list(compress(source_estimators, kept))
