"""EMCID: editing massive concepts through the text encoder (arXiv 2403.13807), as published and as we would have it."""
