"""Watches the predictions: exact sliding windows of negative results, alerts, Application Insights."""
