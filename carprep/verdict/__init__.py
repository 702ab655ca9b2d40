"""The verdict: does training on the curated set prove it better than the heap it came from?

Stands above the pipeline and the trainer: builds each arm, trains on each, and scores all against the same held-out
pictures.
"""
