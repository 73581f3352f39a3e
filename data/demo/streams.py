"""Where does the demo firm's chance come from? One seed; each part draws from a stream of its own."""

from enum import IntEnum

from numpy.random import PCG64, Generator, SeedSequence


class Part(IntEnum):
    """Parts of the firm. Each has its own stream, so that account 7 is the same in a firm of 10 and of 5,000."""

    SECURITIES = 1
    RETURNS = 2
    HOUSEHOLD = 3
    ACCOUNT = 4
    HISTORY = 5
    RESTRICTION = 6


def stream(seed: int, part: Part, index: int = 0) -> Generator:
    """Return the random stream of one part, or of one household or account of it. seed and index are >= 0."""
    return Generator(PCG64(SeedSequence([seed, int(part), index])))
