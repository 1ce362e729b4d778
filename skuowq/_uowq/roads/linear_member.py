"""The linear model that weighs the sources, as one more prediction of a stack.

Around trees it costs little, and it is right where few rows of the target say more of a slope than
of a leaf. Its columns are those of the stand-in, by scikit-learn's own transformers.
"""

from dataclasses import replace

from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from skuowq._data.design_columns import MAX_CATEGORIES, SMALL, imputer
from skuowq._data.domains import concatenate_rows, is_frame, number_columns


def linear_fit(fit, task):
    """A fit of the linear model to rows of the target and to weighted sources.

    Parameters
    ----------
    fit : callable
        ``fit(target, domains)`` returns a linear model fitted to transformed rows.
    task : Task

    Returns
    -------
    linear : callable or None
        From a target to a fitted pipeline. None where columns hold what no linear model can read.
    """
    try:
        transformer = _transformer(concatenate_rows([task.target.X, *(D.X for D in task.domains)]))
        domains = [_transformed(domain, transformer) for domain in task.domains]
    except (TypeError, ValueError):
        return None

    def linear(target):
        return make_pipeline(transformer, fit(_transformed(target, transformer), domains))

    return linear


def _transformed(domain, transformer):
    return replace(domain, X=transformer.transform(domain.X))


def _transformer(X):
    """Missing values imputed and marked, categories as indicators, columns standardised."""
    if sparse.issparse(X) and X.shape[0] * X.shape[1] > SMALL:
        return make_pipeline(imputer(), StandardScaler(with_mean=False)).fit(X)
    scaled = make_pipeline(imputer(), StandardScaler())
    if sparse.issparse(X):  # Columns far from 0 must be centred.
        return make_pipeline(FunctionTransformer(_dense, accept_sparse=True), scaled).fit(X)
    if not is_frame(X):
        return scaled.fit(X)
    encoder = OneHotEncoder(
        handle_unknown="ignore", max_categories=MAX_CATEGORIES, sparse_output=False
    )
    texts = X.select_dtypes(include=["object", "string", "category", "bool"]).columns
    parts = (scaled, list(number_columns(X).columns)), (encoder, list(texts))
    return make_column_transformer(*parts).fit(X)


def _dense(X):
    return X.toarray()
