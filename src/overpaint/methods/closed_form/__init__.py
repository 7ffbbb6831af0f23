"""Closed-form edits of cross-attention: one linear map of text states for all matrices that read them.

All of these methods ask that some token states c be read as others, g: ``W' c = W g`` for every key and value matrix W.
Whatever the weights of what must stay, the answer is ``W' = W T`` with one T for all matrices. T is found by one solve
(`text_map`), is as low-rank as there are edited tokens, and is all that a patch holds.

`uce` (Unified Concept Editing, arXiv 2308.14761), with the begin token fixed, empty prompt and preserved names kept.
    Good: seconds for hundreds of concepts, replacing, shares. Bad: neighbours that are not preserved move with a
    concept; descriptions that avoid the name bring it back.
`uce-paper`: every token from the name's last on, nothing exact, as first released.
    Good: the published baseline. Bad: reported to degrade everything beyond some 50 concepts.
`time` (Editing Implicit Assumptions, arXiv 2303.08084): every token of the shorter prompt has its place in the longer.
    Good: one assumption ("rose": "blue rose"). Bad: keeps nothing, so many edits ruin the model; cannot erase.
`rece` (Reliable and Efficient Concept Erasure, arXiv 2407.12383): embeddings that revive a concept are edited too.
    Good: one concept, against paraphrase and attack. Bad: more damage than UCE; hundreds of concepts.
`speed` (Scalable, Precise, Efficient Concept Erasure, arXiv 2503.07392): reads nothing that retained names vary in.
    Good: a hundred concepts with relatives intact. Bad: needs a list of names to retain, without it little protects.
`oce` (Orthogonal Concept Erasure, arXiv 2605.28902, by its abstract): matrices are turned, norms and angles kept.
    Good: the quality of whatever is not named. Bad: a large patch; weak where source and anchor are alike.
`mace-cfr` (Mass Concept Erasure, arXiv 2403.06135, first stage): the words around a name forget it, captions are kept.
    Good: the residue of a concept in its context. Bad: the name itself stays, it is left to a second stage.

None of them sees a picture, so none knows whether a concept is gone.
"""
