"""HTTP in, webhooks out. Never loads a model."""
