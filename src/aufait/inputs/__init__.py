"""From stored faces to what a network takes: alignments, network inputs, camera faults."""
