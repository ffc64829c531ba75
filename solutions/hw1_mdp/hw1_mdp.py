# %% [markdown]
# # Homework 1: Formulate and solve MDPs

# %% tags=["setup"]
import numpy as np

from autograder import check, submit

# %% [markdown]
# ## 1. Formulate

# %% [markdown]
# ## 2. Evaluate a policy

# %% [markdown]
# ## 3. Value iteration

# %% [markdown]
# ## 4. Policy iteration

# %% [markdown]
# ## 5. From continuous to tabular

# %% [markdown]
# ## 6. Design

# %% [markdown]
# ## 7. LQR

# %% [markdown]
# ## 8. Partial observation

# %% [markdown]
# ## 9. Written questions
