"""Metrics, one idea a file: from graded pictures before and after to rows with interval and count.

Units, not pictures, are averaged and resampled: an edit or a concept counts once, however often it was drawn.
"""
