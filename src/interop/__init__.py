"""Other people's files, read without ever executing anything in them. Knows no trainer.

What is not tensors and plain values is refused by name.
"""
