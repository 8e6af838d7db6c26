"""The whole service at a glance, for the page and whoever asks: as it is now, and live."""
