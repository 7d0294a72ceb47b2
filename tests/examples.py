"""How much is tried by chance: little with each change, and as much more as is asked for, for the night."""

import os

# LABELCAST_TEST_EXAMPLES=10: ten times as many histories, seeds and examples of all kinds.
TIMES = int(os.environ.get("LABELCAST_TEST_EXAMPLES", "1"))


def often(usual: int) -> int:
    """How many examples to try of what is usually tried so often."""
    return usual * TIMES
