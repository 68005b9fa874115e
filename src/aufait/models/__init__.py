"""Networks: the default predictor, and the published systems, made by ``create_model``."""
