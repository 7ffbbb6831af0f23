"""Whether a tensor is the one a patch was made for, whatever type the model is loaded in.

A patch made on a float32 model must fit the same model loaded as float16 or bfloat16, from a float32 file or a float16
one, and the other way round. A hash of the bytes would refuse all of these, a tolerance would accept slight
fine-tunings. So the fingerprint holds two exact hashes, of the values rounded to float16 and of the values rounded to
bfloat16, and two tensors are the same if either agrees: all roundings above start from one float32 tensor. Only a
patch made on a bfloat16 model is strange to the float16 one, since neither is a rounding of the other.

What escapes is a change too small to alter a single half-precision value anywhere in the tensor.
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

__all__ = ["fingerprint", "same"]

DIGITS = 32


def fingerprint(tensor: Tensor) -> str:
    """``"<hash of the float16 values>-<hash of the bfloat16 values>"``, 128 bits each; the shape counts."""
    value = tensor.detach().cpu()
    return "-".join(_hash(value.to(dtype)) for dtype in (torch.float16, torch.bfloat16))


def same(a: str, b: str) -> bool:
    """Whether two fingerprints are of one tensor, possibly in two types."""
    return any(x == y for x, y in zip(a.split("-"), b.split("-"), strict=False))


def _hash(value: Tensor) -> str:
    digest = hashlib.sha256(repr(tuple(value.shape)).encode())
    digest.update(value.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()[:DIGITS]
