"""The challenger beside the champion: a sample of texts, scored where it delays nobody."""
