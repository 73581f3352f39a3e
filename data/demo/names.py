"""What are invented companies and people called? Syllables, put together by chance."""

from typing import Final

from numpy.random import Generator

_HEADS: Final = ("Vel", "Corv", "Tald", "Bren", "Ostr", "Quil", "Hald", "Fenw", "Kerr", "Drav", "Lumm", "Pell", "Ravn",
                 "Thorl", "Wynd", "Zeph", "Marv", "Sund", "Grell", "Aldw", "Norr", "Jask", "Umbr", "Iver")  # fmt: skip
_MIDDLES: Final = ("a", "e", "i", "o", "u", "ano", "ari", "edi", "olu", "imo", "ene", "uva")
_TAILS: Final = ("ra", "nix", "don", "tis", "mar", "vex", "lon", "ria", "qua", "sten", "bor", "thia", "gen", "dax",
                 "ley", "mund", "rix", "wick")  # fmt: skip
_SUFFIXES: Final = {
    "Information Technology": ("Systems", "Software", "Semiconductor", "Data", "Technologies"),
    "Financials": ("Bancorp", "Financial", "Insurance Group", "Capital"),
    "Health Care": ("Therapeutics", "Health", "Medical", "Biosciences"),
    "Industrials": ("Industries", "Aerospace", "Logistics", "Machinery"),
    "Consumer Discretionary": ("Retail", "Motors", "Resorts", "Brands"),
    "Communication Services": ("Media", "Communications", "Interactive"),
    "Consumer Staples": ("Foods", "Beverage", "Household Products"),
    "Energy": ("Petroleum", "Energy", "Pipelines"),
    "Utilities": ("Power", "Gas & Electric", "Water"),
    "Real Estate": ("Realty Trust", "Properties", "REIT"),
    "Materials": ("Chemicals", "Mining", "Packaging"),
}
_FAMILIES: Final = ("Ashdown", "Bellweather", "Cavanar", "Dunmorrow", "Ellistone", "Farrowgate", "Greymont", "Hollin",
                    "Inverlea", "Jessamy", "Kestrell", "Lorrimore", "Maddern", "Netherby", "Orsino", "Pendrake",
                    "Quennel", "Rothesby", "Silverlock", "Tamsin", "Underhay", "Vantongeren", "Wetherall",
                    "Yarrowby")  # fmt: skip
_FORMS: Final = ("Family", "Household", "Family Trust", "Partners")
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def company(chance: Generator, sector: str, taken: set[str]) -> tuple[str, str]:
    """Return (ticker, name) of a company of a sector; neither word nor ticker is in taken, which both join."""
    while True:
        word = str(chance.choice(_HEADS)) + str(chance.choice(_MIDDLES)) + str(chance.choice(_TAILS))
        ticker = _ticker(chance, word)
        if word not in taken and ticker not in taken:
            taken |= {word, ticker}
            return ticker, f"{word} {chance.choice(_SUFFIXES[sector])}"


def family(chance: Generator, number: int) -> str:
    """Return a household's name; the number keeps it apart from its namesakes."""
    return f"{chance.choice(_FAMILIES)} {chance.choice(_FORMS)} {number:04d}"


def _ticker(chance: Generator, word: str) -> str:
    consonants = [letter for letter in word[1:].upper() if letter not in "AEIOU"]
    letters = word[0] + "".join(consonants[:2])
    return letters + (str(chance.choice(list(_LETTERS))) if chance.random() < 0.7 else "")
