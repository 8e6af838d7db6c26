"""What reports there are. Apart from the arithmetic, so that whoever reads reports loads none of it."""

QUALITY = "quality"
ESTIMATE = "estimate"
DRIFT = "drift"
DATA = "data"
#: A training was asked for: when, and why.
TRAINING = "training"
