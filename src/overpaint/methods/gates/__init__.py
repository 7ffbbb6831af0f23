"""Gated edits: units of a text encoder's feed-forward layer that wake for one concept and write what it is to become.

A closed-form edit is linear in its keys, so n of them disturb everything else by about n / D, D being the number of
directions that the keys span. A unit with a threshold is not: it is silent for all that stays below. Two units for each
concept make a step, nil for other prompts and one for its own. They read the end token and the padding, where the whole
prompt has been heard, so that one name that begins with another is told apart from it, and other words for a concept
wake its units too, as far as the encoder takes them for it.

No parameter is added: the units are those of the layer that do least, and what they did is taken over by the others in
closed form (optimal brain surgeon: Hassibi and Stork, 1993). Files keep their shapes.

Good at: a thousand replacements or erasures at once, in a minute or two, with hold-outs as they were. Bad at: debiasing
(a step is no share), and adding up two patches, which take the same units: fit all edits in one plan.

Neurons for single edits are known of language models (T-Patcher, arXiv 2301.09785); steps at the padding of a text
encoder, trained all together against everything else, are this project's.
"""
