"""How does a plan get its review in Salesforce Financial Services Cloud, and how does the answer come back?"""
