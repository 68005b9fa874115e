"""How results are handed on and shown without drawing: as data frames and as small HTML cards. Knows no network and no file."""
