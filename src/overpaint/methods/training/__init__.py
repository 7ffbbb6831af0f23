"""What methods that fine-tune have in common."""
