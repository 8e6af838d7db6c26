"""When a model is trained anew, and whether what was promoted may stay."""
