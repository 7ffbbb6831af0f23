"""From pinned icon packages to the shipped weights."""
