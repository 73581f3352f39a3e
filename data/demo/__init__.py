"""What does a firm look like that does not exist? A whole one, generated from a seed and labelled as such."""
