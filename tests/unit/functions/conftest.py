"""Fixtures of the functions' tests."""

import pytest

from tests.unit.functions.world import World


@pytest.fixture
def world() -> World:
    """Return a new stack in memory."""
    return World()
