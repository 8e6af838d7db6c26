"""Asking the trainer: promotions and rollbacks, and what became of a job on its queue."""
