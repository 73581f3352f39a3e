"""Addepar: holdings by lot, transactions, households and prices, brought to the values of the firm folder."""
