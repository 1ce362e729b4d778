"""What all kinds of records check in the same way."""

import json

import numpy as np


def check_factor(factor):
    """How many times a record is to count."""
    if not 0 < factor < np.inf:
        raise ValueError(
            f"a record times {factor!r}: pass a finite number above 0, and leave out a source that "
            "is not to count"
        )


def check_units(n_features, scale, origin, names=("scale", "origin")):
    """Units and origins of columns, as arrays of one number or of one for each column."""
    scale, origin = np.asarray(scale, dtype=float), np.asarray(origin, dtype=float)
    for name, value in zip(names, (scale, origin), strict=True):
        if value.shape not in ((), (n_features,)) or not np.isfinite(value).all():
            raise ValueError(
                f"{name} has shape {value.shape}: pass one finite number, or one for each of the "
                f"{n_features} features"
            )
    if not np.all(scale > 0):
        raise ValueError(f"{names[0]} holds {scale.min()}: pass numbers above 0")
    return scale, origin


def fields_of_json(text, key, kind):
    """What `to_json` of a kind of record has written, of which `key` holds the format."""
    try:
        fields = json.loads(text)
        version = fields.pop(key)
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        raise ValueError(
            f"text is not the JSON of a record: pass what {kind}.to_json returned"
        ) from error
    if version != 1:
        raise ValueError(f"the record has format {version!r}, and 1 is read: update skuowq")
    return fields
