"""Telling receivers: endpoints, deliveries, signatures, and which addresses may be called."""
