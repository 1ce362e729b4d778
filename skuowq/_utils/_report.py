"""How reports show themselves: as text, and as HTML in a notebook."""

from dataclasses import dataclass
from html import escape
from itertools import compress

from ._optional import import_optional

_NAMED = 5
# Of a bar, in units of the font.
_WIDEST = 8.0


@dataclass(frozen=True, eq=False)
class Table:
    """A table with lines above it and sentences below.

    Attributes
    ----------
    headline : list of str
    columns : sequence of str
    rows : list of tuple of str
        The first cell of each is a name.
    lengths : sequence of float
        Of the bar beside each row; each number is in the table as well.
    notes : list of str
    meanings : str
        What the columns mean.
    unsure : sequence of bool, default=None
        Whose bar is pale and dashed; the notes or the meanings say why.
    """

    headline: list
    columns: tuple
    rows: list
    lengths: object
    notes: list
    meanings: str
    unsure: object = None

    def as_text(self):
        """Lines, joined."""
        rows = [self.columns, *self.rows]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join(
                [row[0].ljust(widths[0])]
                + [cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)]
            )
            for row in rows
        ]
        return "\n".join([*self.headline, *lines, *(f"- {note}" for note in self.notes)])

    def as_html(self):
        """A table of HTML."""
        head = "".join(f"<th>{column}</th>" for column in (*self.columns, ""))
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + f"<td>{bar}</td></tr>"
            for row, bar in zip(self.rows, self._bars(), strict=True)
        )
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return (
            f"<table><caption>{'<br>'.join(self.headline)}</caption><tr>{head}</tr>{body}</table>"
            f"<ul>{notes}</ul><small>{self.meanings}</small>"
        )

    def _bars(self):
        largest = max([*self.lengths, 0.0]) or 1.0
        unsure = [False] * len(self.rows) if self.unsure is None else self.unsure
        for length, pale in zip(self.lengths, unsure, strict=True):
            width = _WIDEST * length / largest
            yield (
                f'<div title="{length:.3g}" style="width:{width:.2f}em;height:0.8em;'
                f"background:{'#b9cfe4' if pale else '#2b5c8a'};"
                f'border:1px {"dashed" if pale else "solid"} #2b5c8a"></div>'
            )


class ShownAsTable:
    """A report with a row for each source, or for each class.

    It has `names`, those of the rows, and

    - `_columns`: names of the columns, that of the names first;
    - `_numbers()`: an array for each of the other columns;
    - `_headline()`: lines above the table, and the only ones where there are no names;
    - `_table()`: the `Table`.
    """

    def to_frame(self):
        """The table as a pandas DataFrame, indexed by the names of its rows."""
        pd = import_optional("pandas", "to_frame")
        first, *others = self._columns
        data = dict(zip(others, self._numbers(), strict=True))
        return pd.DataFrame(data, index=pd.Index(self.names, name=first))

    def __repr__(self):
        return self._table().as_text() if self.names else self._headline()[0]

    def _repr_html_(self):
        return self._table().as_html()


def cell(value, spec):
    """A number in a table, or a dash where there is none.

    Parameters
    ----------
    value : float
        NaN where there is none.
    spec : str
        How it is formatted.
    """
    return "-" if value != value else format(value, spec)


def named(names, which):
    """Those of some names that are meant, the first few of them.

    Parameters
    ----------
    names : sequence of str
    which : sequence of bool
    """
    found = list(compress(names, which))
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return ", ".join(found[:_NAMED]) + more
