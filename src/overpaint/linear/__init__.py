"""Shared mathematics of the closed-form methods: free functions from tensors to tensors, float64 inside."""
