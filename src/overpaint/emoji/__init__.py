"""The bundled emoji model: its vocabulary, its grader and the recipe that trained them."""
