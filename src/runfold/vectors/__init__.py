"""The indexes of large collections of vectors, and the projection of failures that are searched by similarity."""
