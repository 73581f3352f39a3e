"""What does a Salesforce org keep and enforce? The memory and the rules behind the stand-in's addresses."""
