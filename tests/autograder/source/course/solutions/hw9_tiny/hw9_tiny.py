# %% [markdown]
# # Homework 9: Tiny
# ![a square](figures/square.png) ![the same](attachment:square.png)

# %% tags=["setup"]
from dataclasses import dataclass

from planner import Planner

from autograder import check, submit


# %%
def double(x):
    """Double a number; ### BEGIN SOLUTION in a string is text."""
    ### BEGIN SOLUTION 1.1 double
    # HINT: Add it to itself.
    # HINT:   Which operator repeats an addition?
    # HINT: About 1 line.
    total = x + x  # twice
    return total
    ### END SOLUTION 1.1 double


# %% [markdown]
# ## Again

# %%
@dataclass
class Quadrupler:
    """Doubles twice."""

    factor: float = 2.0

    def quadruple(self, x):
        """Double the double."""
        if x is None:
            return None
        ### BEGIN SOLUTION 1.2 quadruple

        @staticmethod
        def again(y):
            return double(y)

        return again(again(x))
        ### END SOLUTION 1.2 quadruple


quadruple = Quadrupler().quadruple
plan = Planner().plan

# %% tags=["experiment"]
print(double(1), 1 / 0)

# %%
check("2")

# %% tags=["experiment"]
submit()

# %%
# same text
PI = 3

# %%
# same text
PI = 3

# %% [markdown]
# ## Words

# %% [markdown] written="3.1"
# Because two is the number of its halves.
