"""Networks: the default predictor, and the published systems behind ``create_model``."""
