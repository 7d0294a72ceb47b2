"""Cells that no spreadsheet takes for a formula."""

# What makes a spreadsheet take a cell for a formula, at its start: the signs, full-width ones too, and the
# white space that it skips before them. The apostrophe stops it.
_FORMULA = "=+-@＝＋－＠\t\r\n"
_GUARD = "'"


def guarded(cell: str) -> str:
    """A cell as it is written: one that a spreadsheet would run begins with an apostrophe."""
    return _GUARD + cell if cell and cell[0] in _FORMULA + _GUARD else cell


def unguarded(cell: str) -> str:
    """What ``guarded`` was given."""
    return cell[1:] if cell[:1] == _GUARD and cell[1:2] and cell[1] in _FORMULA + _GUARD else cell
