"""Methods that act while pictures are drawn: Safe Latent Diffusion and the negative prompt."""
