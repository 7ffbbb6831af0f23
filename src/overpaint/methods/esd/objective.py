"""What ESD teaches: the original model's predictions, turned away from a concept (Gandikota et al., ICCV 2023)."""

from __future__ import annotations

from torch import Tensor

__all__ = ["errors", "turned_away", "way_left"]


def turned_away(empty: Tensor, source: Tensor, eta: float, base: Tensor | None = None) -> Tensor:
    """The target ``base - eta (source - empty)``, of the original model's predictions (n, c, h, w), float32.

    ``base`` is None for the paper's objective (arXiv 2303.07345, eq. 7), where it is the empty prompt's prediction:
    ``e(0) - eta (e(c) - e(0))``. To erase X from Y it is Y's prediction, ``e(Y) - eta (e(X) - e(0))``, and to draw an
    anchor Z instead, Z's.

    The authors' newer scripts measure the strength from the concept's own prediction, ``e(c) - eta' (e(c) - e(0))``:
    their ``eta'`` is this ``eta + 1``. (With X from Y both are the same.)

    All coefficients of predictions at one x_t add to one, so the target means the same whether the network predicts
    noise, velocity or the picture, which are affine in each other. Predictions are the network's own.
    """
    empty, source = empty.float(), source.float()
    return (empty if base is None else base.float()) - eta * (source - empty)


def errors(made: Tensor, wanted: Tensor) -> Tensor:
    """Mean squared error (n,) of each row's prediction (n, c, h, w)."""
    return (made.float() - wanted.float()).square().flatten(1).mean(dim=1)


def way_left(made: Tensor, start: Tensor, wanted: Tensor) -> Tensor:
    """Share (n,) of the way from the original prediction ``start`` to the target that is still to go.

    ``1 - <made - start, wanted - start> / |wanted - start|^2``: 1 for the original model, 0 at the target. For the
    paper's objective the prediction has no component towards the concept left at ``eta / (1 + eta)``.
    """
    made, start, wanted = (value.float().flatten(1) for value in (made, start, wanted))
    way = wanted - start
    return 1 - ((made - start) * way).sum(dim=1) / way.square().sum(dim=1).clamp(min=1e-20)
