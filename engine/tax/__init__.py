"""What does the law say of these lots? Wash sales, holding periods, netting, closing methods."""
