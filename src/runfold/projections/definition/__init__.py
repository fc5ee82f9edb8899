"""What a projection is: its file, the rules for users' files, and the catalogue of groups."""
