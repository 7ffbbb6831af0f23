"""EMCID: editing massive concepts through the text encoder (arXiv 2403.13807), as published and as we would have it.

Stage I learns for every concept one vector that, put in the place of the source phrase's last token after a block in
the lower part of the text encoder, makes the frozen denoiser predict what it predicts for the destination. Stage II
writes all vectors at once into feed-forward layers, in closed form. Memories (the vectors) are data and kept; weights
are derived from them.

`emcid-paper` is the published behaviour; `emcid` differs from it as follows; `emcid-copy` is `emcid` with copied
values.

| | emcid-paper | emcid |
|---|---|---|
| wanted state minus | this block's feed-forward output | the state after the last edited block |
| origin of the value | the first prompt's state | mean over the prompts whose keys are averaged, too |
| start of the optimisation | zero | the destination's own state minus the source's |
| text states in training | short, padding masked | the whole window, unmasked, as the model is used |
| pictures | decoded, encoded, sampled from the posterior | the latents that were drawn |
| second moments | caption tokens | caption and padding tokens: the denoiser reads both |
| protected beside captions | nothing | the empty prompt and the plan's preserve list |

Of the release, what only happened by accident is not reproduced: unseeded noise and flips, phrases found by text search
("art" inside "<|startoftext|>"), a second forward pass for what the first had given, names as cache keys.
"""
