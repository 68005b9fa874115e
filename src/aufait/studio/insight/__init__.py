"""What is asked of finished recordings: summaries, why a score came about, comparisons."""
