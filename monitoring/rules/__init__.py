"""Rules on conditions that last: an error rate, a queue's age, a drift. Pure."""
