"""Parts that several families of models share: attention, transformer, tokenizers, positions, quantizers, heads.

A layer knows tensors only: no data set, no configuration, no trainer. Where a layer has a published original, its
state-dict keys are the original's, so that weights load as they are. Masks are True where something may be seen.
"""
