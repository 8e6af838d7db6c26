"""The whole circle, unattended: words change, alerts fire, a training is asked for, judged, and serves."""
