"""All of Barometer on one machine, in one terminal: for trying it out and for small hosts."""
