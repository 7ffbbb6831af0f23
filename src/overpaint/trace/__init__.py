"""Causal tracing: where a text encoder keeps a concept, and which blocks to edit."""

from overpaint.trace.causal import PAIRS, TEMPLATES, Trace, causal_trace, choose_blocks

__all__ = ["PAIRS", "TEMPLATES", "Trace", "causal_trace", "choose_blocks"]
