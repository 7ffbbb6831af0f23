"""ESD: erasing concepts by fine-tuning a denoiser on its own predictions (Gandikota et al., arXiv 2303.07345).

The student learns to predict for a concept's prompt what the original model, turned away from the concept by negative
guidance, would predict. No pictures are needed, only the name. Five variants train different parameters.

What it is good at:

* forgetting: what is left of a concept is lower than with most other methods;
* ``esd-x`` (cross-attention) for what prompts name, artists' styles above all, with little harm to the rest;
* ``esd-u`` (all but cross-attention) for what is drawn without being named: nudity, whole classes of objects;
* one attribute of one concept (``erase: hat``, ``from: cowboy``), and memorised pictures (``images``).

What it is bad at:

* many concepts: every one takes hundreds of updates, and harm to the rest grows with them (`emcid` or `uce` are made
  for that); nothing can be withdrawn from a patch of several concepts;
* saying what is drawn instead: an anchor (``to``) is possible here, but not published;
* size: the change of ``esd-u`` is as large as the denoiser, unless ``rank`` is given;
* classes of objects with ``esd-u`` take their neighbours along, the more the larger eta is.

How it differs from the published code:

* cached trajectories (`overpaint.methods.esd.pool`), or the published loop with ``sampling: published``;
* one denoiser in memory (`student`), float32 masters, gradients for what is trained and for nothing else;
* several concepts in one run, preservation, batches, LoRA ranks, validation that stops, exact resume, seeds;
* eta as in the paper: the newer scripts' ``negative_guidance`` is ``eta + 1``;
* inputs are scaled as the scheduler wants them, labels agree with noise levels.
"""
