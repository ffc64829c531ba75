"""A further file with a hole."""


class Planner:
    """Plans."""

    def plan(self, goal):
        ### BEGIN SOLUTION 1.10 plan
        steps = list(range(goal))
        return steps
        ### END SOLUTION 1.10 plan

    def unplan(self):
        """Not a hole."""
        return None
