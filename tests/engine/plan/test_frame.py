"""A frame under another risk aversion is the one that would have been made for it."""

from dataclasses import fields, replace

import numpy as np
import pytest

from engine.plan.frame import frame_of, reweighed
from engine.plan.problem import build_problem


@pytest.mark.parametrize("variance", [0.0, 3.5])
@pytest.mark.parametrize("aversion", [0.0, 7.0, 240.0])
def test_it_has_the_same_arrays_as_a_frame_made_from_the_start(random_case, aversion, variance):
    for seed in range(5):
        snapshot, market, settings, locks = random_case(seed)
        problem = build_problem(snapshot, market, settings, locks=locks)
        other = build_problem(snapshot, market, replace(settings, risk_aversion=aversion), locks=locks)

        found, made = reweighed(frame_of(problem), other, variance=variance), frame_of(other, variance=variance)

        for field in fields(made):
            assert np.array_equal(getattr(found, field.name), getattr(made, field.name)), field.name
