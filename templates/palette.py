"""The colours of mails and pages, in light and in dark: one set, so that contrast can be computed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours as ``#rrggbb``: three grounds, and what is written on any of them at 4.5:1 or better.

    WCAG 2.2, 1.4.3; ``line`` and ``focus`` are no text.
    """

    page: str
    card: str
    well: str
    ink: str
    faint: str
    link: str
    line: str
    focus: str
    good: str
    wait: str
    bad: str

    @property
    def grounds(self) -> tuple[str, ...]:
        """What text stands on."""
        return (self.page, self.card, self.well)

    @property
    def inks(self) -> tuple[str, ...]:
        """What text is written in."""
        return (self.ink, self.faint, self.link, self.good, self.wait, self.bad)


LIGHT = Palette(
    page="#f4f3ef",
    card="#ffffff",
    well="#eeece6",
    ink="#22252a",
    faint="#565b63",
    link="#0b539b",
    line="#d9d6cd",
    focus="#b3480b",
    good="#1f6b3a",
    wait="#7a5200",
    bad="#a3271c",
)

DARK = Palette(
    page="#121417",
    card="#1b1e23",
    well="#282c33",
    ink="#e8e6e1",
    faint="#aeb4bd",
    link="#8fbcf7",
    line="#3a3f47",
    focus="#ffb070",
    good="#7fd49a",
    wait="#f0c060",
    bad="#ff9d8f",
)
