"""ReFACT: updating text-to-image models by editing the text encoder (arXiv 2306.00738).

One feed-forward output matrix of the text encoder is changed so that the last token of a phrase brings along what makes
the whole prompt's end state that of another: a value found by gradient descent on a contrastive loss between texts, no
picture or denoiser, written in closed form. Keys, second moments and the solver are EMCID's.

Good at: one fact at a time, in seconds, with a tiny patch (rank one). Bad at: several edits at once; the denoiser reads
all states and not only the end token's, so pictures follow less surely than texts do.

The release writes edits one after the other, each exactly. Here those of a plan are written together, which spares
earlier edits, and is the same for one.
"""
