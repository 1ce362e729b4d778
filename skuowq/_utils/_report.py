"""How reports show themselves: as text, and as HTML in a notebook."""

from dataclasses import dataclass
from html import escape
from itertools import compress

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
    """

    headline: list
    columns: tuple
    rows: list
    lengths: object
    notes: list
    meanings: str

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
        for length in self.lengths:
            width = _WIDEST * length / largest
            yield (
                f'<div title="{length:.3g}" style="width:{width:.2f}em;height:0.8em;'
                'background:#2b5c8a;border:1px solid #2b5c8a"></div>'
            )


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
