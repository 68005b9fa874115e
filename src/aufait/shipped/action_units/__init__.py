"""The models of action units that ship: data, training, calibration, report."""
