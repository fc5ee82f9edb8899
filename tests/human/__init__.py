"""The human loop: what people are asked, what they answer, and what happens when time runs out."""
