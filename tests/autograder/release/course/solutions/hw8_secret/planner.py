"""A further file with a hole."""


def plan(goal):
    """Return the cells from 0 to the goal."""
    ### BEGIN SOLUTION 1.2 plan
    return [int(cell) for cell in range(0, goal + 1)]
    ### END SOLUTION 1.2 plan
