# %% alternative 7.1 one_loop
# State and action in one vector, one loop over its coordinates, columns written in place.
def linearise(dynamics, x0, u0, eps=1e-6):
    n = len(x0)
    point = np.concatenate([x0, u0]).astype(float)
    jacobian = np.zeros((n, len(point)))
    for j in range(len(point)):
        ahead, behind = point.copy(), point.copy()
        ahead[j] += eps
        behind[j] -= eps
        jacobian[:, j] = (dynamics.step(ahead[:n], ahead[n:]) - dynamics.step(behind[:n], behind[n:])) / (2 * eps)
    return jacobian[:, :n], jacobian[:, n:]


# %% alternative 7.2 joseph_form
# The symmetric (Joseph) form of the cost, an explicit inverse, and lists that grow from the end.
def lqr(A, B, Q, R, Qf, horizon):
    gains, costs = [], [np.array(Qf, dtype=float)]
    for _ in range(horizon):
        P = costs[0]
        K = np.linalg.inv(R + B.T @ P @ B) @ (B.T @ P @ A)
        closed = A - B @ K
        costs.insert(0, Q + K.T @ R @ K + closed.T @ P @ closed)
        gains.insert(0, K)
    return gains, costs
