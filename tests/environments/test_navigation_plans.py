"""Floor plans that are alike and not the same, and the distances on them."""

from __future__ import annotations

from collections import Counter, deque

import numpy as np
import pytest

from environments.navigation import (
    EAST,
    FORWARD,
    HEADING_MOVES,
    LABELS,
    OBJECTS,
    ROOM_TYPES,
    SPLITS,
    STOP,
    TURN_LEFT,
    TURN_RIGHT,
    cell_at,
    distance_field,
    draw_plan,
    expert_action,
    optimal_headings,
    position,
    reachable,
    shortest_path,
    success_weighted_path_length,
)
from environments.navigation.geodesics import OpenCells, is_connected
from environments.navigation.plans import CELL_SIZE, DOOR_CELLS, REGULAR_DOOR_PROBABILITY, merge_cells

PLANS = [draw_plan(seed) for seed in range(40)]
CORRIDOR = np.array([[c == "." for c in row] for row in ("######", "#....#", "#.##.#", "#.#..#", "######")])


def brute_force(free, targets):
    """Breadth-first search, cell by cell."""
    field = np.full(free.shape, np.inf)
    queue = deque(map(tuple, np.argwhere(free & targets)))
    for cell in queue:
        field[cell] = 0.0
    while queue:
        cell = queue.popleft()
        for move in HEADING_MOVES:
            other = tuple(np.add(cell, move))
            inside = 0 <= other[0] < free.shape[0] and 0 <= other[1] < free.shape[1]
            if inside and free[other] and np.isinf(field[other]):
                field[other] = field[cell] + CELL_SIZE
                queue.append(other)
    return field


# Plans


def test_every_free_cell_is_reached_from_every_other():
    assert all(is_connected(plan.free) for plan in PLANS)
    assert not is_connected(np.array([[True, False, True]]))


def test_a_plan_is_its_seed_and_nothing_else():
    again = draw_plan.__wrapped__(7)
    for name in ("free", "room_type", "room_id", "label", "boxes", "box_label", "box_colour"):
        np.testing.assert_array_equal(getattr(again, name), getattr(draw_plan(7), name))
    with pytest.raises(ValueError, match="read-only"):
        again.free[0, 0] = True


def test_no_two_buildings_are_the_same_and_the_splits_share_no_seed():
    assert set(SPLITS["train"]).isdisjoint(SPLITS["test"])
    some = [*PLANS, *(draw_plan(seed) for seed in SPLITS["test"][:40])]
    assert len({plan.label.tobytes() for plan in some}) == 80


def test_doors_are_a_metre_wide_and_mostly_at_the_west_corner():
    doors = [
        (room.door_column - room.first_column, plan.room_type, room) for plan in PLANS for room in plan.rooms
    ]
    for offset, room_type, room in doors:
        wall = room.last_row + 1 if room.north else room.first_row - 1
        here = np.flatnonzero(
            room_type[wall, room.first_column : room.last_column + 1] == ROOM_TYPES.index("doorway")
        )
        assert here.tolist() == list(range(offset, offset + DOOR_CELLS))
        assert offset == 1 or room.door_column == room.last_column - DOOR_CELLS
    regular = np.mean([offset == 1 for offset, *_ in doors])
    assert abs(regular - REGULAR_DOOR_PROBABILITY) < 0.08  # 4 standard errors at 320 doors
    assert DOOR_CELLS * CELL_SIZE == 1.0


def test_rooms_have_the_furniture_of_their_type():
    kinds = Counter()
    for plan in PLANS:
        for piece in plan.furniture:
            kinds[piece.label, plan.rooms[piece.room_id].kind] += 1
    homes = {"bed": {"bedroom"}, "desk": {"office"}, "sofa": {"living room"}, "fridge": {"kitchen"}}
    for label, rooms in homes.items():
        assert {room for other, room in kinds if other == label} == rooms
    assert {room for label, room in kinds if label == "chair"} == {"bedroom", "office", "kitchen"}
    for label in OBJECTS:
        assert np.mean([plan.beside(label).any() for plan in PLANS]) > 0.7, label


def test_maps_boxes_and_furniture_tell_the_same_story():
    for plan in PLANS[:10]:
        np.testing.assert_array_equal(plan.free, plan.label == LABELS.index("floor"))
        filled = np.zeros_like(plan.free)
        for (x0, y0, z0, x1, y1, _), label in zip(plan.boxes, plan.box_label):
            if z0 < 1.0:  # not above a door
                (south, west), (north, east) = cell_at(x0 + 1e-6, y0 + 1e-6), cell_at(x1 - 1e-6, y1 - 1e-6)
                filled[north : south + 1, west : east + 1] = True
                assert (plan.label[north : south + 1, west : east + 1] == label).all()
        np.testing.assert_array_equal(filled, ~plan.free)
        assert ((plan.room_id >= 0) <= (plan.room_type >= ROOM_TYPES.index("bedroom"))).all()
        assert plan.free[plan.room_type == ROOM_TYPES.index("hallway")].all()


