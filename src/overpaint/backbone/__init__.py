"""What methods need of a pipeline: text states, token positions, noise predictions, samples, parameters by name."""
