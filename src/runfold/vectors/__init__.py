"""The indexes of large collections of vectors: which are wanted, and building them."""
