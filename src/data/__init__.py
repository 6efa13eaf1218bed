"""From recordings to batches: specs, data sets, readers, splits, samplers, normalisers, transforms, loaders.

Knows no model, no trainer and no command line. Nothing here draws by itself: every random number comes from a
generator of (seed, epoch, record, repeat), so a batch does not depend on the worker or process that made it.
"""