def test_merged_rectangles_cover_a_mask_once():
    mask = np.random.default_rng(0).random((12, 17)) < 0.4
    count = np.zeros(mask.shape, dtype=int)
    for rows, columns in merge_cells(mask):
        count[slice(*rows), slice(*columns)] += 1
    np.testing.assert_array_equal(count, mask)


def test_cells_may_close_where_the_others_stay_connected():
    rng, answers = np.random.default_rng(0), Counter()
    for _ in range(30):
        free = PLANS[int(rng.integers(len(PLANS)))].free.copy()
        cells = OpenCells(free)
        for _ in range(40):
            row, column = rng.integers(1, 34), rng.integers(1, 46)
            rows, columns = (
                (int(row), int(row + rng.integers(1, 5))),
                (int(column), int(column + rng.integers(1, 5))),
            )
            mask = np.zeros_like(free)
            mask[slice(*rows), slice(*columns)] = True
            expected = bool(free[mask].all()) and is_connected(free & ~mask)
            bits = cells.rectangle(rows, columns)
            assert cells.can_close(bits) == expected
            answers[expected] += 1
            if expected:
                free &= ~mask
                cells.close(bits)
    assert min(answers.values()) > 100


def test_what_is_all_that_is_free_may_close():
    cells = OpenCells(np.array([[True, True]]))
    assert cells.can_close(cells.rectangle((0, 1), (0, 2)))
    assert cells.can_close(cells.rectangle((0, 1), (0, 1)))
    assert not OpenCells(CORRIDOR).can_close(OpenCells(CORRIDOR).rectangle((1, 2), (2, 3)))


def test_cells_and_positions_are_inverse():
    assert position((35, 0)) == (0.125, 0.125)  # the south-west corner
    assert all(
        cell_at(*position((row, column))) == (row, column) for row in range(36) for column in range(48)
    )


def test_bad_seeds_and_labels_are_refused():
    with pytest.raises(ValueError, match=r"draw_plan: got seed -1, expected a whole number of at least 0"):
        draw_plan(-1)
    with pytest.raises(ValueError, match=r"label: got 'chiar', expected one of nothing, floor"):
        PLANS[0].beside("chiar")


# Distances


@pytest.mark.parametrize("seed", range(6))
def test_distances_are_those_of_a_search_cell_by_cell(seed):
    rng = np.random.default_rng(seed)
    free = PLANS[seed].free if seed < 3 else rng.random((13, 21)) < 0.65  # also open at the edges
    targets = rng.random(free.shape) < 0.01
    targets[tuple(rng.integers(free.shape))] = True
    np.testing.assert_array_equal(distance_field(free, targets), brute_force(free, targets))


def test_nothing_is_reached_without_a_free_target():
    assert np.isinf(distance_field(CORRIDOR, ~CORRIDOR)).all()
    with pytest.raises(ValueError, match=r"targets of shape \(2, 2\) and free cells of shape \(5, 6\)"):
        distance_field(CORRIDOR, np.ones((2, 2)))


def test_the_way_round_a_corner_by_hand():
    target = np.zeros_like(CORRIDOR)
    target[3, 3] = True
    field = distance_field(CORRIDOR, target)
    assert field[3, 1] == 8 * CELL_SIZE  # up 2, along 3, down 2, back 1
    assert reachable(CORRIDOR, (3, 1)).sum() == CORRIDOR.sum()
    path = shortest_path(field, (3, 1))
    assert path.tolist() == [[3, 1], [2, 1], [1, 1], [1, 2], [1, 3], [1, 4], [2, 4], [3, 4], [3, 3]]
    assert optimal_headings(field, (3, 1)).tolist() == [False, True, False, False]
    assert [expert_action(field, (3, 1), heading) for heading in range(4)] == [
        TURN_LEFT, FORWARD, TURN_RIGHT, TURN_LEFT]  # fmt: skip
    assert expert_action(field, (3, 3), EAST) == STOP
    with pytest.raises(ValueError, match=r"no target can be reached from cell \(0, 0\)"):
        shortest_path(field, (0, 0))


def test_success_weighted_path_length_by_hand():
    assert success_weighted_path_length(True, 6.0, 8.0) == 0.75
    assert success_weighted_path_length(False, 6.0, 8.0) == 0.0
    assert success_weighted_path_length(True, 6.0, 5.9) == 1.0  # a diagonal short cut earns no more
    assert success_weighted_path_length(True, 0.0, 0.0) == 1.0
