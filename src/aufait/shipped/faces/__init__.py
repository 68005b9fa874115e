"""The face finder that ships: data, training, evaluation."""
