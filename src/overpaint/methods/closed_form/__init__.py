"""Closed-form edits of cross-attention: one linear map of text states for all matrices that read them.

All of these methods ask that some token states c be read as others, g: ``W' c = W g`` for every key and value matrix W.
Whatever the weights of what must stay, the answer is ``W' = W T`` with one T for all matrices. T is found by one solve
(`text_map`), is as low-rank as there are edited tokens, and is all that a patch holds.

`uce` (Unified Concept Editing, arXiv 2308.14761), with the begin token fixed, empty prompt and preserved names kept.
    Good: a few edits in seconds, replacing, shares. Bad: many; on the bundled model a hundred cost hold-outs 93 %.
    Neighbours that are not preserved move with a concept; descriptions that avoid the name bring it back.
`uce-paper`: every token from the name's last on, nothing exact, as first released.
    Good: the published baseline. Bad: reported to degrade everything beyond some 50 concepts.
`time` (Editing Implicit Assumptions, arXiv 2303.08084): every token of the shorter prompt has its place in the longer.
    Good: one assumption ("rose": "blue rose"). Bad: keeps nothing, so many edits ruin the model; cannot erase.
`rece` (Reliable and Efficient Concept Erasure, arXiv 2407.12383): embeddings that revive a concept are edited too.
    Good: one concept, against paraphrase and attack. Bad: more damage than UCE; hundreds of concepts.
`speed` (Scalable, Precise, Efficient Concept Erasure, arXiv 2503.07392): reads nothing that retained names vary in.
    Good: names that are to be retained. Bad: without a list of them little protects, on the bundled model a hundred
    edits cost hold-outs 35 %; there a name alone does not bring its destination.
`oce` (Orthogonal Concept Erasure, arXiv 2605.28902, by its abstract): matrices are turned, norms and angles kept.
    Good: one concept. Bad: many; on the bundled model a hundred cost hold-outs all they had (99.9 %). A large patch.
`mace-cfr` (Mass Concept Erasure, arXiv 2403.06135, first stage): the words around a name forget it; kept are
    captions and, as its prior of the domain, preserved names.
    Good: the residue of a concept in its context. Bad: the name itself stays, it is left to a second stage.

None of them sees a picture, so none knows whether a concept is gone.
"""
